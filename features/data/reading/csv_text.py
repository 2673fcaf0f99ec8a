"""Reads the text of a CSV file (RFC 4180) into columns of text with the line of every row.

The table library parses millions of rows a second but is lenient: it fills short rows, renames
duplicate columns and does not report the line of a row. So its result is used only if counts of
delimiters, quotes and line ends prove that every row is complete and takes one line. Any other file
goes through the slower `features.data.reading.csv_lines`, which finds every faulty row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import polars as pl

from features.data.findings import Finding, Report, Severity
from features.data.reading.csv_lines import read_lines
from features.data.reading.csv_marks import count_marks
from features.data.reading.headers import Header, read_header
from features.data.reading.layout import TableLayout

ROW = "_row"


def read_csv(
    data: bytes,
    file: str,
    wanted: Sequence[str] | None,
    layout: TableLayout,
    report: Report,
) -> pl.DataFrame | None:
    """Return the wanted columns as text, null where there is no value, and the line as `ROW`.

    Args:
        data: UTF-8 without a byte order mark; not blank.
        wanted: names of the columns; None for all.

    Returns:
        None where the header is at fault or no row is whole; rows at fault are left out.
    """
    data = _normalise_line_ends(data)
    names = _read_first_record(data, layout)
    header = read_header(names, names if wanted is None else wanted, file, layout, report)
    if header is None:
        return None
    frame = _parse_columns(data, header, layout)
    if frame is None:
        frame = read_lines(data, file, header, layout, report)
    if frame.is_empty():
        if not any(kind.first.file == file for kind in report.errors):
            report.add(Finding(Severity.ERROR, "no-rows", file, "has no rows"))
        return None
    return frame


def _normalise_line_ends(data: bytes) -> bytes:
    """Replace carriage returns by line feeds in a text that has no line feed."""
    return data.replace(b"\r", b"\n") if b"\n" not in data else data


def _read_first_record(data: bytes, layout: TableLayout) -> list[str]:
    """Return the values of the first line."""
    end = data.find(b"\n")
    line = data if end < 0 else data[:end]
    text = io.StringIO(line.decode("utf-8").rstrip("\r"), newline="")
    try:
        return next(csv.reader(text, delimiter=layout.delimiter.character), [])
    except csv.Error:  # a header so long that it is none
        return [text.getvalue()[:200]]


def _parse_columns(data: bytes, header: Header, layout: TableLayout) -> pl.DataFrame | None:
    """Return the columns if every row is proven to be whole and to take one line."""
    delimiter = layout.delimiter.character.encode()
    marks = count_marks(data, delimiter)
    if not marks.every_row_takes_a_line:
        return None
    try:
        frame = pl.read_csv(
            data, infer_schema=False, separator=layout.delimiter.character, quote_char='"'
        )
    except pl.exceptions.PolarsError:
        return None
    inside = header.delimiters_inside + (_count_inside(frame, delimiter) if marks.quotes else 0)
    whole = (
        frame.width == header.width
        and frame.height + 1 == marks.lines
        and (frame.height + 1) * (frame.width - 1) + inside == marks.delimiters
        and not _has_empty_row(frame)
    )
    if not whole:
        return None
    wanted = [frame.to_series(index).alias(name) for name, index in header.positions.items()]
    return pl.DataFrame(wanted).with_row_index(ROW, offset=2)


def _has_empty_row(frame: pl.DataFrame) -> bool:
    if any(not column.null_count() for column in frame):
        return False
    return bool(frame.select(pl.all_horizontal(pl.all().is_null()).any()).item())


def _count_inside(frame: pl.DataFrame, delimiter: bytes) -> int:
    """Count the delimiters that are part of a value."""
    counts = frame.select(pl.all().str.count_matches(delimiter.decode(), literal=True).sum())
    return sum(count or 0 for count in counts.row(0))
