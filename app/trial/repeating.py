"""Repetition of requests with the challenger, after the active release has answered them."""

from __future__ import annotations

import gzip
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import anyio
import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.http.answered import AnsweredRequest
from api.http.operation import Computation, Operation
from api.http.responses import body_of
from errors import Problem
from middleware.context import KEY, RequestContext, context_of
from models.serving.forecaster import Forecaster

QUEUE = 16
"""Requests that wait to be repeated; further ones are not repeated."""
_SECONDS = 30.0
_LARGEST = 2**20
"""Bytes of the largest answer that is compared: parsing it takes time of the event loop."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Repeatable:
    """A request that was answered by the active release.

    Attributes:
        payload: arguments of the handler besides the parts of the service.
        body: of the answer, as it was sent.
        seconds: from its arrival to its answer.
    """

    operation: Operation
    request: Request
    payload: Mapping[str, Any]
    body: bytes
    encoded: bool
    seconds: float


@dataclass(frozen=True)
class Repeated:
    """A repeated request.

    Attributes:
        route: of the operation.
        failed: whether it failed, other than by a problem of the request.
        ratio: of the time to that of the first answer.
        moved: relative difference of the numbers in the answers.
    """

    route: str
    failed: bool
    ratio: float
    moved: float


class Repeater:
    """Queue of requests to repeat, one at a time.

    Args:
        note: called with each repeated request.
        dropped: called for each request that is not repeated because too many wait.
        chance: returns a number from 0 to 1.
    """

    def __init__(
        self,
        note: Callable[[Repeated], object],
        dropped: Callable[[], object],
        *,
        chance: Callable[[], float] = random.random,  # sampling, no secret
    ) -> None:
        self._note = note
        self._dropped = dropped
        self._chance = chance
        self._waiting: deque[Repeatable] = deque()

    def offer(self, share: float, answered: AnsweredRequest, seconds: float) -> None:
        """Queue a share of the requests that another release can answer too."""
        operation, request, payload, response, *_ = answered
        if self._chance() >= share or not is_repeatable(operation, payload):
            return
        if isinstance(response, StreamingResponse):  # not kept, and too large to be
            return
        if len(self._waiting) >= QUEUE:
            self._dropped()
            return
        encoded = "content-encoding" in response.headers
        body = bytes(response.body)
        self._waiting.append(Repeatable(operation, request, payload, body, encoded, seconds))

    async def repeat_waiting(self, forecaster: Callable[[], Forecaster | None]) -> None:
        """Repeat the queued requests, one after the other.

        Args:
            forecaster: returns that of the challenger; None where there is none any more.
        """
        while self._waiting:
            waiting, challenger = self._waiting.popleft(), forecaster()
            if challenger is not None:
                self._note(await _repeat(waiting, challenger))


def is_repeatable(operation: Operation, payload: Mapping[str, Any]) -> bool:
    """Return whether an answer depends on nothing but the release and the request.

    Overrides of planners change, and administration acts.
    """
    parts = set(operation.parameters.values()) - {type(each) for each in payload.values()}
    adjusted = any(getattr(each, "adjusted", False) for each in payload.values())
    return Forecaster in parts and parts <= {Forecaster, Request} and not adjusted


async def _repeat(waiting: Repeatable, forecaster: Forecaster) -> Repeated:
    operation = waiting.operation
    parts = {
        name: forecaster if of is Forecaster else _copy_request(waiting.request)
        for name, of in operation.parameters.items()
        if of in (Forecaster, Request)
    }
    began, failed, body = perf_counter(), False, b""
    try:
        with anyio.fail_after(_SECONDS):
            result = await operation.handler(**parts, **waiting.payload)
            if isinstance(result, Computation):
                result = await result.compute()
        body = bytes(result.body) if isinstance(result, Response) else body_of(result)
    except Problem as problem:
        failed = problem.code.status >= 500
    except Exception:
        _log.exception("repeated_request_failed", route=operation.path)
        failed = True
    seconds = perf_counter() - began
    moved = 0.0
    if body and max(len(body), len(waiting.body)) <= _LARGEST:
        first = gzip.decompress(waiting.body) if waiting.encoded else waiting.body
        moved = relative_difference(first, body)
    ratio = seconds / max(waiting.seconds, 1e-6)
    return Repeated(f"{operation.method} {operation.path}", failed, ratio, moved)


def _copy_request(request: Request) -> Request:
    """Return a request with the same body and caller, for which nothing is charged."""
    known = context_of(request.scope)
    context = RequestContext()
    for name in ("request_id", "match", "caller", "tier", "max_body_bytes", "body"):
        setattr(context, name, getattr(known, name))
    return Request({**request.scope, KEY: context})


def relative_difference(first: bytes, second: bytes) -> float:
    """Return the sum of the differences of the numbers in two JSON documents, over the first's.

    0 for bodies that are no JSON.
    """
    try:
        before, after = (list(_numbers(orjson.loads(each))) for each in (first, second))
    except orjson.JSONDecodeError:
        return 0.0
    total = sum(abs(value) for value in before)
    difference = sum(abs(a - b) for a, b in zip(before, after, strict=False))
    return difference / total if total else 0.0


def _numbers(document: Any) -> Iterator[float]:
    if isinstance(document, dict):
        for value in document.values():
            yield from _numbers(value)
    elif isinstance(document, list):
        for value in document:
            yield from _numbers(value)
    elif isinstance(document, (int, float)) and not isinstance(document, bool):
        yield document
