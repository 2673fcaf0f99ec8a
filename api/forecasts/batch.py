"""POST /predict/batch: many series, each with a result or a problem of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response

from api.forecasts.batch_csv import columns_of_items, echo_of, item_of
from api.forecasts.batch_table import table_of_items, table_of_series
from api.forecasts.days import COMPUTED
from api.forecasts.item_answers import ItemAnswers
from api.forecasts.items import (
    PlannedItem,
    build_results,
    charge_origins,
    charge_rows,
    compute_forecasts,
    is_adjusted,
    plan_items,
    split_into_slices,
)
from api.forecasts.planning import Planning
from api.forecasts.predict import node_answers
from api.http.csv_rows import read_rows
from api.http.negotiation import negotiate
from api.http.operation import operation
from api.http.parsing import read_json
from api.http.representation import preferred_form, representation_of, respond
from api.http.response_cache import cache_header, is_cache_bypassed
from api.http.responses import body_of
from api.http.tables import TABLE_TYPES
from api.http.tags import Tag
from api.schemas.forecasts import BatchAnswer
from api.schemas.requests import MAX_ITEMS, BatchRequest
from errors import Code, Problem
from middleware.headers import CSV, JSON, media_type_of
from middleware.policy import KIB, MIB
from models.serving.forecaster import Forecaster
from storage.cache.answers import Outcome
from storage.keys import Scope


@operation(
    "POST",
    "/predict/batch",
    Tag.FORECASTS,
    body=BatchRequest,
    answer=BatchAnswer,
    max_body=256 * KIB,
    max_table=2 * MIB,
    accepts_csv=True,
    tables=True,
    error_codes=COMPUTED | {Code.BATCH_TOO_LARGE},
    scope=Scope.BATCH,
)
async def predict_batch(
    forecaster: Forecaster, planning: Planning, known: ItemAnswers, request: Request
) -> Response:
    """Forecast many series, each with a result or a problem; as JSON, or as a table."""
    if media_type_of(request.scope) == CSV:
        return await _predict_rows(forecaster, planning, request)
    form = preferred_form(request, forecaster.release.engine)
    payload = await read_json(request, BatchRequest, or_else=CSV)
    count = len(payload.predictions)
    if count > MAX_ITEMS:
        detail = f"A batch holds up to {MAX_ITEMS} items, not {count}"
        raise Problem.in_field(Code.BATCH_TOO_LARGE, "/predictions", detail)
    planner, planned = await _plan(forecaster, planning, request, payload.predictions)
    if form.media_type != JSON:
        computed = await compute_forecasts(planner, planned)
        return await table_of_items(forecaster, planned, computed).respond(form)
    version, bypass = forecaster.release.version, is_cache_bypassed(request)
    written = [b"" if bypass else _find_known(known, version, item) for item in planned]
    missing = [number for number, body in enumerate(written) if not body]
    unknown = [planned[number] for number in missing]
    computed = await compute_forecasts(planner, unknown)
    numbers = iter(missing)
    for number, some in enumerate(split_into_slices(unknown)):
        if number:
            await anyio.lowlevel.checkpoint()
        results = build_results(forecaster, some, computed, node_answers)
        for item, result, at in zip(some, results, numbers, strict=False):
            written[at] = body_of(_item_document(at, result))
            if not (bypass or isinstance(item, Problem) or isinstance(result, Problem)):
                known.put(version, item, written[at])
    written[0] = b'{"predictions":[' + written[0]  # one copy of all results, not two
    written[-1] += b"]}"
    outcome = Outcome.BYPASS if bypass else Outcome.MISS if missing else Outcome.HIT
    return respond(form, b",".join(written), cache_header(outcome))


def _find_known(known: ItemAnswers, version: str, item: PlannedItem) -> bytes:
    """Return the encoded result of an item if it is cached, else nothing."""
    return b"" if isinstance(item, Problem) else known.find(version, item) or b""


async def _predict_rows(forecaster: Forecaster, planning: Planning, request: Request) -> Response:
    """Answer a table with a table: CSV, unless the client prefers another format."""
    engine = forecaster.release.engine
    form = representation_of(negotiate(request.scope, TABLE_TYPES), engine)
    series = engine.snapshot.specification.series
    rows = await read_rows(await request.body(), columns_of_items(series))
    items = [item_of(row, series) for row in rows]
    planner, planned = await _plan(forecaster, planning, request, items)
    computed = await compute_forecasts(planner, planned)
    table = table_of_series(
        forecaster, planned, computed, lambda number: echo_of(rows[number], series)
    )
    return await table.respond(form)


async def _plan(
    forecaster: Forecaster, planning: Planning, request: Request, documents: Sequence[Any]
) -> tuple[Forecaster, list[PlannedItem]]:
    """Return the items validated, and what forecasts them, with the overrides that any wants.

    Each step is charged before it runs.
    """
    await charge_rows(request, len(documents))
    planned = await plan_items(forecaster, documents)
    await charge_origins(request, forecaster, planned)
    if any(is_adjusted(item) for item in planned):
        try:
            forecaster = (await planning.plan(forecaster)).forecaster
        except Problem as problem:  # of these items alone
            failed = problem.as_value()
            planned = [failed if is_adjusted(item) else item for item in planned]
    return forecaster, planned


def _item_document(number: int, result: dict[str, Any] | Problem) -> dict[str, Any]:
    if not isinstance(result, Problem):
        return result
    pointer = f"/predictions/{number}"
    return result.at(pointer).document(instance=pointer)
