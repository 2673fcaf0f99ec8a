"""Deadlines: what takes too long is cancelled, and the caller is told as well as can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event

import anyio
import anyio.to_thread
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from middleware.deadline import DeadlineMiddleware, seconds_left
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware

SHORT = 0.02


def wrapped(app: ASGIApp, seconds: float = SHORT) -> ASGIApp:
    limited = DeadlineMiddleware(app, limit_of=lambda scope: seconds)
    return RequestIdMiddleware(ProblemMiddleware(limited))


class Slow:
    """Sends some messages, then works for ever; knows whether it was cancelled."""

    def __init__(self, *messages: Message) -> None:
        self.messages = messages
        self.cancelled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self.messages:
            await send(message)
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            self.cancelled = True
            raise


START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"half", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


def test_what_takes_too_long_is_cancelled_and_is_a_problem(call: Callable) -> None:
    app = Slow()
    sent = call(wrapped(app), X_Request_ID="a")
    assert app.cancelled
    assert sent.error is None
    assert sent.status == 504
    assert sent.problem["code"] == "TIMEOUT"
    assert sent.problem["request_id"] == "a"
    assert "0.02 s" in sent.problem["detail"]


@pytest.mark.parametrize(
    "messages",
    [pytest.param((START,), id="start only"), pytest.param((START, PART), id="half a body")],
)
def test_an_answer_that_has_begun_is_cut(call: Callable, messages: tuple[Message, ...]) -> None:
    """The limit is of the whole stream. The exception makes the server close the connection."""
    app = Slow(*messages)
    sent = call(wrapped(app))
    assert app.cancelled
    assert sent.error is not None
    assert sent.messages == [{**START, "headers": sent.messages[0]["headers"]}, *messages[1:]]
    assert not sent.finished


def test_a_complete_answer_stands_when_what_comes_after_it_is_cancelled(call: Callable) -> None:
    app = Slow(START, PART, END)
    sent = call(wrapped(app))
    assert app.cancelled
    assert sent.error is None
    assert (sent.status, sent.body, sent.finished) == (200, b"half", True)


def test_an_application_that_swallows_its_cancellation_is_still_too_late(call: Callable) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return

    assert call(wrapped(app)).problem["code"] == "TIMEOUT"


def test_an_application_that_says_nothing_in_time_is_not_too_late(call: Callable) -> None:
    """Its caller may have gone; what becomes of it is for those outside."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    sent = call(wrapped(app, 30))
    assert (sent.error, sent.messages) == (None, [])


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TimeoutError(), id="raised"),
        pytest.param(None, id="asyncio.timeout"),
    ],
)
def test_a_time_out_of_somebody_else_is_not_the_deadline(
    call: Callable, log_lines: Callable, error: Exception | None
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if error:
            raise error
        async with asyncio.timeout(0):
            await anyio.sleep_forever()

    sent = call(wrapped(app, 30))
    assert sent.problem["code"] == "INTERNAL_ERROR"
    (line,) = log_lines()
    assert "TimeoutError" in line["exception"]


def test_a_cancellation_by_the_server_is_not_the_deadline() -> None:
    sent: list[Message] = []
    app = Slow()

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> bool:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        with anyio.move_on_after(SHORT) as server:
            await wrapped(app, 30)(scope, None, send)  # type: ignore[arg-type]
        return server.cancelled_caught

    assert anyio.run(run)
    assert app.cancelled
    assert sent == []


def test_a_thread_that_may_be_abandoned_does_not_keep_the_caller_waiting(call: Callable) -> None:
    """It works on: nothing can end a thread. Without `abandon_on_cancel` it is waited for."""
    release, done = Event(), Event()

    def work() -> None:
        release.wait(10)
        done.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.to_thread.run_sync(work, abandon_on_cancel=True)

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await wrapped(app)(scope, receive, send)
        finally:
            assert not done.is_set()
            release.set()

    sent = call(outer)
    assert sent.problem["code"] == "TIMEOUT"
    assert done.wait(10)


def test_those_inside_see_how_long_they_have(call: Callable) -> None:
    left: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        left.append(seconds_left(scope))
        assert scope["state"]["deadline"] == pytest.approx(anyio.current_time() + left[-1], abs=0.1)
        await send(START)
        await send(END)

    for seconds in (30, 5):
        assert call(wrapped(app, seconds)).error is None
    assert left == [pytest.approx(30, abs=0.5), pytest.approx(5, abs=0.5)]


def test_the_limit_is_30_s_where_nothing_else_is_said(call: Callable) -> None:
    left: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        left.append(seconds_left(scope))

    call(DeadlineMiddleware(app))
    assert left == [pytest.approx(30, abs=0.5)]


def test_each_route_has_its_own_limit(call: Callable) -> None:
    limits = {"/slow": 30.0, "/fast": SHORT}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(10 * SHORT)
        await send(START)
        await send(END)

    limited = DeadlineMiddleware(app, limit_of=lambda scope: limits[scope["path"]])
    served = RequestIdMiddleware(ProblemMiddleware(limited))
    assert call(served, path="/slow").status == 200
    assert call(served, path="/fast").status == 504


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_has_no_deadline(kind: str) -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(2 * SHORT)
        seen.extend((scope, receive, send))

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None: ...

    scope = {"type": kind}
    anyio.run(DeadlineMiddleware(app, limit_of=lambda scope: SHORT), scope, receive, send)
    assert seen == [scope, receive, send]
    assert scope == {"type": kind}
