"""POST /actuals: sales that are known before the tables have them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio.lowlevel
from starlette.requests import Request

from api.forecasts.nodes import node_row
from api.http.acting import actor_of
from api.http.csv_rows import RowColumns, read_rows
from api.http.database import call_database
from api.http.operation import operation
from api.http.parsing import MOST_FAULTS, read_json, validate_document
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.monitoring import ActualRow, ActualsAnswer, ActualsRequest
from errors import Code, FieldError, Problem
from features.data.snapshot import Snapshot
from lifecycle.jobs import now
from lifecycle.monitoring.records import Monitoring
from middleware.headers import CSV, media_type_of
from middleware.policy import MIB
from models.serving.forecaster import Forecaster
from storage.actuals import Actual
from storage.keys import Scope

_ROWS_PER_TURN = 100
"""Rows that are checked before other requests get the processor."""


@operation(
    "POST",
    "/actuals",
    Tag.FACTS,
    body=ActualsRequest,
    answer=ActualsAnswer,
    max_body=2 * MIB,
    max_table=2 * MIB,
    accepts_csv=True,
    scope=Scope.REPORT,
    error_codes=frozenset({Code.INVALID_NODE, Code.BATCH_TOO_LARGE, Code.MONITORING_UNAVAILABLE}),
)
async def report_actuals(
    forecaster: Forecaster, monitoring: Monitoring, request: Request
) -> ActualsAnswer:
    """Report what series sold, ahead of the tables, to measure forecasts by it.

    All rows are taken or none. A row that was reported before changes nothing; with other units it
    is a correction, and the units before stay on record. Forecasts do not read reported sales.
    """
    snapshot = forecaster.release.engine.snapshot
    actuals = await _check_rows(snapshot, await _read_documents(request, snapshot))
    report = partial(monitoring.actuals.report, actuals, by=actor_of(request), at=now())
    changed = await call_database(report, unavailable=Code.MONITORING_UNAVAILABLE)
    newest = snapshot.date_at(snapshot.newest_origin)
    return ActualsAnswer(
        added=changed.added,
        corrected=changed.corrected,
        unchanged=changed.unchanged,
        superseded=sum(each.day <= newest for each in actuals),
        snapshot=reference(snapshot),
    )


async def _read_documents(request: Request, snapshot: Snapshot) -> Sequence[Any]:
    """Return the rows of a body, of JSON or CSV."""
    if media_type_of(request.scope) != CSV:
        return (await read_json(request, ActualsRequest, or_else=CSV)).actuals
    series = snapshot.specification.series
    columns = RowColumns(
        (*series, "date", "units"), (), "the columns of a series, a date and units"
    )
    rows = await read_rows(await request.body(), columns)
    return [
        {
            "date": row["date"],
            "units": row["units"],
            "series": {name: row[name] for name in series},
        }
        for row in rows
    ]


async def _check_rows(snapshot: Snapshot, documents: Sequence[Any]) -> list[Actual]:
    """Return the rows as sales.

    Raises:
        Problem: some are wrong; it lists their faults.
    """
    actuals: dict[tuple[str, Any], Actual] = {}
    faults: list[FieldError] = []
    codes: set[Code] = set()
    for number, document in enumerate(documents):
        pointer = f"/actuals/{number}"
        try:
            actual = _check_row(snapshot, document)
            before = actuals.setdefault((actual.node, actual.day), actual)
            if before.units != actual.units:
                raise Problem.in_field(
                    Code.INVALID_REQUEST,
                    "/units",
                    f"{actual.node} on {actual.day} is in the report already, with "
                    f"{before.units:g} units",
                )
        except Problem as problem:
            codes.add(problem.code)
            at = problem.at(pointer).errors
            faults.extend(at or [FieldError(pointer, problem.detail)])
        if number % _ROWS_PER_TURN == 0:
            await anyio.lowlevel.checkpoint()
    if faults:
        code = codes.pop() if len(codes) == 1 else Code.INVALID_REQUEST
        more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        listed = faults[:MOST_FAULTS]
        detail = "; ".join(f"{each.pointer}: {each.detail}" for each in listed)
        raise Problem(code, f"Nothing was taken: {detail}{more}.", errors=listed)
    return list(actuals.values())


def _check_row(snapshot: Snapshot, document: Any) -> Actual:
    row = validate_document(document, ActualRow)
    at = node_row(snapshot, row)
    node = snapshot.hierarchy.nodes[at]
    if at < snapshot.hierarchy.n_upper:
        raise Problem.in_field(
            Code.INVALID_NODE,
            "/node",
            f"{node.id} is of the level {node.level}; sales are reported of series, which add up",
        )
    first = snapshot.facts.first_date
    last = snapshot.date_at(snapshot.newest_origin + snapshot.horizon)
    if not first <= row.date <= last:
        raise Problem.in_field(
            Code.INVALID_DATE,
            "/date",
            f"{row.date} is not between {first} and {last}, the days of the data and the forecasts",
        )
    if row.date != snapshot.date_at(snapshot.index_of(row.date)):
        raise Problem.in_field(
            Code.INVALID_DATE,
            "/date",
            f"{row.date} is not the date of a week, which is that of "
            f"{snapshot.date_at(snapshot.index_of(row.date))}",
        )
    return Actual(node.id, row.date, row.units)
