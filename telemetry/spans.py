"""Spans of a request's trace where tracing is on, and nothing where it is off.

All code opens its spans here. This module loads no library: `telemetry.tracing`, which needs the
SDK of OpenTelemetry, registers itself where an operator has turned tracing on.

Invariants:
- Where tracing is off, or the trace of a request is not recorded, a span is one shared object
  without effect.
- No attribute holds a value of a request, a key, a query string or the message of an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import NamedTuple, Protocol, Self

Attributes = Mapping[str, str | int | float | bool]
Headers = Sequence[tuple[bytes, bytes]]


class TraceIds(NamedTuple):
    """Ids in lower-case hexadecimal digits, as in `traceparent`.

    Attributes:
        span: empty where the trace is not recorded.
    """

    trace: str
    span: str


class Span:
    """A span that is not recorded; recorded ones are of a subclass.

    As a context manager it is the parent of all spans that are opened within it, also in tasks
    and threads that are started there.
    """

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def recorded(self) -> bool:
        return False

    @property
    def ids(self) -> TraceIds | None:
        """Ids, if there is a trace at all."""
        return None

    def rename(self, name: str) -> None:
        """Replace the name, once more is known."""

    def set(self, attributes: Attributes) -> None:
        """Add attributes, or replace them."""

    def link(self, other: Span) -> None:
        """Link the span to one that has done its work, perhaps in another trace."""

    def fail(self, error_type: str) -> None:
        """Mark the span as failed, with a type of error from a small set."""


NO_SPAN = Span()
"""The span where there is none."""


class Tracer(Protocol):
    """Opener of spans where tracing is on."""

    def open_request(self, name: str, headers: Headers, attributes: Attributes) -> Span:
        """Return the span of a request, whose trace may have begun at its caller."""
        ...

    def open_child(self, name: str, attributes: Attributes | None, *, outbound: bool) -> Span:
        """Return a child of the current span; `NO_SPAN` where that is not recorded."""
        ...

    def open_outbound(self, name: str, attributes: Attributes | None) -> Span:
        """Return the span of a call that no request has caused: it begins a trace."""
        ...

    def current(self) -> Span:
        """Return the span that is open in this context."""
        ...

    def outbound_headers(self) -> dict[str, str]:
        """Return the headers that continue the current trace in another process."""
        ...


_tracer: Tracer | None = None
_request: ContextVar[Span] = ContextVar("_request", default=NO_SPAN)


def use_tracer(tracer: Tracer | None) -> None:
    """Turn tracing on in this process, or off."""
    global _tracer
    _tracer = tracer


def is_on() -> bool:
    return _tracer is not None


def open_request(name: str, headers: Headers, attributes: Attributes) -> Span:
    """Return the span of a request; whether it is recorded is decided here, once for its trace.

    Args:
        headers: of the request; `traceparent` and `tracestate` are read.
    """
    if _tracer is None:
        return NO_SPAN
    span = _tracer.open_request(name, headers, attributes)
    _request.set(span)  # local to the task, which is one per request
    return span


def child(name: str, attributes: Attributes | None = None, *, outbound: bool = False) -> Span:
    """Return a span within the current one.

    Args:
        outbound: whether it is the time of a call to another server.
    """
    return NO_SPAN if _tracer is None else _tracer.open_child(name, attributes, outbound=outbound)


def outbound(name: str, attributes: Attributes | None = None) -> Span:
    """Return the span of a call to another server that no request has caused."""
    return NO_SPAN if _tracer is None else _tracer.open_outbound(name, attributes)


def outbound_headers() -> dict[str, str]:
    """Return the headers of a call, by which its receiver continues the current trace."""
    return {} if _tracer is None else _tracer.outbound_headers()


def current() -> Span:
    """Return the innermost span that is open."""
    return NO_SPAN if _tracer is None else _tracer.current()


def log_fields() -> dict[str, str]:
    """Return the ids of the current trace and span, as fields of a log line; none where off."""
    ids = None if _tracer is None else _tracer.current().ids
    if ids is None:
        return {}
    return {"trace_id": ids.trace, "span_id": ids.span} if ids.span else {"trace_id": ids.trace}


def request_span() -> Span:
    """Return the span of the request that the current task or thread works for."""
    return NO_SPAN if _tracer is None else _request.get()
