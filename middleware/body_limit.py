"""Limits of a request's body: its size, and the time that it takes to arrive.

A body whose Content-Length is too large is refused before any of it is read. A chunked body is
counted as it arrives, and a compressed one as it is decoded. No chunk past the limit is passed
on, so the inner application never buffers more than the limit.
"""

from __future__ import annotations

import asyncio

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem
from middleware.content_coding import Decoder, decoder_for
from middleware.context import context_of
from middleware.routing import policy_of

MAX_BYTES = 10_000_000
TIMEOUT_SECONDS = 10.0

_ANNOUNCING = frozenset((b"content-length", b"content-encoding"))

# The unread rest of the body would be parsed as the next request on the connection.
_CLOSE = {"Connection": "close"}


class BodyLimitMiddleware:
    """Middleware that refuses large or slow bodies; needs `ProblemMiddleware` around it.

    It also decodes a compressed body, and raises the problem of a request that could not be
    parsed. It runs inside the rate limit, so that its refusals are charged. A client that
    disconnects while sending gets no response, and that is no error.

    Args:
        max_bytes: of any body, where an operation allows more.
        max_upload_bytes: of the body of an upload.
        timeout_seconds: time until the body is complete, counted from the first `receive`;
            earlier data waits in the server's buffer. Each part of an upload has as much.

    Raises:
        Problem: PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE for an unknown
            coding, PARSE_ERROR for a body that does not match its coding, or INVALID_REQUEST for
            a malformed Content-Length. It replaces any response or exception that the inner
            application made of the refused body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int = MAX_BYTES,
        max_upload_bytes: int = MAX_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_upload_bytes = max_upload_bytes
        self.timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if (problem := context_of(scope).malformed) is not None:
            raise problem
        policy = policy_of(scope)
        max_bytes = min(policy.max_body_of(scope), self.max_bytes)
        if policy.upload:
            max_bytes = self.max_upload_bytes
        body = _Body(scope, receive, send, max_bytes, self.timeout_seconds, upload=policy.upload)
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
        refusal: the problem because of which no more is read. Once it is set, messages of the
            inner application are dropped.
        abandoned: whether the client disconnected before the body was complete.
    """

    __slots__ = (
        "_complete",
        "_context",
        "_decoder",
        "_limit",
        "_receive",
        "_received",
        "_scope",
        "_seconds",
        "_send",
        "_until",
        "_upload",
        "abandoned",
        "refusal",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        max_bytes: int,
        seconds: float,
        *,
        upload: bool,
    ) -> None:
        """Check the headers that announce the body.

        Raises:
            Problem: Content-Length is too large, no number or repeated (RFC 9110 section 8.6,
                RFC 9112 section 6.3), or the coding is unknown.
        """
        self._scope = scope
        self._receive = receive
        self._send = send
        self._context = context_of(scope)
        self._limit = max_bytes
        self._seconds = seconds
        self._upload = upload
        self._until: float | None = None
        self._received = 0
        self._complete = False
        self._decoder: Decoder | None = None
        self.refusal: Problem | None = None
        self.abandoned = False
        self._context.max_body_bytes = self._limit
        announced = [header for header in scope["headers"] if header[0] in _ANNOUNCING]
        if announced:
            self._check_announced(announced)

    async def receive(self) -> Message:
        if self._complete or self.abandoned:
            return await self._receive()  # only a disconnect can follow, without a time limit
        if self.refusal is None:
            message = await self._receive_next()
            if self.refusal is None:
                return message
        raise self.refusal

    async def send(self, message: Message) -> None:
        if self.refusal is None and not self.abandoned:
            await self._send(message)

    async def _receive_next(self) -> Message:
        """Return the next message; set `refusal` if it is late or exceeds the limit."""
        if self._context.body_arrived:  # a time limit costs more than the rest of this layer
            return self._take_message(await self._receive())
        if self._until is None:
            self._until = anyio.current_time() + self._seconds
        timeout = asyncio.timeout_at(self._until)  # costs half of anyio's cancel scope
        try:
            async with timeout:
                message = await self._receive()
        except TimeoutError:
            if not timeout.expired():
                raise
            self.refusal = _too_slow(self._seconds)
            return {}
        if self._upload:
            self._until = None  # for the next part
        return self._take_message(message)

    def _take_message(self, message: Message) -> Message:
        if message["type"] == "http.disconnect":
            self.abandoned = True
            return message
        return self._take_part(message)

    def _take_part(self, message: Message) -> Message:
        """Count and decode a part of the body; set `refusal` if it exceeds the limit."""
        self._complete = not message.get("more_body", False)
        self.refusal = self._context.malformed
        part = message.get("body", b"")
        if part:
            self._received += len(part)
            if self._received > self._limit:
                self.refusal = _too_large(self._limit)
        if self._decoder is None or self.refusal is not None:
            return message
        return {**message, "body": self._decode_part(self._decoder, part)}

    def _decode_part(self, decoder: Decoder, part: bytes) -> bytes:
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

    def _check_announced(self, announced: list[tuple[bytes, bytes]]) -> None:
        lengths = [value for name, value in announced if name == b"content-length"]
        if lengths and _declared_bytes(lengths) > self._limit:
            raise _too_large(self._limit)
        if len(announced) > len(lengths):
            codings = [value for name, value in announced if name == b"content-encoding"]
            self._decoder = decoder_for(codings, self._limit)
        if self._decoder is not None:  # the inner application sees the decoded body
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
