"""What all answers have in common."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from api.schemas import SnapshotRef
from features.snapshot import Snapshot


def answer(content: Any) -> Response:
    """A JSON answer; dataclasses, dates and arrays are written as they are."""
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )


def reference(snapshot: Snapshot) -> SnapshotRef:
    """The data that an answer rests on."""
    return SnapshotRef(origin=snapshot.facts.origin, digest=snapshot.name.rpartition("-")[2])
