"""Operations are bound to what their handlers take, and answer within a time limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import anyio
import numpy as np
import pytest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Scope

from api.http.answered import AnsweredRequest, Observer
from api.http.dispatch import bind
from api.http.operation import Computation, Operation, operation
from api.http.response_cache import ResponseCache
from api.http.tags import Tag
from middleware.context import context_of
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from models.serving.forecaster import Forecaster
from storage.cache.answers import AnswerCache
from tests.support.asgi import SentMessages, send_request


class Payload(BaseModel):
    number: int


class Part:
    """A part of the service."""


FORECASTER: Any = SimpleNamespace(release=SimpleNamespace(version="a-version", engine=None))


def served(
    declared: Operation, *, seconds: float = 30.0, observers: Sequence[Observer] = ()
) -> ASGIApp:
    providers: dict[type, Callable[[Scope], object]] = {
        Part: lambda scope: "the part",
        Forecaster: lambda scope: FORECASTER,
    }
    cache = ResponseCache(AnswerCache())
    app = bind(declared, providers, cache, observers=observers, seconds=seconds)
    return RequestIdMiddleware(ProblemMiddleware(app))


def post(app: ASGIApp, body: bytes = b'{"number": 7}') -> SentMessages:
    return send_request(app, method="POST", body=body, Content_Type="application/json")


def test_a_handler_gets_what_its_signature_names() -> None:
    @operation("POST", "/x", Tag.FACTS)
    async def handler(part: Part, payload: Payload, request: Request) -> list[Any]:
        """Do it."""
        return [part, payload.number, request.method]

    assert post(served(handler)).body == b'["the part",7,"POST"]'
    assert (handler.body, handler.query, handler.answer) == (Payload, None, list[Any])


def test_a_response_is_sent_as_it_is() -> None:
    @operation("POST", "/x", Tag.FACTS, answer=str)
    async def handler() -> Response:
        return PlainTextResponse("done", 202)

    sent = post(served(handler))
    assert (sent.status, sent.body) == (202, b"done")


def test_content_is_sent_with_the_declared_status() -> None:
    @operation("POST", "/x", Tag.FACTS, status=201)
    async def handler() -> dict[str, int]:
        return {"made": 1}

    sent = post(served(handler))
    assert (sent.status, sent.body) == (201, b'{"made":1}')


def test_a_handler_that_nothing_can_provide_for_is_refused_at_the_start() -> None:
    @operation("POST", "/x", Tag.FACTS)
    async def handler(other: BaseException) -> int:
        return 1

    with pytest.raises(TypeError, match="POST /x: nothing provides other"):
        served(handler)


def test_a_cached_answer_may_depend_on_nothing_but_release_and_payload() -> None:
    """Two requests that differ in anything else would get the same answer."""

    @operation("POST", "/x", Tag.FACTS)
    async def handler(
        forecaster: Forecaster, payload: Payload, request: Request
    ) -> Computation[int]:
        raise AssertionError

    with pytest.raises(TypeError, match="POST /x: a cached answer"):
        served(handler)


def test_an_operation_without_a_type_of_answer_is_refused() -> None:
    with pytest.raises(TypeError, match="POST /x: name the type"):

        @operation("POST", "/x", Tag.FACTS)
        async def handler() -> Response:
            raise AssertionError


@pytest.mark.parametrize("cached", [False, True], ids=["computed", "cached"])
def test_an_answer_that_takes_too_long_is_a_problem(cached: bool) -> None:
    @operation("POST", "/x", Tag.FACTS)
    async def plain(forecaster: Forecaster, payload: Payload) -> int:
        await anyio.sleep_forever()
        return 1

    @operation("POST", "/x", Tag.FACTS)
    async def computing(forecaster: Forecaster, payload: Payload) -> Computation[int]:
        async def compute() -> int:
            await anyio.sleep_forever()
            return 1

        return Computation(compute)

    sent = post(served(computing if cached else plain, seconds=0.02))
    assert (sent.status, sent.problem["code"]) == (504, "TIMEOUT")


def test_a_repeated_request_is_answered_without_its_handler() -> None:
    seen: list[int] = []

    @operation("POST", "/x", Tag.FACTS)
    async def handler(forecaster: Forecaster, payload: Payload) -> Computation[int]:
        seen.append(payload.number)

        async def compute() -> int:
            return payload.number

        return Computation(compute)

    app = served(handler)
    answers = [post(app, body) for body in 2 * [b'{"number": 7}'] + [b'{"number": 8}']]
    assert [sent.body for sent in answers] == [b"7", b"7", b"8"]
    assert [sent.headers["x-cache"] for sent in answers] == ["miss", "hit", "miss"]
    assert seen == [7, 8]


@pytest.mark.parametrize("own", [True, False], ids=["computed", "a slice"])
def test_observers_see_whether_an_answer_was_computed_for_its_request(own: bool) -> None:
    """An answer from the cache was computed for an earlier one."""
    seen: list[AnsweredRequest] = []

    @operation("POST", "/x", Tag.FACTS)
    async def handler(forecaster: Forecaster, payload: Payload) -> Computation[int]:
        async def compute() -> int:
            return payload.number

        return Computation(compute, own=own)

    app = served(handler, observers=[seen.append])
    for body in (b'{"number": 7}', b'{"number":  7}', b'{"number": 8}'):
        post(app, body)
    assert [each.response.headers["x-cache"] for each in seen] == ["miss", "hit", "miss"]
    assert [each.computed for each in seen] == [own, False, own]
    assert all(each.forecaster is FORECASTER for each in seen)


def test_observers_see_the_requests_whose_rows_the_model_was_run_on() -> None:
    seen: list[AnsweredRequest] = []

    @operation("POST", "/x", Tag.FACTS)
    async def handler(forecaster: Forecaster, payload: Payload, request: Request) -> int:
        if payload.number == 7:
            context_of(request.scope).rows = np.zeros((1, 2), dtype=np.float32)
        return 1

    app = served(handler, observers=[seen.append])
    post(app, b'{"number": 7}')
    post(app, b'{"number": 8}')
    assert [each.computed for each in seen] == [True, False]
