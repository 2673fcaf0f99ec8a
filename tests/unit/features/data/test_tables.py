"""Reading the retailer's tables: accepted forms, and the reported place of a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.data.reading.schema import SCHEMAS
from features.data.tables import DataError, Tables, check_reach, last_id, read_tables
from tests.support.tables import frames_of

pytestmark = pytest.mark.slow

Frames = dict[str, pl.DataFrame]
REQUIRED = [name for name in SCHEMAS if name != "test"]
FIRST_ROW = {"csv": 2, "parquet": 1}
"""Number of the first row: a CSV file's header is its first line."""


def valid() -> Frames:
    """Return small tables without a fault; each has at least two rows."""
    days = [date(2024, 3, 1), date(2024, 3, 2)]
    keys = {
        "date": [day for day in days for _ in range(2)],
        "store_nbr": [1, 2, 1, 2],
        "family": ["LIQUOR,WINE,BEER", "DAIRY"] * 2,
    }
    return {
        "train": pl.DataFrame(
            keys | {"sales": [1.5, 0.0, 3.0, 2.25], "onpromotion": [0, 1, 2, 0]}
        ).with_row_index("id"),
        "stores": pl.DataFrame(
            {
                "store_nbr": [1, 2],
                "city": ["Alder", "Brook"],
                "state": ["North", "South"],
                "type": ["A", "B"],
                "cluster": [3, 14],
            }
        ),
        "oil": pl.DataFrame({"date": days, "dcoilwtico": [None, 71.5]}),
        "holidays_events": pl.DataFrame(
            {
                "date": days,
                "type": ["Holiday", "Work Day"],
                "locale": ["National", "Local"],
                "locale_name": ["Country", "Alder"],
                "description": ["Spring, first day", "Spring-1"],
                "transferred": [True, False],
            }
        ),
        "transactions": pl.DataFrame(
            {"date": days, "store_nbr": [1, 2], "transactions": [170, 90]}
        ),
        "test": pl.DataFrame(
            {
                "id": [4, 5],
                "date": [date(2024, 3, 3)] * 2,
                "store_nbr": [1, 2],
                "family": ["LIQUOR,WINE,BEER", "DAIRY"],
                "onpromotion": [3, 0],
            }
        ),
    }


def write(folder: Path, frames: Mapping[str, pl.DataFrame], form: str) -> Path:
    for name, frame in frames.items():
        path = folder / f"{name}.{form}"
        frame.write_csv(path) if form == "csv" else frame.write_parquet(path)
    return folder


def with_value(frame: pl.DataFrame, row: int, column: str, value: object) -> pl.DataFrame:
    """Return a copy with another value in one cell; a string value makes the column text."""
    values: Sequence[object] = frame[column].to_list()
    if isinstance(value, str):
        values = frame[column].cast(pl.String).to_list()
    replaced = [value if number == row else old for number, old in enumerate(values)]
    return frame.with_columns(pl.Series(column, replaced))


def with_row(frame: pl.DataFrame, **values: object) -> pl.DataFrame:
    """Return a copy with its first row, altered, appended."""
    row = frame.row(0, named=True) | values
    return pl.concat([frame, pl.DataFrame([row], schema=frame.schema)])


def expect_error(folder: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_tables(folder)
    return caught.value


@pytest.fixture(params=["csv", "parquet"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_values_are_read_with_the_dtypes_of_the_schema(tmp_path: Path, form: str) -> None:
    tables = read_tables(write(tmp_path, valid(), form))
    for name, columns in SCHEMAS.items():
        frame = frames_of(tables)[name]
        assert frame.schema == {column.name: column.dtype for column in columns}
    assert tables.train["sales"].to_list() == [1.5, 0.0, 3.0, 2.25]
    assert tables.train["family"].unique().sort().to_list() == ["DAIRY", "LIQUOR,WINE,BEER"]
    assert tables.others["stores"]["cluster"].to_list() == ["3", "14"]
    assert tables.others["oil"]["dcoilwtico"].to_list() == [None, 71.5]
    assert tables.holidays_events["transferred"].to_list() == [True, False]


def test_csv_and_parquet_give_equal_tables(tmp_path: Path) -> None:
    folders = {form: tmp_path / form for form in ("csv", "parquet")}
    read: list[Tables] = []
    for form, folder in folders.items():
        folder.mkdir()
        read.append(read_tables(write(folder, valid(), form)))
    for name in SCHEMAS:
        assert_frame_equal(frames_of(read[0])[name], frames_of(read[1])[name])


def test_csv_and_parquet_may_be_mixed(tmp_path: Path) -> None:
    frames = valid()
    write(tmp_path, {"stores": frames.pop("stores")}, "csv")
    assert read_tables(write(tmp_path, frames, "parquet")).others["stores"].height == 2


def test_test_table_is_optional(tmp_path: Path, form: str) -> None:
    frames = valid()
    del frames["test"]
    assert read_tables(write(tmp_path, frames, form)).test is None


@pytest.mark.parametrize(
    ("written", "value"),
    [("True", True), ("false", False), ("FALSE", False), ("1", True), ("0", False)],
)
def test_booleans_may_be_spelled(tmp_path: Path, form: str, written: str, value: bool) -> None:
    frames = valid()
    frames["holidays_events"] = with_value(frames["holidays_events"], 1, "transferred", written)
    tables = read_tables(write(tmp_path, frames, form))
    assert tables.holidays_events["transferred"].to_list() == [True, value]


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    error = expect_error(tmp_path / "nowhere")
    assert (error.file, error.row, error.column) == (tmp_path / "nowhere", None, None)
    assert "is not a folder" in str(error)


@pytest.mark.parametrize("name", REQUIRED)
def test_missing_table_is_reported(tmp_path: Path, form: str, name: str) -> None:
    frames = valid()
    del frames[name]
    error = expect_error(write(tmp_path, frames, form))
    assert (error.file, error.row, error.column) == (tmp_path, None, None)
    assert f"holds no {name}.parquet or {name}.csv" in str(error)


@pytest.mark.parametrize("name", SCHEMAS)
def test_table_in_both_formats_is_refused(tmp_path: Path, form: str, name: str) -> None:
    write(tmp_path, valid(), form)
    other = "parquet" if form == "csv" else "csv"
    error = expect_error(write(tmp_path, {name: valid()[name]}, other))
    assert (error.file, error.row, error.column) == (tmp_path, None, None)
    assert f"holds both {name}.parquet and {name}.csv" in str(error)


@pytest.mark.parametrize(
    ("name", "column"),
    [(name, column.name) for name, columns in SCHEMAS.items() for column in columns],
)
def test_missing_column_is_reported(tmp_path: Path, form: str, name: str, column: str) -> None:
    frames = valid()
    frames[name] = frames[name].drop(column)
    error = expect_error(write(tmp_path, frames, form))
    assert (error.file, error.row, error.column) == (tmp_path / f"{name}.{form}", None, column)
    assert "is missing" in str(error)


@pytest.mark.parametrize("name", SCHEMAS)
def test_table_without_rows_is_refused(tmp_path: Path, form: str, name: str) -> None:
    frames = valid()
    frames[name] = frames[name].clear()
    error = expect_error(write(tmp_path, frames, form))
    assert (error.file, error.row, error.column) == (tmp_path / f"{name}.{form}", None, None)
    assert "has no rows" in str(error)


@pytest.mark.parametrize(
    ("form", "content", "reason"),
    [
        pytest.param("csv", b"", "is empty", id="empty csv"),
        pytest.param("parquet", b"", "cannot be read", id="empty parquet"),
        pytest.param("parquet", b"not a table" * 9, "cannot be read", id="not parquet"),
        pytest.param("csv", b"date,dcoilwtico\n2024-03-01,\xff\n", "cannot be read", id="no utf-8"),
    ],
)
def test_file_that_holds_no_table_is_refused(
    tmp_path: Path, form: str, content: bytes, reason: str
) -> None:
    write(tmp_path, valid(), form)
    path = tmp_path / f"oil.{form}"
    path.write_bytes(content)
    error = expect_error(tmp_path)
    assert (error.file, error.row, error.column) == (path, None, None)
    assert reason in str(error)


NO_DATE = "a date (YYYY-MM-DD) is expected"
NO_NUMBER = "a number is expected"
NOT_FINITE = "a finite number is expected"
NO_TEXT = "a text is expected"
NO_BOOLEAN = "true or false is expected"


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize(
    ("name", "column", "value", "reason"),
    [
        pytest.param("train", "date", "2024-02-30", f"'2024-02-30' where {NO_DATE}", id="no day"),
        pytest.param("train", "date", "01/02/2024", f"'01/02/2024' where {NO_DATE}", id="slashes"),
        pytest.param("train", "date", None, f"no value where {NO_DATE}", id="no date"),
        pytest.param("oil", "date", "soon", f"'soon' where {NO_DATE}", id="oil date"),
        pytest.param("holidays_events", "date", "2023-02-29", NO_DATE, id="holiday date"),
        pytest.param("transactions", "date", "", NO_DATE, id="transactions date"),
        pytest.param("train", "sales", "many", f"'many' where {NO_NUMBER}", id="text as sales"),
        pytest.param("train", "sales", "1,5", NO_NUMBER, id="decimal comma"),
        pytest.param("train", "sales", None, f"no value where {NO_NUMBER}", id="no sales"),
        pytest.param("train", "sales", "nan", f"'nan' where {NOT_FINITE}", id="nan"),
        pytest.param("train", "sales", "inf", NOT_FINITE, id="infinite"),
        pytest.param("train", "sales", "-inf", NOT_FINITE, id="minus infinite"),
        pytest.param("train", "sales", "-0.5", "'-0.5' where a number of at least 0", id="return"),
        pytest.param("train", "onpromotion", "-1", "at least 0", id="negative promotion"),
        pytest.param("train", "onpromotion", None, NO_NUMBER, id="no promotion"),
        pytest.param("train", "family", None, f"no value where {NO_TEXT}", id="no family"),
        pytest.param("train", "store_nbr", "1.5", f"'1.5' where {NO_NUMBER}", id="half a store"),
        pytest.param("stores", "store_nbr", "one", NO_NUMBER, id="text as store"),
        pytest.param("stores", "city", None, NO_TEXT, id="no city"),
        pytest.param("oil", "dcoilwtico", "cheap", NO_NUMBER, id="text as price"),
        pytest.param("oil", "dcoilwtico", "nan", NOT_FINITE, id="nan as price"),
        pytest.param("transactions", "transactions", "-3", "at least 0", id="negative traffic"),
        pytest.param("transactions", "store_nbr", None, NO_NUMBER, id="no store"),
        pytest.param("holidays_events", "type", "Holyday", "one of Holiday, Additional", id="type"),
        pytest.param("holidays_events", "locale", "Galaxy", "one of National, Reg", id="locale"),
        pytest.param(
            "holidays_events", "transferred", "maybe", f"'maybe' where {NO_BOOLEAN}", id="maybe"
        ),
        pytest.param("holidays_events", "transferred", "2", f"'2' where {NO_BOOLEAN}", id="two"),
        pytest.param(
            "holidays_events", "transferred", None, f"no value where {NO_BOOLEAN}", id="no flag"
        ),
        pytest.param("test", "onpromotion", None, NO_NUMBER, id="no plan"),
        pytest.param("test", "id", "x", NO_NUMBER, id="text as id"),
    ],
)
def test_wrong_value_is_reported_with_its_row_and_column(
    tmp_path: Path, form: str, row: int, name: str, column: str, value: str | None, reason: str
) -> None:
    frames = valid()
    frames[name] = with_value(frames[name], row, column, value)
    error = expect_error(write(tmp_path, frames, form))
    assert error.file == tmp_path / f"{name}.{form}"
    assert error.row == row + FIRST_ROW[form]
    assert error.column == column
    assert reason in str(error)
    assert f"{error.file}, row {error.row}, column {column}: " in str(error)


@pytest.mark.parametrize(
    ("name", "column", "value", "reason"),
    [
        pytest.param("train", "sales", float("nan"), NOT_FINITE, id="nan"),
        pytest.param("train", "sales", float("inf"), NOT_FINITE, id="infinite"),
        pytest.param("train", "sales", -0.5, "at least 0", id="return"),
        pytest.param("train", "store_nbr", 1.5, f"'1.5' where {NO_NUMBER}", id="half a store"),
        pytest.param("transactions", "transactions", -3, "at least 0", id="negative traffic"),
    ],
)
def test_wrong_number_of_a_parquet_file_is_reported(
    tmp_path: Path, name: str, column: str, value: float, reason: str
) -> None:
    frames = valid()
    frames[name] = with_value(frames[name].cast({column: pl.Float64}), 1, column, value)
    error = expect_error(write(tmp_path, frames, "parquet"))
    assert error.file == tmp_path / f"{name}.parquet"
    assert (error.row, error.column) == (2, column)
    assert reason in str(error)


@pytest.mark.parametrize(
    ("name", "column", "values", "reason"),
    [
        pytest.param("oil", "date", [19783, 19784], f"Int64 where {NO_DATE}", id="number as date"),
        pytest.param(
            "oil",
            "dcoilwtico",
            [date(2024, 3, 1)] * 2,
            f"Date where {NO_NUMBER}",
            id="date as price",
        ),
        pytest.param("oil", "dcoilwtico", [[1.0], []], NO_NUMBER, id="list as price"),
        pytest.param("stores", "city", [["a"], ["b"]], NO_TEXT, id="list as text"),
        pytest.param("holidays_events", "transferred", [0.5, 1.0], NO_BOOLEAN, id="share"),
    ],
)
def test_parquet_column_of_another_kind_is_refused(
    tmp_path: Path, name: str, column: str, values: list[object], reason: str
) -> None:
    frames = valid()
    frames[name] = frames[name].with_columns(pl.Series(column, values))
    error = expect_error(write(tmp_path, frames, "parquet"))
    assert error.file == tmp_path / f"{name}.parquet"
    assert (error.row, error.column) == (None, column)
    assert reason in str(error)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(valid()["oil"].cast({"date": pl.Datetime}), id="timestamps"),
        pytest.param(valid()["oil"].cast({"date": pl.String}), id="texts"),
        pytest.param(valid()["oil"].cast({"dcoilwtico": pl.Float32}), id="single precision"),
        pytest.param(valid()["oil"].cast({"dcoilwtico": pl.Decimal(10, 2)}), id="decimals"),
    ],
)
def test_parquet_column_of_a_compatible_kind_is_accepted(
    tmp_path: Path, frame: pl.DataFrame
) -> None:
    tables = read_tables(write(tmp_path, valid() | {"oil": frame}, "parquet"))
    assert_frame_equal(tables.others["oil"], valid()["oil"])


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        pytest.param("train", ("date", "store_nbr", "family"), id="train"),
        pytest.param("stores", ("store_nbr",), id="stores"),
        pytest.param("oil", ("date",), id="oil"),
        pytest.param("transactions", ("date", "store_nbr"), id="transactions"),
        pytest.param("test", ("date", "store_nbr", "family"), id="test"),
    ],
)
def test_repeated_key_is_reported_with_both_rows(
    tmp_path: Path, form: str, name: str, keys: tuple[str, ...]
) -> None:
    frames = valid()
    others = {"sales": 9.0, "onpromotion": 9, "city": "Cove", "dcoilwtico": 9.0, "id": 9}
    others = {key: value for key, value in others.items() if key in frames[name].columns}
    frames[name] = with_row(frames[name], **others)
    error = expect_error(write(tmp_path, frames, form))
    first = FIRST_ROW[form]
    assert error.file == tmp_path / f"{name}.{form}"
    assert error.row == first + frames[name].height - 1
    assert error.column == keys[-1]
    assert f"repeats row {first} (" in str(error)
    assert all(f"{key} {frames[name][key][0]}" in str(error) for key in keys)


def test_holidays_may_share_a_date(tmp_path: Path, form: str) -> None:
    frames = valid()
    frames["holidays_events"] = with_row(frames["holidays_events"])
    assert read_tables(write(tmp_path, frames, form)).holidays_events.height == 3


@pytest.mark.parametrize(
    ("name", "values", "column", "reason"),
    [
        pytest.param("train", {"store_nbr": 7}, "store_nbr", "store_nbr 7 is not in the stores"),
        pytest.param("transactions", {"store_nbr": 7}, "store_nbr", "not in the stores table"),
        pytest.param("test", {"store_nbr": 7}, "store_nbr", "not in the stores table"),
        pytest.param(
            "test", {"family": "DAIRI"}, "family", "store_nbr 1, family DAIRI is not in the train"
        ),
    ],
    ids=["store of train", "store of transactions", "store of test", "series of test"],
)
def test_unknown_reference_is_reported(
    tmp_path: Path,
    form: str,
    name: str,
    values: dict[str, object],
    column: str,
    reason: str,
) -> None:
    frames = valid()
    frames[name] = with_row(frames[name], **values)
    error = expect_error(write(tmp_path, frames, form))
    assert error.file == tmp_path / f"{name}.{form}"
    assert error.row == FIRST_ROW[form] + frames[name].height - 1
    assert error.column == column
    assert reason in str(error)


@pytest.mark.parametrize("day", [date(2024, 3, 2), date(2024, 2, 1)], ids=["same day", "earlier"])
def test_test_must_begin_after_train(tmp_path: Path, form: str, day: date) -> None:
    frames = valid()
    frames["test"] = with_value(frames["test"], 1, "date", day)
    error = expect_error(write(tmp_path, frames, form))
    assert error.file == tmp_path / f"test.{form}"
    assert (error.row, error.column) == (1 + FIRST_ROW[form], "date")
    assert f"{day} is not after the last day of sales (2024-03-02)" in str(error)


def test_first_of_several_wrong_rows_is_reported(tmp_path: Path, form: str) -> None:
    frames = valid()
    for row in (3, 1, 2):
        frames["train"] = with_value(frames["train"], row, "sales", "?")
    assert expect_error(write(tmp_path, frames, form)).row == 1 + FIRST_ROW[form]


def test_blank_line_of_a_csv_file_is_counted(tmp_path: Path) -> None:
    write(tmp_path, valid(), "csv")
    lines = (tmp_path / "train.csv").read_text().splitlines()
    (tmp_path / "train.csv").write_text("\n".join([*lines[:2], "", *lines[2:]]))
    assert expect_error(tmp_path).row == 3


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="crlf"),
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.rstrip("\n"), id="no last newline"),
    ],
)
def test_csv_dialects_are_read(tmp_path: Path, edit: Callable[[str], str]) -> None:
    write(tmp_path, valid(), "csv")
    path = tmp_path / "train.csv"
    path.write_bytes(edit(path.read_text()).encode())
    assert read_tables(tmp_path).train["sales"].to_list() == [1.5, 0.0, 3.0, 2.25]


def test_single_precision_means_the_decimal_that_it_stands_for(tmp_path: Path) -> None:
    frames = valid()
    frames["train"] = frames["train"].with_columns(pl.lit(12.345, pl.Float32).alias("sales"))
    tables = read_tables(write(tmp_path, frames, "parquet"))
    assert set(tables.train["sales"].to_list()) == {12.345}


@pytest.mark.parametrize("blank", ["", "  "], ids=["empty", "spaces"])
def test_a_blank_text_is_no_text(tmp_path: Path, blank: str) -> None:
    frames = valid()
    frames["train"] = with_value(frames["train"], 1, "family", blank)
    error = expect_error(write(tmp_path, frames, "parquet"))
    assert (error.row, error.column) == (2, "family")


# --- ids and days for a forecast file ---------------------------------------------------------


def test_the_last_id_is_the_largest(tmp_path: Path, form: str) -> None:
    frames = valid()
    frames["train"] = with_value(frames["train"], 1, "id", 17)
    assert last_id(write(tmp_path, frames, form), "train") == 17


def test_train_needs_no_ids(tmp_path: Path, form: str) -> None:
    frames = valid()
    frames["train"] = frames["train"].drop("id")
    assert last_id(write(tmp_path, frames, form), "train") is None


def test_an_id_that_is_no_number_is_refused(tmp_path: Path, form: str) -> None:
    frames = valid()
    frames["train"] = with_value(frames["train"], 2, "id", "c")
    with pytest.raises(DataError, match="'c' where a number is expected") as caught:
        last_id(write(tmp_path, frames, form), "train")
    assert (caught.value.row, caught.value.column) == (2 + FIRST_ROW[form], "id")


def test_an_id_after_a_byte_order_mark_is_found(tmp_path: Path) -> None:
    write(tmp_path, valid(), "csv")
    path = tmp_path / "train.csv"
    path.write_bytes(("\ufeff" + path.read_text()).encode())
    assert last_id(tmp_path, "train") == 3


@pytest.mark.parametrize(("ahead", "within"), [(90, True), (91, False)])
def test_days_that_test_reaches_ahead_are_bounded(
    tmp_path: Path, form: str, ahead: int, within: bool
) -> None:
    frames = valid()
    late = date(2024, 3, 2) + timedelta(ahead)
    frames["test"] = with_value(frames["test"], 1, "date", late)
    tables = read_tables(write(tmp_path, frames, form))
    if within:
        check_reach(tmp_path, tables)
        return
    with pytest.raises(DataError, match=f"{late} is more than 90 days after") as caught:
        check_reach(tmp_path, tables)
    assert caught.value.file == tmp_path / f"test.{form}"
    assert (caught.value.row, caught.value.column) == (1 + FIRST_ROW[form], "date")


def test_without_test_no_day_is_too_far_ahead(tmp_path: Path, form: str) -> None:
    frames = valid()
    del frames["test"]
    check_reach(tmp_path, read_tables(write(tmp_path, frames, form)))
