"""Bodies: bounded in size and time, whatever Content-Length says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from middleware.body_limit import BodyLimitMiddleware
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from tests.support.asgi import DISCONNECT, SentMessages, body_messages, http_scope, receiver
from tests.support.routing import with_policy

LIMIT = 10


@dataclass
class Exchange(SentMessages):
    """One request and its result.

    Attributes:
        seen: the body's parts that reached the application.
        messages_read: number of messages received from the server.
    """

    seen: list[bytes] = field(default_factory=list)
    messages_read: int = 0

    def echo(self) -> ASGIApp:
        """Return an application that reads the body as routes do and answers with its length."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            async for part in Request(scope, receive).stream():
                self.seen.append(part)
            await answer(send, str(sum(map(len, self.seen))).encode())

        return app

    def run(
        self,
        messages: Iterable[Message],
        *headers: tuple[str, str],
        app: ASGIApp | None = None,
        max_bytes: int = LIMIT,
        timeout_seconds: float = 10.0,
    ) -> Exchange:
        """Send a request; after its messages the caller stays connected and silent."""
        read = receiver(*messages)

        async def receive() -> Message:
            message = await read()
            self.messages_read += 1
            return message

        limited = BodyLimitMiddleware(app or self.echo(), timeout_seconds=timeout_seconds)
        served = RequestIdMiddleware(ProblemMiddleware(limited))
        limited_to = with_policy(served, max_body=max_bytes, max_table=max_bytes)
        scope = http_scope("POST", "/predict")
        scope["headers"] = [(name.encode(), value.encode()) for name, value in headers]
        anyio.run(limited_to, scope, receive, self.send)
        return self


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


# --- size -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((b"",), id="empty"),
        pytest.param((b"x" * LIMIT,), id="the limit"),
        pytest.param((b"x" * 5, b"x" * 5), id="the limit in chunks"),
        pytest.param((b"x" * LIMIT, b""), id="the limit and an empty chunk"),
    ],
)
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_up_to_the_limit_passes(parts: tuple[bytes, ...], announced: bool) -> None:
    length = str(sum(map(len, parts)))
    headers = [("content-length", length)] if announced else []
    exchange = Exchange().run(body_messages(*parts), *headers)
    assert exchange.status == 200
    assert exchange.body.decode() == length


@pytest.mark.parametrize(
    "announced",
    [
        pytest.param(str(LIMIT + 1), id="one more"),
        pytest.param("1073741824", id="a GiB"),
        pytest.param("9" * 30, id="more than 64 bits"),
        pytest.param("9" * 6000, id="more digits than int takes"),
        pytest.param("0" * 30 + "11", id="zeros in front"),
    ],
)
def test_a_too_large_content_length_is_refused_unread(announced: str) -> None:
    exchange = Exchange().run(body_messages(b"x" * 100), ("content-length", announced))
    assert exchange.status == 413
    assert b'"code":"PAYLOAD_TOO_LARGE"' in exchange.body
    assert exchange.headers["connection"] == "close"
    assert exchange.messages_read == 0


def test_an_endless_body_is_read_up_to_the_limit() -> None:
    """Two chunks are received and one is passed on."""
    endless = (message for _ in range(1000) for message in body_messages(b"x" * 6, complete=False))
    exchange = Exchange().run(endless)
    assert exchange.status == 413
    assert exchange.headers["connection"] == "close"
    assert exchange.messages_read == 2
    assert exchange.seen == [b"x" * 6]


def test_a_body_that_is_longer_than_announced_is_counted() -> None:
    exchange = Exchange().run(body_messages(b"x" * 5, b"x" * 6), ("content-length", "5"))
    assert exchange.status == 413


@given(parts=st.lists(st.binary(max_size=8), min_size=1, max_size=8), limit=st.integers(0, 32))
def test_any_chunking_passes_if_and_only_if_the_sum_is_within_the_limit(
    parts: Sequence[bytes], limit: int
) -> None:
    """Accepted bodies arrive unchanged; of refused ones, at most the limit arrives."""
    exchange = Exchange().run(body_messages(*parts), max_bytes=limit)
    whole = b"".join(parts)
    if len(whole) <= limit:
        assert exchange.status == 200
        assert b"".join(exchange.seen) == whole
    else:
        assert exchange.status == 413
        seen = b"".join(exchange.seen)
        assert len(seen) <= limit
        assert whole.startswith(seen)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(("",), id="empty"),
        pytest.param(("ten",), id="no number"),
        pytest.param(("-1",), id="negative"),
        pytest.param(("+1",), id="signed"),
        pytest.param(("1.0",), id="a fraction"),
        pytest.param(("1_0",), id="underscore"),
        pytest.param(("0x1",), id="hexadecimal"),
        pytest.param(("1, 1",), id="a list"),
        pytest.param(("1", "1"), id="twice the same"),
        pytest.param(("1", "2"), id="two lengths"),
        pytest.param(("²",), id="a digit outside ASCII"),
    ],
)
def test_an_invalid_content_length_is_refused(values: tuple[str, ...]) -> None:
    headers = [("content-length", value) for value in values]
    exchange = Exchange().run(body_messages(b"x"), *headers)
    assert exchange.status == 400
    assert b'"code":"INVALID_REQUEST"' in exchange.body
    assert exchange.headers["connection"] == "close"
    assert exchange.messages_read == 0


# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([], id="nothing comes"),
        pytest.param(body_messages(b"x", b"x", complete=False), id="the end does not come"),
    ],
)
def test_a_body_that_does_not_arrive_in_time_is_refused(messages: list[Message]) -> None:
    exchange = Exchange().run(messages, ("content-length", "3"), timeout_seconds=0.01)
    assert exchange.status == 408
    assert b'"code":"REQUEST_TIMEOUT"' in exchange.body
    assert exchange.headers["connection"] == "close"


def test_the_time_limit_covers_the_whole_body() -> None:
    """Occasional chunks do not extend it."""
    sent = SentMessages()

    async def drip() -> Message:
        await anyio.sleep(0.01)
        return body_messages(b"", complete=False)[0]

    async def run() -> None:
        limited = BodyLimitMiddleware(Exchange().echo(), timeout_seconds=0.05)
        with anyio.fail_after(5):
            await RequestIdMiddleware(ProblemMiddleware(limited))(
                http_scope("POST"), drip, sent.send
            )

    anyio.run(run)
    assert sent.status == 408


def test_the_time_starts_when_the_body_is_first_read() -> None:
    """Earlier work of the application does not count against the caller."""

    async def busy(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep(0.03)
        await exchange.echo()(scope, receive, send)

    exchange = Exchange()
    exchange.run(body_messages(b"x"), app=busy, timeout_seconds=0.01)
    assert exchange.status == 200


def test_a_complete_body_leaves_time_to_answer() -> None:
    """Waiting for a disconnect after the body is no late body."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        with anyio.move_on_after(0.05):
            await receive()
        await answer(send, b"done")

    exchange = Exchange().run(body_messages(b"x"), app=app, timeout_seconds=0.01)
    assert (exchange.status, exchange.body) == (200, b"done")


# --- errors rewritten by the application ------------------------------------------------------


def _app_that_swallows(answers: bool) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while True:
                await receive()
        except Exception:
            if answers:
                await answer(send, b"Internal Server Error", 500)

    return app


def _app_that_translates() -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while True:
                await receive()
        except Exception as error:
            raise RuntimeError("cannot read") from error

    return app


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(_app_that_swallows(answers=True), id="answers in its own way"),
        pytest.param(_app_that_swallows(answers=False), id="says nothing"),
        pytest.param(_app_that_translates(), id="raises something else"),
    ],
)
def test_a_refusal_wins_over_the_inner_response(app: ASGIApp, log_lines: Callable) -> None:
    """The inner framework turns every exception into a 500 of its own."""
    exchange = Exchange().run(body_messages(b"x" * 11), app=app)
    assert exchange.status == 413
    assert log_lines() == []


def test_an_unrelated_exception_passes(log_lines: Callable) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError("a fault")

    assert Exchange().run(body_messages(b"x"), app=app).status == 500
    assert [line["event"] for line in log_lines()] == ["request_failed"]


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([DISCONNECT], id="before the body"),
        pytest.param([*body_messages(b"x", complete=False), DISCONNECT], id="in its middle"),
    ],
)
@pytest.mark.parametrize("ignores", [False, True], ids=["noticed", "answered all the same"])
def test_a_caller_who_disconnects_while_sending_gets_no_response(
    messages: list[Message], ignores: bool, log_lines: Callable
) -> None:
    async def ignoring(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await answer(send, b"to nobody")

    exchange = Exchange().run(messages, app=ignoring if ignores else None)
    assert exchange.messages == []
    assert log_lines() == []


def test_a_response_before_the_body_is_read_passes() -> None:
    """An application that refuses without reading does not wait for the body."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"early")

    exchange = Exchange().run([], ("content-length", "5"), app=app)
    assert (exchange.body, exchange.messages_read) == (b"early", 0)
