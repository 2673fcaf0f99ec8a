"""POST /predict/batch as text/csv (RFC 4180): a line for each day of each row of the request.

The request has a header with the columns ``store_nbr,family,horizon`` and, if wanted, ``date``; a
row that cannot be answered gets one line with its problem, and the others are answered. Rows are
counted from 1, the header not included.
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
from api.forecasts.predict import Series
from api.forecasts.windows import ForecastWindow
from api.http.parsing import shorten
from api.schemas.requests import DEFAULT_INTERVALS
from errors import Code, FieldError, Problem
from features.data.cells import safe_cell
from middleware.headers import CSV
from models.serving.forecaster import Forecaster

MAX_ROWS = 10_000

_REQUIRED = ("store_nbr", "family", "horizon")
_COLUMNS = (*_REQUIRED, "date")
_BOUNDS = tuple(f"{side}_{each}" for each in DEFAULT_INTERVALS for side in ("lower", "upper"))
_HEADER = ("row", "store_nbr", "family", "date", "prediction", *_BOUNDS, "code", "detail")
_ROW_HOLDS = "a store, a family, a horizon and perhaps a date"
_LINE_CHARACTERS = 16_000
_ROWS_PER_READ = 500
"""Rows that are parsed before other requests get the processor."""

_ROWS_PER_CHUNK = 50
"""Rows that are written before other requests get the processor."""


async def predict_csv(forecaster: Forecaster, request: Request) -> Response:
    """Stream results and problems as CSV, in the order of the rows."""
    documents = await _read_documents(await request.body())
    await charge_rows(request, len(documents))
    planned = await plan_items(forecaster, documents)
    await charge_origins(request, forecaster, planned)
    computed = await compute_forecasts(forecaster, planned)
    engine = forecaster.release.engine
    return StreamingResponse(
        _write_lines(forecaster, documents, planned, computed),
        media_type=f"{CSV}; header=present",
        headers={"x-model-version": engine.bundle.name, "x-snapshot": engine.snapshot.name},
    )


async def _read_documents(body: bytes) -> list[dict[str, Any]]:
    """Read the rows as the JSON form has them, yielding to other requests in between.

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
        header = _read_header(next(lines, []))
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


def _read_header(cells: list[str]) -> list[str]:
    header = column_names(cells)
    if (delimiter := other_delimiter(cells, _REQUIRED)) is not None:
        detail = f"The table uses {delimiter}; separate the values with commas"
        raise Problem(Code.PARSE_ERROR, f"{detail}.", errors=[FieldError("header", detail)])
    missing = [name for name in _REQUIRED if name not in header]
    unknown = [name for name in header if name not in _COLUMNS]
    if missing or unknown or len(set(header)) != len(header):
        detail = (
            f"The first line must name the columns {', '.join(_REQUIRED)} and may name date, each "
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


async def _write_lines(
    forecaster: Forecaster,
    documents: list[dict[str, Any]],
    planned: list[PlannedItem],
    computed: ForecastsByOrigin,
) -> AsyncIterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_HEADER)
    for first in range(0, len(planned), _ROWS_PER_CHUNK):
        chunk = planned[first : first + _ROWS_PER_CHUNK]
        results = build_results(forecaster, chunk, computed, _build_day_cells)
        for number, result in enumerate(results, start=first):
            writer.writerows(_lines_of_row(number + 1, documents[number], result))
        yield out.getvalue()
        out.seek(0)
        out.truncate()
        await anyio.lowlevel.checkpoint()  # sending the chunk may not have yielded


def _build_day_cells(
    forecaster: Forecaster,
    window: ForecastWindow,
    series: Sequence[Series],
    mean: NDArray[np.float64],
) -> list[list[list[Any]]]:
    """Return the cells of each series and day: store, family, date, prediction and bounds."""
    rows = np.array([row for _, row in series])
    days = day_forecasts_of(forecaster, window, rows, mean, DEFAULT_INTERVALS)
    return [
        [
            [payload.store_nbr, safe_cell(payload.family), *cells]
            for cells in ([day, *row] for day, row in zip(days.dates, of_node, strict=True))
        ]
        for (payload, _), of_node in zip(series, days.values.tolist(), strict=True)
    ]


def _as_cell(value: Any) -> Any:
    """Return a value as a cell: a text made safe for spreadsheets, anything else as it is."""
    return safe_cell(value) if isinstance(value, str) else value


def _lines_of_row(
    number: int, document: dict[str, Any], result: list[list[Any]] | Problem
) -> Iterator[list[Any]]:
    if isinstance(result, Problem):
        echoed = [_as_cell(document.get(name, "")) for name in ("store_nbr", "family", "date")]
        blanks = [""] * (1 + len(_BOUNDS))
        yield [number, *echoed, *blanks, result.code.name, _as_cell(result.detail)]
        return
    for cells in result:
        yield [number, *cells, "", ""]
