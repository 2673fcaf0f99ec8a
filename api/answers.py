"""What all answers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from hashlib import blake2b
from typing import Any, TypedDict

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from api.schemas.answer import SnapshotRef
from api.windows import ForecastWindow
from features.snapshot import Snapshot
from models.engine import ForecastEngine

JSON = "application/json"

REVALIDATE = "private, no-cache"
"""Cache-Control of an answer with an ETag: a browser may keep it, a shared cache may not, and
either asks before each use whether it is still right (RFC 9111 section 5.2.2)."""

Raw = list[tuple[bytes, bytes]]
"""Headers as ASGI has them."""


def body_of(content: Any) -> bytes:
    """Content as JSON; dataclasses, dates and arrays are written as they are."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def answer(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(body_of(content), status_code=status, media_type=JSON)


def with_etag(request: Request, content: Any) -> Response:
    """A JSON answer that only changes with model, data and request: see `lasting_bytes`."""
    return bytes_with_etag(request, body_of(content), media_type=JSON)


def bytes_with_etag(request: Request, body: bytes, *, media_type: str) -> Response:
    """An answer with an ETag (RFC 9110).

    A client that has it already is told so by a 304 without a body.
    """
    tag = etag_of(body)
    headers = {"etag": tag, "cache-control": REVALIDATE}
    if is_held(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def etag_of(body: bytes) -> str:
    """The entity tag of a body."""
    return f'"{blake2b(body, digest_size=16).hexdigest()}"'


def is_held(request: Request, tag: str) -> bool:
    """Whether If-None-Match says that the client has what the tag stands for."""
    known = request.headers.get("if-none-match", "")
    held = {part.strip().removeprefix("W/") for part in known.split(",")}
    return tag in held or known.strip() == "*"


class Basis(TypedDict):
    """What a computed forecast rests on, as every answer that tells one has it."""

    model_version: str
    model_trained_through: date
    in_sample: bool
    known_through: dict[str, date]
    snapshot: SnapshotRef
    degraded: bool


def basis_of(engine: ForecastEngine, window: ForecastWindow, row: int) -> Basis:
    """Return what the forecasts of a node in a window rest on."""
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
    """Return the last day up to which the promotions of each node were known at an origin.

    The sales have a day of their own only where they are not delivered up to the origin.
    """
    planned = (origin + snapshot.known_lead[rows]).tolist()
    delivered = snapshot.sales_known_through[rows].tolist()
    dates = {day: snapshot.date_at(day) for day in {*planned, *delivered}}
    return [
        {"onpromotion": dates[promotions]}
        if sales >= origin
        else {"onpromotion": dates[promotions], "sales": dates[sales]}
        for promotions, sales in zip(planned, delivered, strict=True)
    ]


def reference(snapshot: Snapshot) -> SnapshotRef:
    """The data that an answer rests on."""
    return SnapshotRef(origin=snapshot.facts.origin, digest=snapshot.name.rpartition("-")[2])
