"""CSV files: rows numbered as in an editor, and findings for incomplete rows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from features.data.findings import Report
from features.data.reading.layout import STANDARD, DateOrder, DecimalMark, Delimiter, TableLayout
from features.data.reading.reader import ReadTable, read_table
from features.data.reading.schema import schemas_of
from features.data.specification import FAVORITA

OIL = "date,dcoilwtico\n2024-03-01,70.5\n2024-03-02,71.5\n"

SCHEMAS = schemas_of(FAVORITA)


def read(
    folder: Path, text: str | bytes, layout: TableLayout = STANDARD, name: str = "oil"
) -> tuple[ReadTable | None, Report]:
    data = text.encode() if isinstance(text, str) else text
    (folder / f"{name}.csv").write_bytes(data)
    report = Report()
    return read_table(folder, name, SCHEMAS[name], layout, report), report


def faults(report: Report) -> list[tuple[str, int | None, str | None]]:
    return [
        (kind.first.code, finding.row, finding.column)
        for kind in report.errors
        for finding in kind.findings
    ]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("note,date,dcoilwtico\na,2024-03-01,x\n", [2], id="plain"),
        pytest.param(
            'note,date,dcoilwtico\n"a\nb",2024-03-01,1\nc,2024-03-02,x\n', [4], id="quoted break"
        ),
        pytest.param(
            'note,date,dcoilwtico\r\n"a\r\n\r\nb",2024-03-01,x\r\nc,2024-03-02,y\r\n',
            [2, 5],
            id="blank line within quotes",
        ),
        pytest.param('note,date,dcoilwtico\n"a""b",2024-03-01,x\n', [2], id="doubled quotes"),
        pytest.param("note,date,dcoilwtico\ra,2024-03-01,1\ra,2024-03-02,x\r", [3], id="old Mac"),
    ],
)
def test_a_row_is_numbered_by_the_line_in_which_it_begins(
    tmp_path: Path, text: str, rows: list[int]
) -> None:
    _, report = read(tmp_path, text)
    assert faults(report) == [("number", row, "dcoilwtico") for row in rows]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param("2024-03-09,1,2", "row-width", id="too long"),
        pytest.param("2024-03-09", "row-width", id="too short"),
        pytest.param("", "empty-row", id="blank"),
        pytest.param(",", "empty-row", id="only delimiters"),
        pytest.param('2024-03-09,"1"2', "quotes", id="stray quote"),
    ],
)
def test_an_incomplete_row_is_reported_and_the_others_are_read(
    tmp_path: Path, line: str, code: str
) -> None:
    table, report = read(tmp_path, f"{OIL}{line}\n2024-03-03,72\n")
    assert faults(report) == [(code, 4, None)]
    assert table is not None
    assert table.frame["dcoilwtico"].to_list() == [70.5, 71.5, 72.0]
    assert table.frame["_row"].to_list() == [2, 3, 5]


def test_a_quote_that_is_never_closed_is_reported_where_it_opens(tmp_path: Path) -> None:
    _, report = read(tmp_path, f'{OIL}2024-03-03,"72\n2024-03-04,73\n')
    assert faults(report) == [("quotes", 4, None)]
    assert "never closed" in report.errors[0].first.message


@pytest.mark.parametrize(
    ("text", "delimiter", "option"),
    [
        (OIL.replace(",", ";"), Delimiter.COMMA, "--delimiter ';'"),
        (OIL.replace(",", "\t"), Delimiter.COMMA, "--delimiter 'tab'"),
        (OIL.replace(",", "|"), Delimiter.COMMA, "--delimiter '|'"),
        (OIL, Delimiter.SEMICOLON, "leave out --delimiter"),
    ],
    ids=["semicolons", "tabs", "bars", "commas"],
)
def test_another_delimiter_is_reported_with_the_option_that_accepts_it(
    tmp_path: Path, text: str, delimiter: Delimiter, option: str
) -> None:
    table, report = read(tmp_path, text, TableLayout(delimiter=delimiter))
    assert table is None
    (kind,) = report.errors
    assert (kind.first.code, kind.first.row) == ("delimiter", 1)
    assert option in kind.first.line


def test_a_stated_layout_is_read(tmp_path: Path) -> None:
    layout = TableLayout(
        delimiter=Delimiter.SEMICOLON, decimal=DecimalMark.COMMA, dates=DateOrder.DMY
    )
    text = "date;dcoilwtico\n31.12.2023;70,5\n1.1.2024;-1\n2024-01-02;1e2\n"
    table, report = read(tmp_path, text, layout)
    assert report.kinds == []
    assert table is not None
    assert [str(day) for day in table.frame["date"]] == ["2023-12-31", "2024-01-01", "2024-01-02"]
    assert table.frame["dcoilwtico"].to_list() == [70.5, -1.0, 100.0]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        pytest.param(OIL.replace("70.5", '"70,5"'), "--decimal ','", id="decimal comma"),
        pytest.param(OIL.replace("70.5", '"1,234.5"'), "between thousands", id="thousands"),
        pytest.param(OIL.replace("2024-03-01", "31.12.2023"), "--dates dmy", id="day first"),
        pytest.param(OIL.replace("2024-03-01", "12/31/2023"), "--dates mdy", id="month first"),
        pytest.param(OIL.replace("2024-03-01", "01/02/2023"), "dmy or --dates mdy", id="either"),
        pytest.param(OIL.replace("2024-03-01", "20240301"), "YYYYMMDD", id="digits"),
        pytest.param(OIL.replace("2024-03-01", "45352"), "spreadsheet", id="serial"),
        pytest.param(OIL.replace("2024-03-01", "24-03-01"), "four digits", id="short year"),
        pytest.param(OIL.replace("2024-03-01", "2024-3-1"), "two digits", id="short month"),
        pytest.param(OIL.replace("2024-03-01", "2024-03-01 10:00"), "time of day", id="time"),
    ],
)
def test_values_in_another_notation_are_reported(tmp_path: Path, text: str, advice: str) -> None:
    _, report = read(tmp_path, text)
    (kind,) = report.errors
    assert kind.first.row == 2
    assert advice in kind.first.line


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(OIL.encode("utf-16"), "UTF-16", id="UTF-16"),
        pytest.param(OIL.encode("utf-16-le"), "NUL byte", id="UTF-16 without mark"),
        pytest.param(b"note,date\nP\xc2T\xc9,1\n", "row 2 .*0xC2.*Latin-1.*'PÂTÉ'", id="Latin-1"),
        pytest.param(b" \n\n", "is empty", id="blank"),
        pytest.param(b"PK\x03\x04....", "Excel", id="workbook"),
        pytest.param(b"\x1f\x8b....", "gzip", id="gzip"),
        pytest.param(b"PAR1....", "Parquet", id="Parquet"),
    ],
)
def test_bytes_that_are_no_csv_are_reported(tmp_path: Path, data: bytes, words: str) -> None:
    table, report = read(tmp_path, data)
    assert table is None
    (kind,) = report.errors
    assert re.search(words, kind.first.line)


def test_a_missing_table_with_another_suffix_is_reported(tmp_path: Path) -> None:
    (tmp_path / "Oil.XLSX").write_bytes(b"")
    report = Report()
    assert read_table(tmp_path, "oil", SCHEMAS["oil"], STANDARD, report) is None
    assert "there is Oil.XLSX" in report.errors[0].first.line


def test_column_names_ignore_case_and_blanks_and_must_be_unique(tmp_path: Path) -> None:
    table, report = read(tmp_path, OIL.replace("dcoilwtico", " DCOILWTICO"))
    assert table is not None
    assert [kind.first.code for kind in report.kinds] == ["header-name"]
    table, report = read(tmp_path, OIL.replace("date,", "date,Date,"))
    assert table is None
    message = "is there 2 times: 'date' (column 1) and 'Date' (column 2)"
    assert report.errors[0].first.message == message
