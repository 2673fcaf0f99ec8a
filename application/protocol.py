"""HTTP/1.1 on a connection: uvicorn's httptools protocol, with limits.

uvicorn by itself counts neither header fields nor their bytes, waits for the rest of a request
for ever, takes trailers for headers, and answers what it cannot parse in a shape of its own. Here

- a request's head is bounded in bytes, in fields and in time;
- trailers are discarded: authentication, addresses and framing must not depend on what follows
  a body (RFC 9110 section 6.5.1);
- what cannot be parsed becomes a request without headers that carries its problem
  (`middleware.malformed`), so it is charged, logged and answered like any other;
- WebSockets are refused, other upgrades are ignored.

`tests/unit/application/test_protocol.py` holds the methods that are overridden to what uvicorn
does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import httptools
import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from application.connection import LingeringTransport
from application.request_head import (
    check_framing,
    check_upgrade,
    malformed,
    origin_form,
    unparsable,
)
from errors import Code, Problem
from middleware.malformed import refuse_later

_PART = 2**16
"""Bytes that are parsed before the bounds are looked at again."""

_PATH_BYTES = 1024
"""Bytes of a request target that the log of a refused request gets."""

_FRAMING_BYTES = 2**16
"""Bytes of chunk sizes, extensions and trailers that a body may have beside its own number."""


@dataclass(frozen=True)
class Limits:
    """Bounds of what a client may send ahead of a body.

    Attributes:
        head_seconds: from the start of a connection, or of a request on it, to the end of the
            request's head.
        head_bytes: of the request line and all header fields.
        field_bytes: of one header field's value.
        fields: number of header fields.
        target_bytes: of the request target.
        pipelined: requests that may wait on a connection while another is answered.
    """

    head_seconds: float = 10.0
    head_bytes: int = 32 * 1024
    field_bytes: int = 16 * 1024
    fields: int = 100
    target_bytes: int = 8 * 1024
    pipelined: int = 64


class _Reading(IntEnum):
    """The part of a request that is read next."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class _Stop(Exception):
    """Makes the parser end, from within one of its callbacks."""


class HttpProtocol(HttpToolsProtocol):
    """One connection of a client."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ws_protocol_class = None
        self._reading = _Reading.NOTHING
        self._stopped = False
        self._problem: Problem | None = None
        self._head_bytes = 0
        self._body_bytes = 0
        self._raw_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    # --- the connection -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = LingeringTransport(transport, self.loop, self._is_unread)  # type: ignore[assignment]
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lingering.lost()
        self._stop_head_timer()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        for part in _parts(data):
            if self._stopped or self.transport.is_closing():
                self._lingering.discard(part)
                continue
            began = self._reading
            try:
                self.parser.feed_data(part)
            except httptools.HttpParserUpgrade:
                self._stopped = True  # what follows is not HTTP/1.1 any more
            except httptools.HttpParserError as error:
                self._refuse(self._problem or unparsable(part, error))
            else:
                self._count(len(part), began)

    def shutdown(self) -> None:
        """Close at once what has no request, and the others after their response."""
        self._reading = _Reading.NOTHING if self._is_idle() else self._reading
        super().shutdown()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._reading is _Reading.BODY and not self.pipeline:
            self.transport.close()  # the rest of a body is not waited for

    # --- what the parser finds ----------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading = _Reading.HEAD
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reading is not _Reading.HEAD:
            return  # a trailer
        headers = self.headers
        if len(headers) >= self.limits.fields or len(value) > self.limits.field_bytes:
            self._stop(self._too_large())
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._check_target()
        super().on_headers_complete()
        self._reading = _Reading.BODY
        self._body_bytes = self._raw_bytes = 0
        if self._head_timer is not None:
            self._stop_head_timer()
        try:
            self._check_head()
        except Problem as problem:
            self._answer_with(problem)
            raise _Stop from None

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._reading = _Reading.NOTHING
        super().on_message_complete()

    # --- bounds -------------------------------------------------------------------------------

    def _count(self, size: int, began: _Reading) -> None:
        """Hold what has been parsed so far to the bounds that the callbacks cannot see."""
        if self._reading is _Reading.HEAD:
            # where the head began within these bytes is not known: they count from the next on
            self._head_bytes += size if began is _Reading.HEAD else 0
            if self._head_bytes > self.limits.head_bytes:
                self._refuse(self._too_large())
        elif self._reading is _Reading.BODY and began is _Reading.BODY:
            self._raw_bytes += size
            if self._raw_bytes > 2 * self._body_bytes + _FRAMING_BYTES:
                self._refuse(malformed("its body has more framing than content"))
        if self._reading is not _Reading.BODY and self._head_timer is None and self._is_idle():
            self._start_head_timer()

    def _check_target(self) -> None:
        """Bring the request target into the form that uvicorn reads."""
        if len(self.url) > self.limits.target_bytes:
            self._stop(self._too_large())
        if self.url.startswith(b"/"):
            return
        try:
            self.url, authority = origin_form(self.parser.get_method().decode(), self.url)
        except Problem as problem:
            self._stop(problem)
        if authority is not None:
            others = [pair for pair in self.headers if pair[0] != b"host"]
            self.headers[:] = [(b"host", authority), *others]

    def _check_head(self) -> None:
        """Raise the problem of a head that is not answered as it is."""
        check_framing(self.scope["http_version"], self.headers)
        if self.parser.should_upgrade():
            check_upgrade(self.headers)
            self.cycle.keep_alive = False
        if sum(len(name) + len(value) for name, value in self.headers) > self.limits.head_bytes:
            raise self._too_large()
        if len(self.pipeline) > self.limits.pipelined:
            raise malformed(
                f"more than {self.limits.pipelined} requests wait on this connection; wait for "
                "their responses first"
            )

    def _too_large(self) -> Problem:
        limits = self.limits
        if len(self.url) > limits.target_bytes:
            return Problem(
                Code.URI_TOO_LONG,
                f"The request target is longer than {limits.target_bytes} bytes; send less in the "
                "query.",
            )
        return Problem(
            Code.HEADERS_TOO_LARGE,
            f"The head of the request is too large: {limits.head_bytes} bytes, {limits.fields} "
            f"fields and {limits.field_bytes} bytes a field are read; send fewer or shorter ones.",
        )

    # --- time ---------------------------------------------------------------------------------

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._head_is_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._reading is _Reading.HEAD:
            seconds = self.limits.head_seconds
            detail = f"The head of the request was not complete after {seconds:g} s; send it again."
            self._refuse(Problem(Code.REQUEST_TIMEOUT, detail))
        elif self._is_idle():
            self.transport.close()

    # --- refusals -----------------------------------------------------------------------------

    def _stop(self, problem: Problem) -> None:
        """End the parser, from within a callback, with a problem."""
        self._problem = problem
        raise _Stop

    def _refuse(self, problem: Problem) -> None:
        """Answer the current request with a problem, and read no other on this connection."""
        if self._stopped:
            return
        if self._reading is _Reading.BODY:
            self._break_off(problem)
            return
        if self._reading is _Reading.NOTHING:
            self.on_message_begin()
        method = self.parser.get_method().decode() if self.url else "-"
        self.url, self.expect_100_continue = _path_of(self.url), False
        super().on_headers_complete()
        self.scope["method"] = method
        self._answer_with(problem)

    def _answer_with(self, problem: Problem) -> None:
        """Let the application answer the request that was just begun with a problem.

        Its headers are not passed on: nothing may follow from a request that is not understood.
        """
        self.headers.clear()
        self.cycle.keep_alive = self.cycle.more_body = False
        self.cycle.waiting_for_100_continue = False
        refuse_later(self.scope, problem)
        self._stopped = True

    def _break_off(self, problem: Problem) -> None:
        """Tell the application, which may be reading, that the body will not be complete."""
        self._stopped = True
        self.cycle.keep_alive = False
        refuse_later(self.cycle.scope, problem)
        self.cycle.message_event.set()
        if self.cycle.response_complete:
            self.transport.close()

    # --- state --------------------------------------------------------------------------------

    @property
    def _lingering(self) -> LingeringTransport:
        assert isinstance(self.transport, LingeringTransport)
        return self.transport

    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _is_unread(self) -> bool:
        return self._stopped or self._reading is not _Reading.NOTHING


def _parts(data: bytes) -> Iterator[bytes]:
    """Split what was received, so that no part takes long to parse."""
    if len(data) <= _PART:
        yield data
        return
    for start in range(0, len(data), _PART):
        yield data[start : start + _PART]


def _path_of(target: bytes) -> bytes:
    """Return the path of a request target for the log, without its query."""
    try:
        return httptools.parse_url(target[:_PATH_BYTES]).path or b"/"
    except (httptools.HttpParserInvalidURLError, TypeError):
        return b"/"


def use_http_protocol(limits: Limits) -> None:
    """Have every uvicorn server of this process speak `HttpProtocol`.

    BentoML starts uvicorn itself and leaves the choice to uvicorn.
    """
    HttpProtocol.limits = limits
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{HttpProtocol.__name__}"
