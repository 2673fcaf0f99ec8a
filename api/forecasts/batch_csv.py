"""The body of POST /predict/batch as text/csv (RFC 4180).

The header names the columns of the series, such as ``store_nbr,family``, ``horizon`` and, if
wanted, ``date`` and ``adjusted``. Rows are counted from 1, the header not included.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import anyio.lowlevel

from api.forecasts.batch_cells import cell_value, column_names, other_delimiter
from api.http.parsing import shorten
from errors import Code, FieldError, Problem
from features.data.reading.days import parse_day

MAX_ROWS = 10_000

_HORIZON, _DATE, _ADJUSTED = "horizon", "date", "adjusted"
_ROW_HOLDS = "the columns of a series, a horizon and perhaps a date"
_OPTIONAL = (_DATE, _ADJUSTED)
_LINE_CHARACTERS = 16_000
_ROWS_PER_READ = 500
"""Rows that are parsed before other requests get the processor."""


async def read_rows(body: bytes, series: Sequence[str]) -> list[dict[str, Any]]:
    """Read the rows as values by column, yielding to other requests in between.

    Args:
        series: columns of the series.

    Raises:
        Problem: PARSE_ERROR or BATCH_TOO_LARGE, with the row's number.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(Code.PARSE_ERROR, f"The body is not UTF-8: {error}.") from None
    lines = csv.reader(_bounded_lines(text), strict=True)
    documents: list[dict[str, Any]] = []
    header: list[str] = []
    try:
        header = _read_header(next(lines, []), series)
        for number, values in enumerate(lines, start=1):
            if len(documents) == MAX_ROWS or number > 2 * MAX_ROWS:
                raise Problem(Code.BATCH_TOO_LARGE, f"The table has more than {MAX_ROWS:,} rows.")
            if values:  # an empty line is none
                documents.append(_row_document(header, values, len(documents) + 1))
            if number % _ROWS_PER_READ == 0:
                await anyio.lowlevel.checkpoint()
    except csv.Error as error:
        detail = f"Row {len(documents) + 1} is not CSV: {error}"
        raise Problem(Code.PARSE_ERROR, f"{detail}.") from None
    if not documents:
        raise Problem(Code.INVALID_REQUEST, "The table has no rows.")
    return documents


def _bounded_lines(text: str) -> Iterator[str]:
    """Yield the lines of a table, and refuse one that is longer than any valid row.

    The CSV reader would split a line of a megabyte into a million values before one is checked.
    """
    for number, line in enumerate(io.StringIO(text, newline="")):
        if len(line) > _LINE_CHARACTERS:
            place = f"Row {number}" if number else "The first line"
            raise Problem(
                Code.PARSE_ERROR,
                f"{place} is longer than {_LINE_CHARACTERS} characters; a row holds {_ROW_HOLDS}.",
            )
        yield line


def _read_header(cells: list[str], series: Sequence[str]) -> list[str]:
    required = (*series, _HORIZON)
    header = column_names(cells, (*required, *_OPTIONAL))
    if (delimiter := other_delimiter(cells, required)) is not None:
        detail = f"The table uses {delimiter}; separate the values with commas"
        raise Problem(Code.PARSE_ERROR, f"{detail}.", errors=[FieldError("header", detail)])
    missing = [name for name in required if name not in header]
    unknown = [name for name in header if name not in (*required, *_OPTIONAL)]
    if missing or unknown or len(set(header)) != len(header):
        detail = (
            f"The first line must name the columns {', '.join(required)} and may name date "
            f"and adjusted, each once; it is {shorten(','.join(cells))!r}"
        )
        raise Problem(Code.INVALID_REQUEST, f"{detail}.", errors=[FieldError("header", detail)])
    return header


def _row_document(header: list[str], values: list[str], number: int) -> dict[str, Any]:
    if len(values) != len(header):
        detail = f"Row {number} has {len(values)} values, {len(header)} are expected"
        raise Problem(Code.PARSE_ERROR, f"{detail}.", errors=[FieldError(f"/{number}", detail)])
    document: dict[str, Any] = {
        name: cell_value(name, text) for name, text in zip(header, values, strict=True)
    }
    for name in _OPTIONAL:
        if document.get(name) == "":
            del document[name]
    return document


def item_of(row: dict[str, Any], series: Sequence[str]) -> dict[str, Any]:
    """Return a row as an item of a batch: by store and family, or by the columns of the series."""
    if tuple(series) == ("store_nbr", "family"):
        return row
    rest = {name: value for name, value in row.items() if name not in series}
    return {**rest, "series": {name: row[name] for name in series}}


def echo_of(row: dict[str, Any], series: Sequence[str]) -> list[Any]:
    """Return series and date of a row that cannot be answered, as the answer repeats them.

    A date that is none stays the text that it is.
    """
    text = row.get(_DATE)
    day = parse_day(text) if text else None
    return [*(str(row[name]) for name in series), day or text]
