"""HTTP/1.1 on a connection: uvicorn's httptools protocol, with limits.

uvicorn itself limits neither header fields nor their bytes, waits indefinitely for the rest of a
request, adds trailers to the headers, and answers what it cannot parse in its own format. Here

- a request's head is bounded in bytes, in fields and in time;
- trailers are discarded: authentication, addresses and framing must not depend on what follows
  a body (RFC 9110 section 6.5.1);
- what cannot be parsed becomes a request without headers that carries its problem
  (`middleware.malformed`), so it is charged, logged and answered like any other;
- WebSockets are refused, other upgrades are ignored.

`tests/unit/app/test_protocol.py` compares the overridden methods with uvicorn's own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import httptools
import uvicorn.config
from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.connection import LingeringTransport
from app.request_head import (
    Header,
    check_host,
    check_transfer_coding,
    check_upgrade,
    check_version,
    malformed_request,
    origin_form,
    unparsable_request,
)
from errors import Code, Problem
from middleware.context import context_of

_PART_BYTES = 2**16
"""Bytes that are parsed before the limits are checked again."""

_PATH_BYTES = 1024
"""Bytes of a request target that are logged of a refused request."""

_FRAMING_BYTES = 2**16
"""Bytes of chunk sizes, extensions and trailers that are allowed beyond the body's own size."""


@dataclass(frozen=True)
class Limits:
    """Bounds of what a client may send ahead of a body.

    Attributes:
        head_seconds: from the start of a connection, or of a request on it, to the end of the
            request's head.
        head_bytes: of the request line and all header fields.
        fields: number of header fields.
        target_bytes: of the request target.
        pipelined: requests that may wait on a connection while another is answered.
    """

    head_seconds: float = 10.0
    head_bytes: int = 32 * 1024
    fields: int = 100
    target_bytes: int = 8 * 1024
    pipelined: int = 64


_FRAMING = frozenset((b"host", b"transfer-encoding"))
"""Headers that decide which server a request is for and where it ends."""

# Part of a request that is read next. Integers, because they are compared for every request.
_NOTHING, _HEAD, _BODY = range(3)


class _StopParsing(Exception):
    """Raised within a callback of the parser, to end it."""


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ws_protocol_class = None
        if isinstance(self.app, ProxyHeadersMiddleware):
            self.app = self.app.app  # `middleware.address` decides which proxies are trusted
        self._reading = _NOTHING
        self._stopped = False
        self._keep_alive = False
        self._problem: Problem | None = None
        self._framing: list[Header] | None = None
        self._head_is_small = True
        self._head_bytes = self._body_bytes = self._raw_bytes = 0
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- the connection -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = LingeringTransport(transport, self.loop, self._on_close)  # type: ignore[assignment]
        self._deadline = self.loop.time() + self.limits.head_seconds
        self._start_timer(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lingering.release()
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        size = len(data)
        if size > _PART_BYTES:  # bounds the time between two checks of the limits
            for start in range(0, size, _PART_BYTES):
                self.data_received(data[start : start + _PART_BYTES])
            return
        if self._stopped:
            self._lingering.discard(size)
            return
        began = self._reading
        self._head_is_small = began == _NOTHING and size <= self.limits.head_bytes
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._stopped = True  # what follows is no longer HTTP/1.1
        except httptools.HttpParserError as error:
            self._refuse_request(self._problem or unparsable_request(data, error))
        else:
            if self._reading != _NOTHING or self._is_idle():
                self._check_counts(size, began)

    def shutdown(self) -> None:
        """Close an idle connection immediately, and any other after its response."""
        if self._is_idle():
            self._reading = _NOTHING
        self._keep_alive = False
        super().shutdown()

    def on_response_complete(self) -> None:
        """Start the next request; uvicorn would set a timer here for every response."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._deadline = self.loop.time() + self.timeout_keep_alive

    # --- callbacks of the parser, without the cost of `super()`: they run for every request -------

    def on_message_begin(self) -> None:
        HttpToolsProtocol.on_message_begin(self)
        self._reading = _HEAD

    def on_headers_complete(self) -> None:
        if self.url[:1] != b"/" or len(self.url) > self.limits.target_bytes:
            self._check_target()
        HttpToolsProtocol.on_headers_complete(self)
        self._reading = _BODY
        self._head_bytes = self._body_bytes = self._raw_bytes = 0
        self._deadline = None
        try:
            self._check_head(self.headers)
        except Problem as problem:
            self._respond_with(problem)
            raise _StopParsing from None
        self.headers = []  # `on_header` adds the trailers to it, which are discarded
        # A response that begins before the body is here does not wait for it: it closes the
        # connection, and says so, lest the client sends its next request on it.
        self._keep_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._reading = _NOTHING
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keep_alive
        HttpToolsProtocol.on_message_complete(self)
        context_of(cast("Scope", self.scope)).body_arrived = True

    # --- bounds -------------------------------------------------------------------------------

    def _check_counts(self, size: int, began: int) -> None:
        """Check the limits that the parser's callbacks cannot check, after a part was parsed."""
        if self._reading == _HEAD:
            if began == _NOTHING:
                self._deadline = self.loop.time() + self.limits.head_seconds
            # where the head began within this part is unknown: bytes count from the next part on
            self._head_bytes += size if began == _HEAD else 0
            many = len(self.headers) > self.limits.fields
            if many or self._head_bytes > self.limits.head_bytes:
                self._refuse_request(self._size_problem())
        elif self._reading == began == _BODY:
            self._raw_bytes += size
            if self._raw_bytes > 2 * self._body_bytes + _FRAMING_BYTES:
                self._refuse_request(malformed_request("its body has more framing than content"))

    def _check_target(self) -> None:
        """Bring the request target into the form that uvicorn reads."""
        if len(self.url) > self.limits.target_bytes:
            self._stop_parsing(self._size_problem())
        try:
            self.url, authority = origin_form(self.parser.get_method().decode(), self.url)
        except Problem as problem:
            self._stop_parsing(problem)
        if authority is not None:
            others = [header for header in self.headers if header[0] != b"host"]
            self.headers[:] = [(b"host", authority), *others]

    def _check_head(self, headers: list[Header]) -> None:
        """Refuse a head that is malformed, too large or queued behind too many requests."""
        version = self.scope["http_version"]
        framing = [header for header in headers if header[0] in _FRAMING]
        if framing != self._framing or version != "1.1":  # the same as before on this connection?
            check_version(version)
            check_host(version, framing)
            check_transfer_coding(version, framing)
            self._framing = framing if version == "1.1" else None
        if self.parser.should_upgrade():
            check_upgrade(headers)
            self.cycle.keep_alive = False
        small = self._head_is_small or sum(map(_size_of, headers)) <= self.limits.head_bytes
        if len(headers) > self.limits.fields or not small:
            raise self._size_problem()
        if len(self.pipeline) > self.limits.pipelined:
            raise malformed_request(
                f"more than {self.limits.pipelined} requests wait on this connection; wait for "
                "their responses first"
            )

    def _size_problem(self) -> Problem:
        limits = self.limits
        if len(self.url) > limits.target_bytes:
            return Problem(
                Code.URI_TOO_LONG,
                f"The request target is longer than {limits.target_bytes} bytes; send less in the "
                "query.",
            )
        return Problem(
            Code.HEADERS_TOO_LARGE,
            f"The head of the request is larger than {limits.head_bytes} bytes or {limits.fields} "
            "header fields; send fewer or shorter ones.",
        )

    # --- time ---------------------------------------------------------------------------------

    # Each connection has one timer, which checks a deadline that requests move: setting a timer for
    # every request would cost more. The timer never waits longer than the shortest time limit, so
    # it fires before any deadline that was set after it, and then waits for the time that remains.
    # With a longer wait slow clients could keep connections open beyond their limits.

    def _start_timer(self, seconds: float) -> None:
        shortest = min(self.limits.head_seconds, self.timeout_keep_alive)
        self._timer = self.loop.call_later(min(seconds, shortest), self._check_deadline)

    def _check_deadline(self) -> None:
        remaining = self.limits.head_seconds
        if self._deadline is not None:
            remaining = self._deadline - self.loop.time()
        if remaining > 0.001:  # less may remain where the timer fired early
            self._start_timer(remaining)
        elif self._reading == _HEAD:
            seconds = self.limits.head_seconds
            detail = f"The head of the request was not complete after {seconds:g} s; send it again."
            self._refuse_request(Problem(Code.REQUEST_TIMEOUT, detail))
        elif self._is_idle():
            self.transport.close()

    # --- refusals -----------------------------------------------------------------------------

    def _stop_parsing(self, problem: Problem) -> None:
        """End the parser from within a callback, with a problem."""
        self._problem = problem
        raise _StopParsing

    def _refuse_request(self, problem: Problem) -> None:
        """Answer the current request with a problem, and read no other on this connection."""
        if self._stopped:
            return
        if self._reading == _BODY:
            self._abort_body(problem)
            return
        if self._reading == _NOTHING:
            self.on_message_begin()
        method = self.parser.get_method().decode() if self.url else "-"
        self.url, self.expect_100_continue = _path_of(self.url), False
        super().on_headers_complete()
        self.scope["method"] = method
        self._respond_with(problem)

    def _respond_with(self, problem: Problem) -> None:
        """Let the application answer the request that has just started with a problem.

        Its headers are not passed on: a request that cannot be parsed must not be interpreted.
        """
        self.headers.clear()
        self.cycle.keep_alive = self.cycle.more_body = False
        self.cycle.waiting_for_100_continue = False
        context_of(cast("Scope", self.scope)).malformed = problem
        self._stopped = True

    def _abort_body(self, problem: Problem) -> None:
        """Signal to the application, which may be reading, that the body stays incomplete."""
        self._stopped = True
        self.cycle.keep_alive = False
        context_of(cast("Scope", self.cycle.scope)).malformed = problem
        self.cycle.message_event.set()
        if self.cycle.response_complete:
            self.transport.close()

    # --- state --------------------------------------------------------------------------------

    @property
    def _lingering(self) -> LingeringTransport:
        assert isinstance(self.transport, LingeringTransport)
        return self.transport

    def _is_idle(self) -> bool:
        """Return whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _on_close(self) -> bool:
        """Stop reading, and return whether a part of the current request may be unread."""
        unread = self._stopped or self._reading != _NOTHING
        self._stopped = True
        return unread


def _size_of(header: Header) -> int:
    name, value = header
    return len(name) + len(value)


def _path_of(target: bytes) -> bytes:
    """Return the path of a request target for the log, without its query."""
    try:
        return httptools.parse_url(target[:_PATH_BYTES]).path or b"/"
    except (httptools.HttpParserInvalidURLError, TypeError):
        return b"/"


def use_http_protocol(limits: Limits) -> None:
    """Make every uvicorn server of this process use `HttpProtocol`.

    BentoML starts uvicorn itself and leaves the choice of a protocol to it.
    """
    HttpProtocol.limits = limits
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{HttpProtocol.__name__}"
