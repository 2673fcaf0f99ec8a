"""Spans by the SDK of OpenTelemetry; loaded only where tracing is on.

A request has one span of its own, for all of the middleware, and children for what it waits for.
Whether a trace is recorded is decided when the request's span is opened: by the sampler, which
by default follows the caller's decision where there is one. A trace that is not recorded has ids,
which its log lines show and which are passed on, but no spans.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace as api
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry.spans import NO_SPAN, Attributes, Headers, Span, TraceIds

_PROPAGATOR = TraceContextTextMapPropagator()
_ROOT = otel_context.Context()
_TRACEPARENT, _TRACESTATE = b"traceparent", b"tracestate"

_current: ContextVar[Span] = ContextVar("_current", default=NO_SPAN)


class _OpenSpan(Span):
    """A span of the SDK, or the bare ids of a trace that is not recorded."""

    __slots__ = ("_context_token", "_ids", "_span", "_token")

    def __init__(self, span: api.Span) -> None:
        self._span = span
        self._ids: TraceIds | None = None

    def __enter__(self) -> _OpenSpan:
        self._token = _current.set(self)
        # for libraries that pass a trace on by themselves, such as BentoML's client of a runner
        self._context_token = otel_context.attach(api.set_span_in_context(self._span))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        otel_context.detach(self._context_token)
        _current.reset(self._token)
        if kind is not None:
            self.fail(kind.__qualname__)  # never its message, which may quote the request
        self._span.end()

    @property
    def recorded(self) -> bool:
        return self._span.is_recording()

    @property
    def ids(self) -> TraceIds:
        if self._ids is None:
            context = self._span.get_span_context()
            span = api.format_span_id(context.span_id) if self.recorded else ""
            self._ids = TraceIds(api.format_trace_id(context.trace_id), span)
        return self._ids

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def link(self, other: Span) -> None:
        if isinstance(other, _OpenSpan):
            self._span.add_link(other._span.get_span_context())

    def fail(self, error_type: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR))
        self._span.set_attribute("error.type", error_type)


class _UnrecordedTrace(Span):
    """The ids of a trace that began here and is not recorded."""

    __slots__ = ("_id", "_token")

    def __init__(self, trace_id: int) -> None:
        self._id = trace_id

    def __enter__(self) -> _UnrecordedTrace:
        self._token = _current.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        _current.reset(self._token)

    @property
    def ids(self) -> TraceIds:
        return TraceIds(f"{self._id:032x}", "")


class _ChosenIds(RandomIdGenerator):
    """Ids of traces, the next of which may have been chosen before."""

    next_trace: int | None = None

    def generate_trace_id(self) -> int:
        chosen, self.next_trace = self.next_trace, None
        return super().generate_trace_id() if chosen is None else chosen


class SdkTracer:
    """A tracer over a provider of the SDK.

    Args:
        options: of the provider; without a sampler it reads that of the environment.

    Attributes:
        provider: to add exporters to.
    """

    def __init__(self, **options: Any) -> None:
        self._ids = _ChosenIds()
        self.provider = TracerProvider(id_generator=self._ids, **options)
        self._tracer = self.provider.get_tracer("mlrf")

    def open_request(self, name: str, headers: Headers, attributes: Attributes) -> Span:
        parent = _read_parent(headers)
        if parent is _ROOT:
            # Most traces are not recorded. The SDK would make three objects for each of them, a
            # fifth of a short request; so the sampler is asked first, for the id that the trace
            # would then have. All requests are opened in the thread of the event loop, so no other
            # trace can take that id.
            trace_id = self._ids.generate_trace_id()
            decision = self.provider.sampler.should_sample(parent, trace_id, name).decision
            if not decision.is_recording():  # type: ignore[no-untyped-call]
                return _UnrecordedTrace(trace_id)
            self._ids.next_trace = trace_id
        return _OpenSpan(
            self._tracer.start_span(name, parent, SpanKind.SERVER, attributes=attributes)
        )

    def open_child(self, name: str, attributes: Attributes | None, *, outbound: bool) -> Span:
        if not _current.get().recorded:
            return NO_SPAN
        kind = SpanKind.CLIENT if outbound else SpanKind.INTERNAL
        return _OpenSpan(self._tracer.start_span(name, kind=kind, attributes=attributes))

    def open_outbound(self, name: str, attributes: Attributes | None) -> Span:
        return _OpenSpan(
            self._tracer.start_span(name, _ROOT, SpanKind.CLIENT, attributes=attributes)
        )

    def current(self) -> Span:
        return _current.get()

    def outbound_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        if isinstance(current := _current.get(), _UnrecordedTrace):
            span_id = api.format_span_id(self._ids.generate_span_id())
            return {"traceparent": f"00-{current.ids.trace}-{span_id}-02"}  # its id is random
        _PROPAGATOR.inject(headers)
        return headers


def _read_parent(headers: Headers) -> otel_context.Context:
    """Return the context of the caller's span; an empty one if there is none, or it is malformed.

    W3C Trace Context: `traceparent` occurs once; `tracestate` may be split over several headers,
    and without a valid `traceparent` is ignored.
    """
    parents: list[bytes] = []
    states: list[bytes] = []
    for name, value in headers:
        if name == _TRACEPARENT:
            parents.append(value)
        elif name == _TRACESTATE:
            states.append(value)
    if len(parents) != 1:
        return _ROOT
    carrier = {"traceparent": parents[0].decode("latin-1")}
    if states:
        carrier["tracestate"] = b",".join(states).decode("latin-1")
    return _PROPAGATOR.extract(carrier, _ROOT)
