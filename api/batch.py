"""POST /predict/batch: many series, each with a result or a problem of its own."""

from __future__ import annotations

from typing import Any

import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response

from api import batch_csv
from api.answers import JSON, body_of
from api.items import charge_origins, charge_rows, compute, plan, results, slices
from api.parsing import media_type_of, read_json
from api.predict import simple_answers
from api.schemas.requests import MAX_ITEMS, BatchRequest
from errors import Code, Problem
from models.forecaster import Forecaster


async def predict_batch(forecaster: Forecaster, request: Request) -> Response:
    """Results and problems, in the order of the items; as JSON, or as CSV if it came as such."""
    if media_type_of(request) == batch_csv.MEDIA_TYPE:
        return await batch_csv.predict_csv(forecaster, request)
    asked = await read_json(request, BatchRequest, or_else=batch_csv.MEDIA_TYPE)
    count = len(asked.predictions)
    if count > MAX_ITEMS:
        detail = f"A batch holds up to {MAX_ITEMS} items, not {count}"
        raise Problem.in_field(Code.BATCH_TOO_LARGE, "/predictions", detail)
    await charge_rows(request, count)
    planned = await plan(forecaster, asked.predictions)
    await charge_origins(request, forecaster, planned)
    computed = await compute(forecaster, planned)
    written: list[bytes] = []
    for some in slices(planned):
        if written:
            await anyio.lowlevel.checkpoint()
        for told in results(forecaster, some, computed, simple_answers):
            written.append(body_of(_document(len(written), told)))
    return Response(b'{"predictions":[%b]}' % b",".join(written), media_type=JSON)


def _document(number: int, told: dict[str, Any] | Problem) -> dict[str, Any]:
    pointer = f"/predictions/{number}"
    return told.at(pointer).document(instance=pointer) if isinstance(told, Problem) else told
