"""Answers that are kept: a successful body depends on model, data and request alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.answers import JSON, body_of, lasting_bytes
from cache.answers import AnswerCache
from cache.keys import key_of
from models.forecaster import Forecaster

STATE_KEY = "answers"
"""Where a request finds the cache."""


async def kept(
    forecaster: Forecaster,
    request: Request,
    asked: BaseModel,
    compute: Callable[[], Awaitable[Any]],
    *,
    shared: bool,
    lasting: bool = False,
) -> Response:
    """The answer to a request, from the cache if it is there.

    A client that sends ``Cache-Control: no-cache`` has it computed anew.

    Args:
        asked: the request as it was checked, defaults included.
        compute: makes the content of the answer; its exception is not kept.
        shared: whether computing takes so long that other workers should be asked first.
        lasting: whether the answer gets an ETag.
    """
    cache: AnswerCache = request.scope["state"][STATE_KEY]
    engine = forecaster.pair.engine

    async def body() -> bytes:
        return body_of(await compute())

    found = await cache.get(
        key_of(
            f"{engine.bundle.name}.{engine.snapshot.name}",
            request.scope["path"],
            asked.model_dump_json(by_alias=True, warnings=False).encode(),
        ),
        body,
        shared=shared,
        bypass="no-cache" in request.headers.get("cache-control", ""),
    )
    if lasting:
        told = lasting_bytes(request, found.body, media_type=JSON)
    else:
        told = Response(found.body, media_type=JSON)
    told.headers["x-cache"] = found.outcome
    return told
