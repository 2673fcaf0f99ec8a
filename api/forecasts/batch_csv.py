"""POST /predict/batch as text/csv (RFC 4180): a line for each day of each row of the request.

The request has a header with the columns of the series, such as ``store_nbr,family``, ``horizon``
and, if wanted, ``date``; a row that cannot be answered gets one line with its problem, and the
others are answered. Rows are counted from 1, the header not included.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.forecasts.batch_cells import cell_value, column_names, other_delimiter
from api.forecasts.days import day_forecasts_of
from api.forecasts.items import (
    ForecastsByOrigin,
    PlannedItem,
    build_results,
    charge_origins,
    charge_rows,
    compute_forecasts,
    plan_items,
)
from api.forecasts.predict import RequestedNode
from api.forecasts.windows import ForecastWindow
from api.http.parsing import shorten
from api.schemas.requests import DEFAULT_INTERVALS
from errors import Code, FieldError, Problem
from features.data.cells import safe_cell
from middleware.headers import CSV
from models.serving.forecaster import Forecaster

MAX_ROWS = 10_000

_HORIZON, _DATE = "horizon", "date"
_BOUNDS = tuple(f"{side}_{each}" for each in DEFAULT_INTERVALS for side in ("lower", "upper"))
_ROW_HOLDS = "the columns of a series, a horizon and perhaps a date"
_LINE_CHARACTERS = 16_000
_ROWS_PER_READ = 500
"""Rows that are parsed before other requests get the processor."""

_ROWS_PER_CHUNK = 50
"""Rows that are written before other requests get the processor."""


async def predict_csv(forecaster: Forecaster, request: Request) -> Response:
    """Stream results and problems as CSV, in the order of the rows."""
    series = forecaster.release.engine.snapshot.specification.series
    cells = await _read_rows(await request.body(), series)
    documents = [_item_of(row, series) for row in cells]
    await charge_rows(request, len(documents))
    planned = await plan_items(forecaster, documents)
    await charge_origins(request, forecaster, planned)
    computed = await compute_forecasts(forecaster, planned)
    engine = forecaster.release.engine
    return StreamingResponse(
        _write_lines(forecaster, cells, planned, computed),
        media_type=f"{CSV}; header=present",
        headers={"x-model-version": engine.bundle.name, "x-snapshot": engine.snapshot.name},
    )


async def _read_rows(body: bytes, series: Sequence[str]) -> list[dict[str, Any]]:
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
    header = column_names(cells, (*required, _DATE))
    if (delimiter := other_delimiter(cells, required)) is not None:
        detail = f"The table uses {delimiter}; separate the values with commas"
        raise Problem(Code.PARSE_ERROR, f"{detail}.", errors=[FieldError("header", detail)])
    missing = [name for name in required if name not in header]
    unknown = [name for name in header if name not in (*required, _DATE)]
    if missing or unknown or len(set(header)) != len(header):
        detail = (
            f"The first line must name the columns {', '.join(required)} and may name date, each "
            f"once; it is {shorten(','.join(cells))!r}"
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
    if document.get("date") == "":
        del document["date"]
    return document


def _item_of(row: dict[str, Any], series: Sequence[str]) -> dict[str, Any]:
    """Return a row as an item of a batch: by store and family, or by the columns of the series."""
    if tuple(series) == ("store_nbr", "family"):
        return row
    rest = {name: value for name, value in row.items() if name not in series}
    return {**rest, "series": {name: row[name] for name in series}}


async def _write_lines(
    forecaster: Forecaster,
    cells: list[dict[str, Any]],
    planned: list[PlannedItem],
    computed: ForecastsByOrigin,
) -> AsyncIterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    series = forecaster.release.engine.snapshot.specification.series
    header = ("row", *series, _DATE, "prediction", *_BOUNDS, "code", "detail")
    writer.writerow(header)
    for first in range(0, len(planned), _ROWS_PER_CHUNK):
        chunk = planned[first : first + _ROWS_PER_CHUNK]
        results = build_results(forecaster, chunk, computed, _build_day_cells)
        for number, result in enumerate(results, start=first):
            echoed = [_as_cell(cells[number].get(name, "")) for name in (*series, _DATE)]
            writer.writerows(_lines_of_row(number + 1, echoed, result))
        yield out.getvalue()
        out.seek(0)
        out.truncate()
        await anyio.lowlevel.checkpoint()  # sending the chunk may not have yielded


def _build_day_cells(
    forecaster: Forecaster,
    window: ForecastWindow,
    requested: Sequence[RequestedNode],
    mean: NDArray[np.float64],
) -> list[list[list[Any]]]:
    """Return the cells of each series and day: its columns, date, prediction and bounds."""
    rows = np.array([row for _, row in requested])
    nodes = forecaster.release.engine.snapshot.hierarchy.nodes
    days = day_forecasts_of(forecaster, window, rows, mean, DEFAULT_INTERVALS)
    return [
        [
            [*map(safe_cell, nodes[row].key), *cells]
            for cells in ([day, *values] for day, values in zip(days.dates, of_node, strict=True))
        ]
        for (_, row), of_node in zip(requested, days.values.tolist(), strict=True)
    ]


def _as_cell(value: Any) -> Any:
    """Return a value as a cell: a text made safe for spreadsheets, anything else as it is."""
    return safe_cell(value) if isinstance(value, str) else value


def _lines_of_row(
    number: int, echoed: list[Any], result: list[list[Any]] | Problem
) -> Iterator[list[Any]]:
    if isinstance(result, Problem):
        blanks = [""] * (1 + len(_BOUNDS))
        yield [number, *echoed, *blanks, result.code.name, _as_cell(result.detail)]
        return
    for cells in result:
        yield [number, *cells, "", ""]
