"""Responses as JSON, ETags, and the fields that all forecasts share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from hashlib import blake2b
from itertools import chain
from typing import Any, TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from api.forecasts.windows import ForecastWindow
from api.schemas.answer import SnapshotRef
from features.data.snapshot import Snapshot
from middleware.headers import JSON
from models.engine import ForecastEngine

REVALIDATE = "private, no-cache"
"""Cache-Control of an answer with an ETag: a browser may keep it, a shared cache may not, and
either asks before each use whether it is still right (RFC 9111 section 5.2.2)."""

Raw = list[tuple[bytes, bytes]]
"""Headers as ASGI has them."""


def body_of(content: Any) -> bytes:
    """Encode content as JSON; orjson takes dataclasses, dates and arrays as they are."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def json_response(content: Any, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(body_of(content), status_code=status, media_type=JSON)


def json_response_with_etag(request: Request, content: Any) -> Response:
    """Return a JSON response with an ETag, for content that only model, data and request decide."""
    return bytes_response_with_etag(request, body_of(content), media_type=JSON)


def bytes_response_with_etag(request: Request, body: bytes, *, media_type: str) -> Response:
    """Return a response with an ETag, or 304 without a body if the client has it (RFC 9110)."""
    tag = etag_of(body)
    headers = {"etag": tag, "cache-control": REVALIDATE}
    if etag_matches(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def etag_of(body: bytes) -> str:
    """Return the strong entity tag of a body (RFC 9110 section 8.8.3)."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def etag_matches(request: Request, tag: str) -> bool:
    """Return whether If-None-Match names the tag, by weak comparison (RFC 9110 section 13.1.2)."""
    condition = request.headers.get("if-none-match", "")
    tags = {part.strip().removeprefix("W/") for part in condition.split(",")}
    return tag in tags or condition.strip() == "*"


class Basis(TypedDict):
    """Model and data that a computed forecast rests on: fields of every answer with one."""

    model_version: str
    model_trained_through: date
    in_sample: bool
    known_through: dict[str, date]
    snapshot: SnapshotRef
    degraded: bool


def basis_of(engine: ForecastEngine, window: ForecastWindow, row: int) -> Basis:
    """Return the model and data that the forecasts of a node in a window rest on."""
    snapshot, bundle = engine.snapshot, engine.bundle
    trained_through = bundle.facts.trained_through
    return {
        "model_version": bundle.name,
        "model_trained_through": trained_through,
        "in_sample": snapshot.date_at(int(window.days[0])) <= trained_through,
        "known_through": known_through(snapshot, window.origin, [row])[0],
        "snapshot": reference(snapshot),
        "degraded": False,
    }


def known_through(
    snapshot: Snapshot, origin: int, rows: Sequence[int] | NDArray[np.intp]
) -> list[dict[str, date]]:
    """Return the last day up to which each covariate of each node was known at an origin.

    The sales have a day of their own only where they are not delivered up to the origin.
    """
    last: dict[str, list[int]] = {
        name: (origin + lead[rows]).tolist() for name, lead in snapshot.known_lead.items()
    }
    delivered = snapshot.sales_known_through[rows].tolist()
    dates = {day: snapshot.date_at(day) for day in {*delivered, *chain(*last.values())}}
    return [
        {name: dates[days[number]] for name, days in last.items()}
        | ({} if sales >= origin else {"sales": dates[sales]})
        for number, sales in enumerate(delivered)
    ]


def reference(snapshot: Snapshot) -> SnapshotRef:
    """Return the reference to a snapshot that answers contain."""
    return SnapshotRef(origin=snapshot.facts.origin, digest=snapshot.name.rpartition("-")[2])
