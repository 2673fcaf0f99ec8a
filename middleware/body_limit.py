"""Bounds what a request's body may cost: its size, and the time that it takes to arrive.

A body that is announced as too large is refused before any of it is read; one that comes in
chunks is counted, and no chunk past the limit is passed on. So nothing inside can be made to
hold more than the limit.
"""

from __future__ import annotations

import asyncio

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem
from middleware.headers import values_of

MAX_BYTES = 10_000_000
TIMEOUT_SECONDS = 10.0

# What is left of the body would be read as the next request.
_CLOSE = {"Connection": "close"}


class BodyLimitMiddleware:
    """Refuses bodies that are too large or too slow; needs `ProblemMiddleware` around it.

    A caller who goes away while sending gets no answer, and that is no error.

    Args:
        max_bytes: largest body that passes.
        timeout_seconds: time until the body is complete, from when it is first asked for; a
            server keeps what has come before that.

    Raises:
        Problem: PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, or INVALID_REQUEST for a Content-Length
            that is no number of bytes. Also in place of what the application inside has made
            of it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int = MAX_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _declared_bytes(scope) > self.max_bytes:
            raise _too_large(self.max_bytes)
        body = _Body(receive, send, self.max_bytes, self.timeout_seconds)
        try:
            await self.app(scope, body.receive, body.send)
        except ClientDisconnect:
            if not body.abandoned:
                raise
        except Exception:
            if body.refusal is None:
                raise
        if body.refusal is not None:
            raise body.refusal


class _Body:
    """The body of one request, as far as it has arrived.

    Attributes:
        refusal: why no more of it is taken. What the application inside says then is dropped.
        abandoned: whether the caller has gone before it was complete.
    """

    def __init__(self, receive: Receive, send: Send, max_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._until: float | None = None
        self._received = 0
        self._complete = False
        self.refusal: Problem | None = None
        self.abandoned = False

    async def receive(self) -> Message:
        if self._complete or self.abandoned:
            return await self._receive()  # waits for the caller to go, for as long as it takes
        if self.refusal is None:
            message = await self._next()
            if self.refusal is None:
                return message
        raise self.refusal

    async def send(self, message: Message) -> None:
        if self.refusal is None and not self.abandoned:
            await self._send(message)

    async def _next(self) -> Message:
        """The next message; sets `refusal` where there is none in time, or it is too much."""
        if self._until is None:
            self._until = anyio.current_time() + self._seconds
        patience = asyncio.timeout_at(self._until)  # half as dear as a cancel scope of anyio
        try:
            async with patience:
                message = await self._receive()
        except TimeoutError:
            if not patience.expired():
                raise
            self.refusal = _too_slow(self._seconds)
            return {}
        if message["type"] == "http.disconnect":
            self.abandoned = True
            return message
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._received > self._max_bytes:
            self.refusal = _too_large(self._max_bytes)
        return message


def _declared_bytes(scope: Scope) -> int:
    """What Content-Length says; 0 without one.

    Raises:
        Problem: it is no number, or given twice (RFC 9110 section 8.6, RFC 9112 section 6.3).
    """
    given = values_of(scope, b"content-length")
    if not given:
        return 0
    if len(given) > 1 or not given[0].isdigit():
        raise Problem(
            Code.INVALID_REQUEST,
            "Content-Length must be given once, as the number of bytes of the body.",
            headers=_CLOSE,
        )
    return int(given[0].lstrip(b"0")[:18] or b"0")  # 18 digits are more than any limit


def _too_large(max_bytes: int) -> Problem:
    return Problem(
        Code.PAYLOAD_TOO_LARGE,
        f"The body is larger than {max_bytes} bytes; send less at once.",
        headers=_CLOSE,
    )


def _too_slow(seconds: float) -> Problem:
    return Problem(
        Code.REQUEST_TIMEOUT,
        f"The body was not complete after {seconds:g} s; send it again, or less of it.",
        headers=_CLOSE,
    )
