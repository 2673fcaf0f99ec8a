"""Deadlines: slow requests are cancelled, and the caller gets a problem where possible."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from threading import Event

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from middleware.context import context_of
from middleware.deadline import DeadlineMiddleware, remaining_seconds
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from tests.support.asgi import SentMessages, http_scope, receiver

SHORT = 0.02


def with_deadline(app: ASGIApp, seconds: float = SHORT) -> ASGIApp:
    limited = DeadlineMiddleware(app, limit_of=lambda scope: seconds)
    return RequestIdMiddleware(ProblemMiddleware(limited))


class Slow:
    """An application that sends some messages, then never ends, and records a cancellation."""

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


def test_a_slow_request_is_cancelled_and_answered_with_a_problem(call: Callable) -> None:
    app = Slow()
    sent = call(with_deadline(app), X_Request_ID="a")
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
def test_a_started_response_is_cut(call: Callable, messages: tuple[Message, ...]) -> None:
    """The limit covers the whole stream. The exception makes the server close the connection."""
    app = Slow(*messages)
    sent = call(with_deadline(app))
    assert app.cancelled
    assert sent.error is not None
    assert sent.messages == [{**START, "headers": sent.messages[0]["headers"]}, *messages[1:]]
    assert not sent.finished


def test_an_answer_that_a_thread_ends_too_late_is_a_problem_and_not_cut(call: Callable) -> None:
    """The work is not undone, and half of its answer would tell nobody anything."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.to_thread.run_sync(time.sleep, 5 * SHORT)
        await send(START)
        await anyio.lowlevel.checkpoint()  # as a server that writes it
        await send(PART)
        await send(END)

    sent = call(with_deadline(app))
    assert sent.error is None
    assert (sent.status, sent.problem["code"], sent.finished) == (504, "TIMEOUT", True)


def test_a_complete_response_survives_the_cancellation_of_later_work(call: Callable) -> None:
    app = Slow(START, PART, END)
    sent = call(with_deadline(app))
    assert app.cancelled
    assert sent.error is None
    assert (sent.status, sent.body, sent.finished) == (200, b"half", True)


def test_an_application_that_swallows_its_cancellation_is_still_too_late(call: Callable) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return

    assert call(with_deadline(app)).problem["code"] == "TIMEOUT"


def test_an_application_that_ends_in_time_without_a_response_is_no_timeout(call: Callable) -> None:
    """Its caller may have disconnected; the outer middlewares handle that."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    sent = call(with_deadline(app, 30))
    assert (sent.error, sent.messages) == (None, [])


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(TimeoutError(), id="raised"),
        pytest.param(None, id="asyncio.timeout"),
    ],
)
def test_another_time_out_is_not_the_deadline(
    call: Callable, log_lines: Callable, error: Exception | None
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if error:
            raise error
        async with asyncio.timeout(0):
            await anyio.sleep_forever()

    sent = call(with_deadline(app, 30))
    assert sent.problem["code"] == "INTERNAL_ERROR"
    (line,) = log_lines()
    assert "TimeoutError" in line["exception"]


def test_a_cancellation_by_the_server_is_not_the_deadline() -> None:
    sent = SentMessages()
    app = Slow()

    async def run() -> bool:
        with anyio.move_on_after(SHORT) as server:
            await with_deadline(app, 30)(http_scope(), receiver(), sent.send)
        return server.cancelled_caught

    assert anyio.run(run)
    assert app.cancelled
    assert sent.messages == []


def test_an_abandonable_thread_does_not_delay_the_response(call: Callable) -> None:
    """The thread continues: nothing can end it. Without `abandon_on_cancel` it is awaited."""
    release, done = Event(), Event()

    def work() -> None:
        release.wait(10)
        done.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.to_thread.run_sync(work, abandon_on_cancel=True)

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # long enough for the thread to start, on a machine that does other things too
            await with_deadline(app, 0.5)(scope, receive, send)
        finally:
            assert not done.is_set()
            release.set()

    sent = call(outer)
    assert sent.problem["code"] == "TIMEOUT"
    assert done.wait(10)


def test_the_application_sees_its_remaining_time(call: Callable) -> None:
    remaining: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        remaining.append(remaining_seconds(scope))
        assert context_of(scope).deadline == pytest.approx(
            anyio.current_time() + remaining[-1], abs=0.1
        )
        await send(START)
        await send(END)

    for seconds in (30, 5):
        assert call(with_deadline(app, seconds)).error is None
    assert remaining == [pytest.approx(30, abs=0.5), pytest.approx(5, abs=0.5)]


def test_the_default_limit_is_30_s(call: Callable) -> None:
    remaining: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        remaining.append(remaining_seconds(scope))

    call(DeadlineMiddleware(app))
    assert remaining == [pytest.approx(30, abs=0.5)]


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
