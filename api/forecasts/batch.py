"""POST /predict/batch: many series, each with a result or a problem of its own."""

from __future__ import annotations

from typing import Any

import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response

from api.forecasts import batch_csv
from api.forecasts.days import COMPUTED
from api.forecasts.items import (
    build_results,
    charge_origins,
    charge_rows,
    compute_forecasts,
    plan_items,
    split_into_slices,
)
from api.forecasts.predict import node_answers
from api.http.operation import operation
from api.http.parsing import read_json
from api.http.responses import body_of
from api.http.tags import Tag
from api.schemas.forecasts import BatchAnswer
from api.schemas.requests import MAX_ITEMS, BatchRequest
from errors import Code, Problem
from middleware.headers import CSV, JSON, media_type_of
from middleware.policy import KIB, MIB
from models.serving.forecaster import Forecaster
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
    error_codes=COMPUTED | {Code.BATCH_TOO_LARGE},
    scope=Scope.BATCH,
)
async def predict_batch(forecaster: Forecaster, request: Request) -> Response:
    """Forecast many series, each with a result or a problem; as JSON, or as CSV for CSV."""
    if media_type_of(request.scope) == CSV:
        return await batch_csv.predict_csv(forecaster, request)
    payload = await read_json(request, BatchRequest, or_else=CSV)
    count = len(payload.predictions)
    if count > MAX_ITEMS:
        detail = f"A batch holds up to {MAX_ITEMS} items, not {count}"
        raise Problem.in_field(Code.BATCH_TOO_LARGE, "/predictions", detail)
    await charge_rows(request, count)
    planned = await plan_items(forecaster, payload.predictions)
    await charge_origins(request, forecaster, planned)
    computed = await compute_forecasts(forecaster, planned)
    written: list[bytes] = []
    for some in split_into_slices(planned):
        if written:
            await anyio.lowlevel.checkpoint()
        for result in build_results(forecaster, some, computed, node_answers):
            written.append(body_of(_item_document(len(written), result)))
    return Response(b'{"predictions":[%b]}' % b",".join(written), media_type=JSON)


def _item_document(number: int, result: dict[str, Any] | Problem) -> dict[str, Any]:
    if not isinstance(result, Problem):
        return result
    pointer = f"/predictions/{number}"
    return result.at(pointer).document(instance=pointer)
