"""Bounds what a request's body may cost: its size, and the time that it takes to arrive.

A body that is announced as too large is refused before any of it is read; one that comes in
chunks is counted, and so is what a compressed one stands for. No chunk past the limit is passed
on, so nothing inside can be made to hold more than the limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem
from middleware.content_coding import Decoder, decoder_for
from middleware.malformed import refusal_of_protocol

MAX_BYTES = 10_000_000
TIMEOUT_SECONDS = 10.0
LIMIT_KEY = "max_body_bytes"
"""Where a route finds the limit of its request in the scope's state."""

_ANNOUNCING = frozenset((b"content-length", b"content-encoding"))

# What is left of the body would be read as the next request.
_CLOSE = {"Connection": "close"}


def _same(scope: Scope) -> int:
    return MAX_BYTES


class BodyLimitMiddleware:
    """Refuses bodies that are too large or too slow; needs `ProblemMiddleware` around it.

    It also decodes a body that is sent compressed, and raises the problem of a request that could
    not be parsed. It stands inside the rate limit, so that what it refuses is charged. A caller
    who goes away while sending gets no answer, and that is no error.

    Args:
        limit_of: bytes of the largest body that passes, by a request's scope.
        timeout_seconds: time until the body is complete, from when it is first asked for; a
            server keeps what has come before that.

    Raises:
        Problem: PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE for a coding that is
            not known, PARSE_ERROR for a body that is not of its coding, or INVALID_REQUEST for a
            Content-Length that is no number of bytes. Also in place of what the application
            inside has made of it.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit_of: Callable[[Scope], int] = _same,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.app = app
        self.limit_of = limit_of
        self.timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if (problem := refusal_of_protocol(scope)) is not None:
            raise problem
        body = _Body(scope, receive, send, self.limit_of, self.timeout_seconds)
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

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit_of: Callable[[Scope], int],
        seconds: float,
    ) -> None:
        """Look at what the headers announce.

        Raises:
            Problem: the body is announced as too large, Content-Length is no number or given
                twice (RFC 9110 section 8.6, RFC 9112 section 6.3), or the coding is not known.
        """
        self._scope = scope
        self._receive = receive
        self._send = send
        self._limit = limit_of(scope)
        self._seconds = seconds
        self._until: float | None = None
        self._received = 0
        self._complete = False
        self._decoder: Decoder | None = None
        self.refusal: Problem | None = None
        self.abandoned = False
        scope["state"][LIMIT_KEY] = self._limit
        announced = [header for header in scope["headers"] if header[0] in _ANNOUNCING]
        if announced:
            self._check(announced)

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
        return self._taken(message)

    def _taken(self, message: Message) -> Message:
        """A part of the body, decoded and counted; sets `refusal` where it is too much."""
        self._complete = not message.get("more_body", False)
        self.refusal = refusal_of_protocol(self._scope)
        part = message.get("body", b"")
        if part:
            self._received += len(part)
            if self._received > self._limit:
                self.refusal = _too_large(self._limit)
        if self._decoder is None or self.refusal is not None:
            return message
        return {**message, "body": self._decoded(self._decoder, part)}

    def _decoded(self, decoder: Decoder, part: bytes) -> bytes:
        try:
            decoded = decoder.feed(part)
            if self._complete:
                decoder.finish()
        except Problem as problem:
            self.refusal = problem
            return b""
        if decoder.decoded > self._limit:
            self.refusal = _too_large(self._limit)
        return decoded

    def _check(self, announced: list[tuple[bytes, bytes]]) -> None:
        lengths = [value for name, value in announced if name == b"content-length"]
        if lengths and _declared_bytes(lengths) > self._limit:
            raise _too_large(self._limit)
        if len(announced) > len(lengths):
            codings = [value for name, value in announced if name == b"content-encoding"]
            self._decoder = decoder_for(codings, self._limit)
        if self._decoder is not None:  # what is read inside is neither encoded nor of this length
            headers = self._scope["headers"]
            self._scope["headers"] = [pair for pair in headers if pair[0] not in _ANNOUNCING]


def _declared_bytes(lengths: list[bytes]) -> int:
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise Problem(
            Code.INVALID_REQUEST,
            "Content-Length must be given once, as the number of bytes of the body.",
            headers=_CLOSE,
        )
    return int(lengths[0].lstrip(b"0")[:18] or b"0")  # 18 digits are more than any limit


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
