"""Spans that are recorded in this process, in place of a server and a collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from telemetry import spans
from telemetry.tracing import SdkTracer


class RecordedSpans:
    """Spans that have ended."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self._exporter.get_finished_spans())

    @property
    def names(self) -> list[str]:
        return [span.name for span in self]

    def by_name(self, name: str) -> ReadableSpan:
        (match,) = [span for span in self if span.name == name]
        return match


@contextmanager
def recording(share: float = 1.0) -> Iterator[RecordedSpans]:
    """Turn tracing on in this process until the block ends.

    Args:
        share: of the traces that begin here, which are recorded.
    """
    exporter = InMemorySpanExporter()
    tracer = SdkTracer(sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False)
    tracer.provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.use_tracer(tracer)
    try:
        yield RecordedSpans(exporter)
    finally:
        spans.use_tracer(None)
