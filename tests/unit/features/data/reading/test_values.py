"""Equal text is the same value in CSV and Parquet; other text is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from features.data.findings import Report
from features.data.reading.files import list_tables
from features.data.reading.layout import STANDARD, DecimalMark, TableLayout
from features.data.reading.reader import ReadTable, read_table
from features.data.reading.schema import schemas_of
from features.data.reading.values import advise_on_number
from features.data.specification import FAVORITA
from tests.unit.features.data.reading.sheets import frames

STORES = frames()["stores"]

SCHEMAS = schemas_of(FAVORITA)


def read(folder: Path, frame: pl.DataFrame, name: str) -> tuple[ReadTable | None, Report]:
    frame.write_parquet(folder / f"{name}.parquet")
    report = Report()
    return read_table(folder, name, SCHEMAS[name], STANDARD, report), report


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(pl.Series(["1", " 2", "014"]), id="texts"),
        pytest.param(pl.Series(["1.0", "+2", "1.4e1"]), id="texts of floats"),
        pytest.param(pl.Series([b"1", b"2.", b"14.00"]), id="bytes"),
        pytest.param(pl.Series(["1.0", "2", "14"], dtype=pl.Categorical), id="categories"),
        pytest.param(pl.Series(["1.00", "2.00", "14.00"]).cast(pl.Decimal(9, 2)), id="decimals"),
        pytest.param(pl.Series([1, 2, 14], dtype=pl.UInt8), id="bytes without sign"),
        pytest.param(pl.Series([1.0, 2.0, 14.0], dtype=pl.Float32), id="single precision"),
    ],
)
def test_a_store_number_is_read_from_every_carrier_type(tmp_path: Path, numbers: pl.Series) -> None:
    table, report = read(tmp_path, STORES.with_columns(store_nbr=numbers), "stores")
    assert report.errors == []
    assert table is not None
    assert table.frame["store_nbr"].to_list() == [1, 2, 14]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["٣"], None, id="digits of Arabic"),
        pytest.param(["0x10"], None, id="hexadecimal"),
        pytest.param(["1_0"], None, id="underscore"),
        pytest.param(["1 000"], None, id="blank between thousands"),
        pytest.param(["1e400"], None, id="beyond floats"),
        pytest.param(["-0.0"], [0.0], id="minus nothing"),
        pytest.param([".5"], [0.5], id="no digit before the point"),
    ],
)
def test_a_number_has_one_notation(
    tmp_path: Path, values: list[str], expected: list[float] | None
) -> None:
    frame = pl.DataFrame({"date": ["2024-01-01"], "dcoilwtico": values})
    table, report = read(tmp_path, frame, "oil")
    if expected is None:
        assert [kind.first.row for kind in report.errors] == [1]
        return
    assert table is not None
    assert [str(value) for value in table.frame["dcoilwtico"]] == [str(v) for v in expected]


@pytest.mark.parametrize("decimal", DecimalMark)
@pytest.mark.parametrize("number", ["1,234,567", "-12,345,678", "1.234.567", "1,234.5", "1.234,5"])
def test_advice_on_marks_between_thousands_is_to_leave_them_out(
    number: str, decimal: DecimalMark
) -> None:
    advice = advise_on_number(number, TableLayout(decimal=decimal))
    assert advice == "write numbers without marks between thousands"


@pytest.mark.parametrize("text", ["31.12.2023", "1,2,3", "1,234,56", ",,"])
def test_other_texts_with_several_marks_are_not_taken_for_thousands(text: str) -> None:
    advice = advise_on_number(text, STANDARD)
    assert advice is None


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(pl.Series([5012345678900.0], dtype=pl.Float32), id="single precision"),
        pytest.param(pl.Series([2.0**60]), id="double precision"),
        pytest.param(pl.Series([2**63], dtype=pl.UInt64), id="without sign"),
        pytest.param(pl.Series(["9223372036854775808"]), id="text"),
    ],
)
def test_an_inexactly_stored_number_is_refused(tmp_path: Path, number: pl.Series) -> None:
    _, report = read(tmp_path, STORES[:1].with_columns(store_nbr=number), "stores")
    assert [(k.first.code, k.first.row) for k in report.errors] == [("number", 1)]


def _datetimes_of(hours: Sequence[int], zone: str | None) -> pl.Series:
    texts = [f"2024-03-{number + 1:02} {hour:02}:00" for number, hour in enumerate(hours)]
    return pl.Series(texts).str.to_datetime("%Y-%m-%d %H:%M").dt.replace_time_zone(zone)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "America/Guayaquil"])
def test_midnight_is_the_day_of_its_own_zone(tmp_path: Path, zone: str | None) -> None:
    frame = pl.DataFrame({"date": _datetimes_of([0, 0], zone), "dcoilwtico": [1.0, 2.0]})
    table, _ = read(tmp_path, frame, "oil")
    assert table is not None
    assert table.frame["date"].to_list() == [date(2024, 3, 1), date(2024, 3, 2)]


@pytest.mark.parametrize(
    "instants",
    [
        pytest.param(_datetimes_of([0, 23], None), id="time of day"),
        pytest.param(
            _datetimes_of([0, 0], "Europe/Berlin").dt.convert_time_zone("UTC")[[1, 1]],
            id="midnight of elsewhere",
        ),
    ],
)
def test_an_instant_is_no_day(tmp_path: Path, instants: pl.Series) -> None:
    frame = pl.DataFrame({"date": instants, "dcoilwtico": [1.0, 2.0]})
    _, report = read(tmp_path, frame, "oil")
    (kind,) = report.errors
    assert (kind.first.column, kind.first.code) == ("date", "date")
    assert "not midnight" in kind.first.line


def test_bytes_that_are_not_utf_8_are_refused_with_column_and_row(tmp_path: Path) -> None:
    cities = pl.Series([b"Alder", "Pâté".encode("latin-1"), b"Cove"])
    _, report = read(tmp_path, STORES.with_columns(city=cities), "stores")
    (kind,) = report.errors
    assert kind.first.column == "city"
    assert "row 2 holds bytes that are not UTF-8" in kind.first.line


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        pytest.param(" Alder", "Alder", id="blank before"),
        pytest.param("Al\u200bder", "Alder", id="zero width"),
        pytest.param("Old\u00a0 Alder", "Old Alder", id="blanks inside"),
        pytest.param("Pa\u0302te\u0301", "Pâté", id="decomposed"),
    ],
)
def test_names_are_read_in_their_canonical_form_with_a_warning(
    tmp_path: Path, name: str, clean: str
) -> None:
    frame = STORES.with_columns(city=pl.Series([name, "Brook", "Cove"]))
    table, report = read(tmp_path, frame, "stores")
    assert table is not None
    assert table.frame["city"][0] == clean
    (kind,) = report.warnings
    assert (kind.first.code, kind.first.row, kind.count) == ("name-form", 1, 1)


@pytest.mark.parametrize("word", ["nan", "NULL", "None", "#N/A", "<NA>", "n/a"])
def test_a_placeholder_for_no_value_is_no_name(tmp_path: Path, word: str) -> None:
    frame = STORES.with_columns(city=pl.Series([word, "Brook", "Cove"]))
    _, report = read(tmp_path, frame, "stores")
    assert [(k.first.code, k.first.row) for k in report.errors] == [("no-value-word", 1)]


def test_na_is_accepted_as_a_state_and_refused_as_a_family(tmp_path: Path) -> None:
    _, report = read(tmp_path, STORES.with_columns(state=pl.lit("NA")), "stores")
    assert report.errors == []
    train = frames()["train"].with_columns(family=pl.lit("NA"))
    _, report = read(tmp_path, train, "train")
    assert report.errors[0].first.code == "no-value-word"


def test_two_spellings_of_a_number_are_a_warning(tmp_path: Path) -> None:
    frame = frames()["transactions"].cast({"store_nbr": pl.String})
    first = pl.int_range(pl.len()) == 0
    frame = frame.with_columns(store_nbr=pl.when(first).then(pl.lit("001")).otherwise("store_nbr"))
    _, report = read(tmp_path, frame, "transactions")
    assert [(k.first.code, k.first.row) for k in report.warnings] == [("leading-zeros", 1)]


DATA_SETS = pytest.mark.parametrize("name", ["train.parquet", "train"], ids=["suffix", "plain"])


@DATA_SETS
def test_parts_of_a_folder_are_read_as_one_table(tmp_path: Path, name: str) -> None:
    train = frames()["train"]
    folder = tmp_path / name
    for number, part in enumerate(train.partition_by("store_nbr")):
        store = folder / f"store_nbr={part['store_nbr'][0]}"
        store.mkdir(parents=True)
        part.drop("store_nbr").write_parquet(store / f"part-{number}.parquet")
    (folder / "_SUCCESS").touch()
    report = Report()
    table = read_table(tmp_path, "train", SCHEMAS["train"], STANDARD, report)
    assert report.kinds == []
    assert table is not None
    keys = ["date", "store_nbr", "family"]
    assert table.data.sort(keys)["sales"].to_list() == train.sort(keys)["sales"].to_list()


@DATA_SETS
def test_a_fault_in_a_part_names_the_part_and_its_row(tmp_path: Path, name: str) -> None:
    train = frames()["train"].cast({"sales": pl.String})
    folder = tmp_path / name
    folder.mkdir()
    train[:100].write_parquet(folder / "a.parquet")
    bad = pl.when(pl.int_range(pl.len()) == 4).then(pl.lit("?")).otherwise("sales")
    train[100:].with_columns(sales=bad).write_parquet(folder / "b.parquet")
    report = Report()
    read_table(tmp_path, "train", SCHEMAS["train"], STANDARD, report)
    first = report.errors[0].first
    assert (first.file, first.row, first.column) == (f"{name}/b.parquet", 5, "sales")


def test_only_folders_of_parquet_files_with_the_name_of_a_table_of_sales_are_listed(
    tmp_path: Path,
) -> None:
    for name in ("train", "older"):
        (tmp_path / name / "year=2017").mkdir(parents=True)
        frames()["train"].write_parquet(tmp_path / name / "year=2017" / "a.parquet")
    (tmp_path / "test").mkdir()
    assert list_tables(tmp_path) == ["train"]
