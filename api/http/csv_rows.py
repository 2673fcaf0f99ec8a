"""The rows of a body that is text/csv (RFC 4180).

The header names the columns, in any order. Rows are counted from 1, the header not included.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import anyio.lowlevel

from api.http.csv_cells import cell_value, column_names, other_delimiter
from api.http.parsing import shorten
from errors import Code, FieldError, Problem

MAX_ROWS = 10_000

_LINE_CHARACTERS = 16_000
_ROWS_PER_READ = 500
"""Rows that are parsed before other requests get the processor."""


@dataclass(frozen=True)
class RowColumns:
    """Columns of a table.

    Attributes:
        required, optional: their names.
        holds: what a row holds, for messages.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    holds: str


async def read_rows(body: bytes, columns: RowColumns) -> list[dict[str, Any]]:
    """Read the rows as values by column, yielding to other requests in between.

    An optional column that is empty in a row is not among its values.

    Raises:
        Problem: PARSE_ERROR or BATCH_TOO_LARGE, with the row's number.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(Code.PARSE_ERROR, f"The body is not UTF-8: {error}.") from None
    lines = csv.reader(_bounded_lines(text, columns.holds), strict=True)
    documents: list[dict[str, Any]] = []
    header: list[str] = []
    try:
        header = _read_header(next(lines, []), columns)
        for number, values in enumerate(lines, start=1):
            if len(documents) == MAX_ROWS or number > 2 * MAX_ROWS:
                raise Problem(Code.BATCH_TOO_LARGE, f"The table has more than {MAX_ROWS:,} rows.")
            if values:  # an empty line is none
                documents.append(_row_document(header, values, len(documents) + 1, columns))
            if number % _ROWS_PER_READ == 0:
                await anyio.lowlevel.checkpoint()
    except csv.Error as error:
        detail = f"Row {len(documents) + 1} is not CSV: {error}"
        raise Problem(Code.PARSE_ERROR, f"{detail}.") from None
    if not documents:
        raise Problem(Code.INVALID_REQUEST, "The table has no rows.")
    return documents


def _bounded_lines(text: str, holds: str) -> Iterator[str]:
    """Yield the lines of a table, and refuse one that is longer than any valid row.

    The CSV reader would split a line of a megabyte into a million values before one is checked.
    """
    for number, line in enumerate(io.StringIO(text, newline="")):
        if len(line) > _LINE_CHARACTERS:
            place = f"Row {number}" if number else "The first line"
            raise Problem(
                Code.PARSE_ERROR,
                f"{place} is longer than {_LINE_CHARACTERS} characters; a row holds {holds}.",
            )
        yield line


def _read_header(cells: list[str], columns: RowColumns) -> list[str]:
    required, optional = columns.required, columns.optional
    header = column_names(cells, (*required, *optional))
    if (delimiter := other_delimiter(cells, required)) is not None:
        detail = f"The table uses {delimiter}; separate the values with commas"
        raise Problem(Code.PARSE_ERROR, f"{detail}.", errors=[FieldError("header", detail)])
    missing = [name for name in required if name not in header]
    unknown = [name for name in header if name not in (*required, *optional)]
    if missing or unknown or len(set(header)) != len(header):
        more = f" and may name {' and '.join(optional)}" if optional else ""
        detail = (
            f"The first line must name the columns {', '.join(required)}{more}, each once; it is "
            f"{shorten(','.join(cells))!r}"
        )
        raise Problem(Code.INVALID_REQUEST, f"{detail}.", errors=[FieldError("header", detail)])
    return header


def _row_document(
    header: list[str], values: list[str], number: int, columns: RowColumns
) -> dict[str, Any]:
    if len(values) != len(header):
        detail = f"Row {number} has {len(values)} values, {len(header)} are expected"
        raise Problem(Code.PARSE_ERROR, f"{detail}.", errors=[FieldError(f"/{number}", detail)])
    document: dict[str, Any] = {
        name: cell_value(name, text) for name, text in zip(header, values, strict=True)
    }
    for name in columns.optional:
        if document.get(name) == "":
            del document[name]
    return document
