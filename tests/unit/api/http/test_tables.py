"""Tables: the same columns and values in every format."""

from __future__ import annotations

import io
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.http.table_files import (
    ARROW_END,
    FACTS,
    frame_of,
    write_arrow_part,
    write_parquet,
    write_table,
)
from api.http.tables import (
    Column,
    ColumnKind,
    Row,
    Table,
    none_for_nan,
    retailer_columns,
    write_csv,
)
from middleware.headers import ARROW, PARQUET

COLUMNS = (
    Column("row", ColumnKind.INTEGER),
    Column("family", ColumnKind.TEXT),
    Column("date", ColumnKind.DAY),
    Column("prediction", ColumnKind.NUMBER),
    Column("in_sample", ColumnKind.BOOLEAN),
)
ROWS: list[Row] = [
    [1, "=1+1", date(2024, 7, 1), 0.1 + 0.2, True],
    [2, "ÖL, frisch", date(2024, 7, 2), None, False],
    [3, None, "+today", 1e300, None],
]
SCHEMA = {
    "row": pl.Int64,
    "family": pl.String,
    "date": pl.Date,
    "prediction": pl.Float64,
    "in_sample": pl.Boolean,
}
READERS = {PARQUET: pl.read_parquet, ARROW: pl.read_ipc_stream}


@pytest.mark.parametrize("media_type", READERS)
@pytest.mark.parametrize("rows", [ROWS, []], ids=["rows", "no rows"])
def test_a_file_has_typed_columns_and_exact_values(media_type: str, rows: list[Row]) -> None:
    frame = READERS[media_type](io.BytesIO(write_table(media_type, Table(COLUMNS, rows))))
    assert frame.schema == SCHEMA
    known = [[None if cell == "+today" else cell for cell in row] for row in rows]
    assert [list(row) for row in frame.rows()] == known


@pytest.mark.parametrize("media_type", READERS)
def test_the_same_table_is_the_same_file(media_type: str) -> None:
    """An ETag is a hash of the file."""
    table = Table(COLUMNS, ROWS, {"model_version": "one"})
    assert write_table(media_type, table) == write_table(media_type, table)


def test_parts_of_a_table_are_one_file() -> None:
    frames = [frame_of(COLUMNS, rows) for rows in (ROWS[:1], [], ROWS[1:])]
    parts = [write_arrow_part(frame, first=at == 0) for at, frame in enumerate(frames)]
    stream = b"".join((*parts, ARROW_END))
    whole = frame_of(COLUMNS, ROWS)
    assert pl.read_ipc_stream(stream).equals(whole)
    assert pl.DataFrame(pa.ipc.open_stream(stream).read_all()).equals(whole)
    assert pl.read_parquet(write_parquet(frames, {})).equals(whole)


def test_a_parquet_file_has_the_facts_in_its_metadata() -> None:
    facts = {"model_version": "one", "origin": date(2024, 6, 30)}
    file = io.BytesIO(write_table(PARQUET, Table(COLUMNS, ROWS, facts)))
    expected = '{"model_version":"one","origin":"2024-06-30"}'
    assert pl.read_parquet_metadata(file)[FACTS] == expected


def test_other_readers_know_the_types() -> None:
    """Texts have the older layout in Arrow, which JavaScript and older versions read."""
    table = Table(COLUMNS, ROWS)
    stream = pa.ipc.open_stream(write_table(ARROW, table)).read_all()
    parquet = pq.read_table(io.BytesIO(write_table(PARQUET, table)))
    for read in (stream, parquet):
        types = ["int64", "large_string", "date32[day]", "double", "bool"]
        assert [str(field.type) for field in read.schema] == types
        assert read.column("prediction").to_pylist() == [row[3] for row in ROWS]


def test_csv_has_the_same_values_as_texts_safe_for_spreadsheets() -> None:
    assert write_csv(COLUMNS, ROWS, header=True).split("\r\n") == [
        "row,family,date,prediction,in_sample",
        "1,'=1+1,2024-07-01,0.30000000000000004,true",
        '2,"ÖL, frisch",2024-07-02,,false',
        "3,,'+today,1e+300,",
        "",
    ]
    assert write_csv(COLUMNS, [], header=False) == ""


def test_a_retailers_column_with_a_taken_name_is_written_as_a_path() -> None:
    columns = retailer_columns(["shop", "code"], ColumnKind.TEXT, taken={"code"}, member="series")
    assert [column.name for column in columns] == ["shop", "series.code"]


def test_values_that_are_not_known_are_none() -> None:
    assert none_for_nan(np.array([[1.0, np.nan], [np.nan, 0.0]])) == [[1.0, None], [None, 0.0]]
