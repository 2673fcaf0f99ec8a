"""Altered tables give the same values, an error or a warning, never a silent change.

`MLRF_EXAMPLES=20000 pytest tests/unit/features/data/reading/test_fuzz.py` is the long form.
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from random import Random

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from features.data.findings import Report, Severity
from features.data.reading.layout import STANDARD
from features.data.reading.schema import SCHEMAS
from features.data.tables import Tables, check_tables, read_tables
from tests.support.tables import frames_of
from tests.unit.features.data.reading.sheets import (
    Sheet,
    frames,
    sheets,
    write_frames,
    write_sheets,
)

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("MLRF_EXAMPLES", "60"))
LIBRARY_WORDS = re.compile(
    r"polars|pyarrow|arrow|numpy|python|traceback|computeerror|infer_schema|ignore_errors|"
    r"dtype|utf8view|panicked|schema",
    re.IGNORECASE,
)


class Outcome(Enum):
    """The required outcome of an alteration."""

    SAME = "the values are those of the clean tables"
    REFUSED = "an error"
    NOTICED = "an error or a warning"


Alter = Callable[[dict[str, Sheet], Random], None]
AlterFrames = Callable[[dict[str, pl.DataFrame], Random], None]
TEXTS: dict[str, tuple[Alter, Outcome]] = {}
FRAMES: dict[str, tuple[AlterFrames, Outcome]] = {}

NUMBERS = ("sales", "onpromotion", "transactions")
WHOLE = ("store_nbr", "onpromotion", "transactions")
DATES = ("date",)
NAMES = ("family", "city", "state", "type", "description")


def _choose_cell(
    written: dict[str, Sheet], columns: tuple[str, ...], draw: Random
) -> tuple[Sheet, int, int]:
    """Return a sheet with a row and a column of it, of one of some columns."""
    places = [
        (name, column)
        for name, sheet in written.items()
        for column in columns
        if column in sheet.header and (name, column) != ("holidays_events", "type")
    ]
    name, column = draw.choice(places)
    sheet = written[name]
    return sheet, draw.randrange(len(sheet.rows)), sheet.header.index(column)


def _add_cell_case(
    name: str, columns: tuple[str, ...], outcome: Outcome, change: Callable[[str, Random], str]
) -> None:
    def alter(written: dict[str, Sheet], draw: Random) -> None:
        sheet, row, column = _choose_cell(written, columns, draw)
        sheet.rows[row][column] = change(sheet.rows[row][column], draw)

    TEXTS[name] = (alter, outcome)


def _add_column_case(
    name: str, columns: tuple[str, ...], outcome: Outcome, change: Callable[[str], str]
) -> None:
    def alter(written: dict[str, Sheet], draw: Random) -> None:
        sheet, _, column = _choose_cell(written, columns, draw)
        for row in sheet.rows:
            row[column] = change(row[column])

    TEXTS[name] = (alter, outcome)


def _add_sheet_case(name: str, outcome: Outcome, change: Callable[[Sheet, Random], None]) -> None:
    def alter(written: dict[str, Sheet], draw: Random) -> None:
        change(written[draw.choice(sorted(written))], draw)

    TEXTS[name] = (alter, outcome)


def _day_first(day: str, mark: str) -> str:
    return mark.join(reversed(day.split("-")))


SAME, REFUSED, NOTICED = Outcome.SAME, Outcome.REFUSED, Outcome.NOTICED
for blank in (" ", "\t", "\u00a0"):
    _add_cell_case(f"number in {blank!r}", NUMBERS, SAME, lambda v, _, b=blank: f"{b}{v}{b}")
    _add_cell_case(f"name in {blank!r}", NAMES, SAME, lambda v, _, b=blank: f"{b}{v}{b}")
    _add_cell_case(f"date in {blank!r}", DATES, SAME, lambda v, _, b=blank: f"{b}{v}{b}")
_add_cell_case("zero-width character", NAMES, SAME, lambda v, _: f"{v[:1]}\u200b{v[1:]}")
_add_column_case("decomposed names", NAMES, SAME, lambda v: unicodedata.normalize("NFD", v))
_add_cell_case("decomposed name", NAMES, SAME, lambda v, _: unicodedata.normalize("NFD", v))
_add_cell_case("other case of a family", ("family",), NOTICED, lambda v, _: v.swapcase())
_add_column_case("whole numbers with .0", WHOLE, SAME, lambda v: v if "." in v else f"{v}.0")
_add_cell_case("whole number with .0", WHOLE, SAME, lambda v, _: v if "." in v else f"{v}.00")
_add_cell_case("plus sign", NUMBERS, SAME, lambda v, _: f"+{v}")
_add_cell_case("exponent", NUMBERS, SAME, lambda v, _: f"{float(v):.6e}")
_add_cell_case("leading zeros", ("store_nbr",), SAME, lambda v, _: f"00{v}")
_add_cell_case("no value", (*NUMBERS, *DATES, *NAMES, "store_nbr"), REFUSED, lambda v, _: "")
_add_cell_case(
    "word for no value",
    (*NUMBERS, *DATES, "family", "city", "store_nbr"),
    REFUSED,
    lambda v, draw: draw.choice(["NULL", "nan", "None", "#N/A", "<NA>", "NaN", "n/a"]),
)
_add_cell_case("decimal comma", NUMBERS, REFUSED, lambda v, _: f"{v.partition('.')[0]},5")
_add_cell_case("thousands", NUMBERS, REFUSED, lambda v, _: "1,234.5")
_add_cell_case("digits of Arabic", NUMBERS, REFUSED, lambda v, _: "٣")
_add_cell_case("hexadecimal", NUMBERS, REFUSED, lambda v, _: "0x10")
_add_cell_case("underscore", NUMBERS, REFUSED, lambda v, _: "1_0")
_add_cell_case("infinite", NUMBERS, REFUSED, lambda v, draw: draw.choice(["inf", "-inf", "1e999"]))
_add_cell_case("negative", NUMBERS, REFUSED, lambda v, _: f"-{v}1")
_add_cell_case("half a store", ("store_nbr",), REFUSED, lambda v, _: f"{v}.5")
_add_cell_case("store beyond int64", ("store_nbr",), REFUSED, lambda v, _: "9" * 20)
_add_cell_case("unknown store", ("store_nbr",), NOTICED, lambda v, _: "77")
_add_column_case("two-digit years", DATES, REFUSED, lambda v: v[2:])
_add_cell_case("two-digit year", DATES, REFUSED, lambda v, _: v[2:])
_add_column_case("day first", DATES, REFUSED, lambda v: _day_first(v, "."))
_add_cell_case("slashes", DATES, REFUSED, lambda v, _: _day_first(v, "/"))
_add_cell_case("YYYYMMDD", DATES, REFUSED, lambda v, _: v.replace("-", ""))
_add_cell_case("one-digit month", DATES, REFUSED, lambda v, _: v.replace("-0", "-"))
_add_cell_case("serial number", DATES, REFUSED, lambda v, _: "45296")
_add_cell_case("seconds", DATES, REFUSED, lambda v, _: "1704412800")
_add_column_case("midnights", DATES, SAME, lambda v: f"{v} 00:00:00")
_add_cell_case("midnight with zone", DATES, SAME, lambda v, _: f"{v}T00:00:00+02:00")
_add_cell_case("noon", DATES, REFUSED, lambda v, _: f"{v}T12:00:00")
_add_cell_case(
    "far date",
    DATES,
    REFUSED,
    lambda v, draw: draw.choice(["9999-12-31", "0204-01-05", "1900-01-01", "2224-01-05"]),
)
_add_cell_case("barcode", ("sales",), NOTICED, lambda v, _: "7501031311309")
_add_cell_case("line break in a name", ("family",), NOTICED, lambda v, _: f"{v[:2]}\n{v[2:]}")
_add_cell_case("control character", NAMES, REFUSED, lambda v, _: f"{v}\x07")
_add_cell_case("replacement character", NAMES, REFUSED, lambda v, _: f"{v}\ufffd")


def _add_boolean_case(word: str, outcome: Outcome) -> None:
    def alter(written: dict[str, Sheet], draw: Random) -> None:
        row = written["holidays_events"].rows[0]
        row[written["holidays_events"].header.index("transferred")] = word

    TEXTS[f"boolean {word}"] = (alter, outcome)


for word, outcome in (
    ("FALSE", SAME),
    ("False", SAME),
    ("0", SAME),
    ("0.0", SAME),
    (" false", SAME),
    ("no", REFUSED),
    ("2", REFUSED),
    ("f", REFUSED),
):
    _add_boolean_case(word, outcome)


def _repeat_row(sheet: Sheet, draw: Random) -> None:
    sheet.rows.append(list(draw.choice(sheet.rows)))


def _shuffle_columns(sheet: Sheet, draw: Random) -> None:
    order = list(range(len(sheet.header)))
    draw.shuffle(order)
    sheet.header = [sheet.header[at] for at in order]
    sheet.rows = [[row[at] for at in order] for row in sheet.rows]


def _append_column(name: str, value: str) -> Callable[[Sheet, Random], None]:
    def change(sheet: Sheet, draw: Random) -> None:
        sheet.header = [*sheet.header, name]
        sheet.rows = [[*row, value] for row in sheet.rows]

    return change


def _repeat_column(spell: Callable[[str], str]) -> Callable[[Sheet, Random], None]:
    def change(sheet: Sheet, draw: Random) -> None:
        at = draw.randrange(len(sheet.header))
        sheet.header = [*sheet.header, spell(sheet.header[at])]
        sheet.rows = [[*row, row[at]] for row in sheet.rows]

    return change


def _spell_header(spell: Callable[[str], str]) -> Callable[[Sheet, Random], None]:
    def change(sheet: Sheet, draw: Random) -> None:
        at = draw.randrange(len(sheet.header))
        sheet.header = [spell(n) if i == at else n for i, n in enumerate(sheet.header)]

    return change


def _replace_line(
    make: Callable[[str], str], last: bool = False
) -> Callable[[Sheet, Random], None]:
    def change(sheet: Sheet, draw: Random) -> None:
        at = len(sheet.rows) - 1 if last else draw.randrange(len(sheet.rows) - 1)
        sheet.lines[at] = make(",".join(f'"{value}"' for value in sheet.rows[at]))

    return change


def _set_attributes(**values: object) -> Callable[[Sheet, Random], None]:
    def change(sheet: Sheet, draw: Random) -> None:
        for name, value in values.items():
            setattr(sheet, name, value)

    return change


_add_sheet_case("repeated row", NOTICED, _repeat_row)
_add_sheet_case("rows in another order", SAME, lambda sheet, draw: draw.shuffle(sheet.rows))
_add_sheet_case("columns in another order", SAME, _shuffle_columns)
_add_sheet_case("another column", SAME, _append_column("note", "a,b"))
_add_sheet_case("empty last column", SAME, _append_column("", ""))
_add_sheet_case("doubled column", REFUSED, _repeat_column(lambda name: name))
_add_sheet_case(
    "doubled column in another case", REFUSED, _repeat_column(lambda name: f" {name.upper()}")
)
_add_sheet_case("header in another case", SAME, _spell_header(str.title))
_add_sheet_case("header in blanks", SAME, _spell_header(lambda name: f" {name} "))
_add_sheet_case("header misspelt", REFUSED, _spell_header(lambda name: f"{name}_x"))
_add_sheet_case("row too long", REFUSED, _replace_line(lambda line: f"{line},1"))
_add_sheet_case("row too short", REFUSED, _replace_line(lambda line: line.rpartition(",")[0]))
_add_sheet_case("open quote", REFUSED, _replace_line(lambda line: f'{line},"open'))
_add_sheet_case("stray quote", REFUSED, _replace_line(lambda line: f'"a"b{line}'))
_add_sheet_case("blank line", REFUSED, lambda sheet, draw: sheet.rows.insert(1, []))
_add_sheet_case("comment", REFUSED, _replace_line(lambda line: "# exported"))
_add_sheet_case(
    "total row", REFUSED, lambda s, draw: s.rows.append(["Total", *[""] * (len(s.header) - 1)])
)
_add_sheet_case("blank lines at the end", SAME, _set_attributes(after="\n\n\r\n"))
_add_sheet_case(
    "delimiters at the end", SAME, lambda s, draw: setattr(s, "after", "," * (len(s.header) - 1))
)
_add_sheet_case("all quoted", SAME, _set_attributes(quoting=csv.QUOTE_ALL))
_add_sheet_case("carriage returns and line feeds", SAME, _set_attributes(line_end="\r\n"))
_add_sheet_case("carriage returns", SAME, _set_attributes(line_end="\r"))
_add_sheet_case("byte order mark", SAME, _set_attributes(before=b"\xef\xbb\xbf"))
_add_sheet_case("UTF-16", REFUSED, _set_attributes(encoding="utf-16"))
_add_sheet_case("UTF-16 without mark", REFUSED, _set_attributes(encoding="utf-16-le"))
_add_sheet_case("NUL byte", REFUSED, _set_attributes(after="\0"))
_add_sheet_case("not UTF-8", REFUSED, _set_attributes(before=b"\xff"))
_add_sheet_case("semicolons", REFUSED, _set_attributes(delimiter=";"))
_add_sheet_case("tabs", REFUSED, _set_attributes(delimiter="\t"))
_add_sheet_case("gzip", SAME, _set_attributes(suffix=".csv.gz"))
_add_sheet_case("no rows", REFUSED, _set_attributes(rows=[]))


def _encode_latin_1(written: dict[str, Sheet], draw: Random) -> None:
    written[draw.choice(["train", "stores", "test"])].encoding = "latin-1"


def _end_store_early(written: dict[str, Sheet], draw: Random) -> None:
    sheet = written["train"]
    store = draw.choice(["1", "2", "14"])
    sheet.rows = [row for row in sheet.rows if not (row[0] > "2024-02-06" and row[1] == store)]


def _drop_store_day(written: dict[str, Sheet], draw: Random) -> None:
    sheet = written["train"]
    day = f"2024-01-{draw.randrange(10, 28)}"
    sheet.rows = [row for row in sheet.rows if not (row[0] == day and row[1] == "2")]


TEXTS["Latin-1"] = (_encode_latin_1, REFUSED)
TEXTS["store delivered late"] = (_end_store_early, NOTICED)
TEXTS["day of a store missing"] = (_drop_store_day, NOTICED)


# --- Parquet ----------------------------------------------------------------------------------


def _add_parquet_case(
    name: str, columns: tuple[str, ...], outcome: Outcome, expr: Callable[[pl.Expr], pl.Expr]
) -> None:
    def alter(written: dict[str, pl.DataFrame], draw: Random) -> None:
        places = [(n, c) for n, f in sorted(written.items()) for c in columns if c in f.columns]
        table, column = draw.choice(places)
        written[table] = written[table].with_columns(expr(pl.col(column)))

    FRAMES[name] = (alter, outcome)


KEYS = ("store_nbr",)
for dtype in (pl.Int8, pl.Int16, pl.UInt64, pl.Float32, pl.Float64, pl.String):
    _add_parquet_case(f"store as {dtype}", KEYS, SAME, lambda c, d=dtype: c.cast(d))
_add_parquet_case("store as decimal", KEYS, SAME, lambda c: c.cast(pl.Decimal(10, 2)))
_add_parquet_case("store as bytes", KEYS, SAME, lambda c: c.cast(pl.String).cast(pl.Binary))
_add_parquet_case(
    "store as categorical", KEYS, SAME, lambda c: c.cast(pl.String).cast(pl.Categorical)
)
_add_parquet_case("store and a half", KEYS, REFUSED, lambda c: c + 0.5)
_add_parquet_case(
    "store as dates", KEYS, REFUSED, lambda c: pl.lit("2024-01-01").str.to_date().alias("store_nbr")
)
_add_parquet_case("store as lists", KEYS, REFUSED, lambda c: pl.concat_list(c))
_add_parquet_case("names as categorical", NAMES, SAME, lambda c: c.cast(pl.Categorical))
_add_parquet_case("names as bytes", NAMES, SAME, lambda c: c.cast(pl.Binary))
_add_parquet_case(
    "names as records", NAMES, REFUSED, lambda c: pl.struct(c).alias(c.meta.output_name())
)
_add_parquet_case("cluster as float", ("cluster",), SAME, lambda c: c.cast(pl.Float64))
_add_parquet_case("date as text", DATES, SAME, lambda c: c.cast(pl.String))
for unit in ("ms", "us", "ns"):
    _add_parquet_case(
        f"date as midnight in {unit}", DATES, SAME, lambda c, u=unit: c.cast(pl.Datetime(u))
    )
for zone in ("UTC", "Europe/Berlin", "America/Guayaquil", "Asia/Kolkata"):
    _add_parquet_case(
        f"date as midnight of {zone}",
        DATES,
        SAME,
        lambda c, z=zone: c.cast(pl.Datetime("us")).dt.replace_time_zone(z),
    )
_add_parquet_case(
    "midnight of Berlin in UTC",
    DATES,
    REFUSED,
    lambda c: (
        c.cast(pl.Datetime("us")).dt.replace_time_zone("Europe/Berlin").dt.convert_time_zone("UTC")
    ),
)
_add_parquet_case(
    "evening", DATES, REFUSED, lambda c: c.cast(pl.Datetime("us")) + pl.duration(hours=23)
)
_add_parquet_case("date as number", DATES, REFUSED, lambda c: c.cast(pl.Int32))
_add_parquet_case(
    "date as YYYYMMDD", DATES, REFUSED, lambda c: c.dt.to_string("%Y%m%d").cast(pl.Int64)
)
_add_parquet_case(
    "date as time", DATES, REFUSED, lambda c: pl.lit("10:00").str.to_time("%H:%M").alias("date")
)
for dtype in (pl.Float32, pl.String):
    _add_parquet_case(f"sales as {dtype}", ("sales",), SAME, lambda c, d=dtype: c.cast(d))
_add_parquet_case("sales as decimal", ("sales",), SAME, lambda c: c.cast(pl.Decimal(12, 4)))
_add_parquet_case("sales as flag", ("sales",), REFUSED, lambda c: c > 15)
_add_parquet_case(
    "no number", ("sales",), REFUSED, lambda c: pl.when(c > 20).then(c / 0).otherwise(c)
)
_add_parquet_case("flag as number", ("transferred",), SAME, lambda c: c.cast(pl.Int8))
_add_parquet_case("flag as float", ("transferred",), SAME, lambda c: c.cast(pl.Float64))
_add_parquet_case(
    "flag as text", ("transferred",), SAME, lambda c: c.cast(pl.String).str.to_uppercase()
)
_add_parquet_case(
    "nulls",
    (*NUMBERS, *DATES, *NAMES),
    REFUSED,
    lambda c: pl.when(pl.int_range(pl.len()) > 0).then(c),
)


def check_outcome(folder: Path, expected: Outcome, clean: Tables) -> None:
    """Assert that reading a folder has the expected outcome."""
    report = Report()
    tables = check_tables(folder, STANDARD, report)
    lines = [*report.summary_lines(Severity.ERROR), *report.summary_lines(Severity.WARNING)]
    for line in (*lines, *report.text_lines()):
        assert "\n" not in line
        assert not LIBRARY_WORDS.search(line.replace(str(folder), "")), line
    if tables is None:
        assert expected is not SAME, lines
        return
    same = all(
        _sort_rows(frame).equals(_sort_rows(frames_of(clean)[name]))
        for name, frame in frames_of(tables).items()
    )
    if expected is SAME:
        for name, frame in frames_of(tables).items():
            assert_frame_equal(_sort_rows(frame), _sort_rows(frames_of(clean)[name]))
    assert same or report.warnings, "values changed, and nothing was said"
    assert expected is not REFUSED, "it was accepted"


def _sort_rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(frame.columns)


def clean_tables() -> Tables:
    with tempfile.TemporaryDirectory() as folder:
        return read_tables(write_frames(Path(folder), frames()))


CLEAN = clean_tables()
RANDOM = st.integers(0, 2**32 - 1)
long_or_short = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_clean_tables_have_no_findings(tmp_path: Path, form: str) -> None:
    if form == "csv":
        write_sheets(tmp_path, sheets())
    else:
        write_frames(tmp_path, frames())
    report = Report()
    check_tables(tmp_path, STANDARD, report)
    assert list(report.text_lines()) == []


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_each_alteration_of_text_is_the_same_refused_or_noticed(tmp_path: Path, name: str) -> None:
    alter, expected = TEXTS[name]
    written = sheets()
    alter(written, Random(7))
    check_outcome(write_sheets(tmp_path, written), expected, CLEAN)


@pytest.mark.parametrize("name", sorted(FRAMES))
def test_each_alteration_of_parquet_is_the_same_refused_or_noticed(
    tmp_path: Path, name: str
) -> None:
    alter, expected = FRAMES[name]
    written = frames()
    alter(written, Random(7))
    check_outcome(write_frames(tmp_path, written), expected, CLEAN)


@long_or_short
@given(name=st.sampled_from(sorted(TEXTS)), seed=RANDOM)
def test_altered_text_is_the_same_refused_or_noticed(name: str, seed: int) -> None:
    alter, expected = TEXTS[name]
    written = sheets()
    alter(written, Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        check_outcome(write_sheets(Path(folder), written), expected, CLEAN)


@long_or_short
@given(name=st.sampled_from(sorted(FRAMES)), seed=RANDOM)
def test_altered_parquet_is_the_same_refused_or_noticed(name: str, seed: int) -> None:
    alter, expected = FRAMES[name]
    written = frames()
    alter(written, Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        check_outcome(write_frames(Path(folder), written), expected, CLEAN)


@long_or_short
@given(names=st.lists(st.sampled_from(sorted(TEXTS)), min_size=2, max_size=4), seed=RANDOM)
def test_combined_alterations_are_never_silent(names: list[str], seed: int) -> None:
    written, draw = sheets(), Random(seed)
    for name in names:
        try:
            TEXTS[name][0](written, draw)
        except (IndexError, ValueError):  # it needs a row or column that another alteration removed
            continue
    with tempfile.TemporaryDirectory() as folder:
        check_outcome(write_sheets(Path(folder), written), NOTICED, CLEAN)


@long_or_short
@given(
    seed=RANDOM, table=st.sampled_from(sorted(SCHEMAS)), form=st.sampled_from(["csv", "parquet"])
)
def test_damaged_bytes_give_a_report(seed: int, table: str, form: str) -> None:
    draw = Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if form == "csv":
            write_sheets(folder, sheets())
        else:
            write_frames(folder, frames())
        path = folder / f"{table}.{form}"
        data = bytearray(path.read_bytes())
        for _ in range(draw.randrange(1, 8)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        report = Report()
        check_tables(folder, STANDARD, report)
        for line in report.text_lines():
            assert "\n" not in line
            assert not LIBRARY_WORDS.search(line), line
