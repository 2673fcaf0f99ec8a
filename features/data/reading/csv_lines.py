"""Reads a CSV file row by row, and reports every row that is not whole.

The slow path, for files that have quoted line breaks, doubled quotes, blank lines or faults. A
row's number is that of the line in which it begins, as in an editor.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import polars as pl

from features.data.findings import Finding, Report, Severity
from features.data.reading.headers import Header
from features.data.reading.layout import TableLayout

_ROW = "_row"
_CHUNK_ROWS = 100_000


def read_lines(
    data: bytes, file: str, header: Header, layout: TableLayout, report: Report
) -> pl.DataFrame:
    """Return the wanted columns of the rows that are whole; report the others."""
    names = list(header.positions)
    schema = {_ROW: pl.UInt32} | dict.fromkeys(names, pl.String)
    frames = [pl.DataFrame(schema=schema)]
    rows: list[list[object]] = []
    for line, values in _iter_whole_rows(data, file, header, layout, report):
        rows.append([line, *(values[at] or None for at in header.positions.values())])
        if len(rows) == _CHUNK_ROWS:
            frames.append(pl.DataFrame(rows, schema=schema, orient="row"))
            rows = []
    frames.append(pl.DataFrame(rows, schema=schema, orient="row"))
    return pl.concat(frames)


def _iter_whole_rows(
    data: bytes, file: str, header: Header, layout: TableLayout, report: Report
) -> Iterator[tuple[int, list[str]]]:
    blank: list[int] = []  # a fault only if another row follows

    def refuse(code: str, line: int, message: str, advice: str) -> None:
        report.add(Finding(Severity.ERROR, code, file, message, row=line, advice=advice))

    for line, values, fault in _iter_records(data, layout):
        if fault:
            advice = 'a value that holds a quote is written "like ""this"""'
            refuse("quotes", line, fault, advice)
        elif not any(value.strip() for value in values):
            blank.append(line)
        else:
            for empty in blank:
                refuse("empty-row", empty, "the row is empty", "remove it")
            blank = []
            if len(values) == header.width:
                yield line, values
            else:
                message = f"has {len(values)} values where the header names {header.width} columns"
                advice = f"put a value that holds {layout.delimiter.value!r} in double quotes"
                refuse("row-width", line, message, advice)


def _iter_records(data: bytes, layout: TableLayout) -> Iterator[tuple[int, list[str], str]]:
    """Yield for each row after the header: its line, its values, and what is wrong with it."""
    text = io.StringIO(data.decode("utf-8"), newline="")
    limit = csv.field_size_limit(len(data) + 1)
    try:
        reader = csv.reader(text, delimiter=layout.delimiter.character, strict=True)
        next(reader, None)
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                at_end = "end of data" in str(error)
                fault = "a quote opens here and is never closed" if at_end else "a stray quote"
                yield line, [], fault
            else:
                yield line, values, ""
    finally:
        csv.field_size_limit(limit)
