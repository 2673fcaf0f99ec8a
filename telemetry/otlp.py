"""Export of traces and of a metric by OTLP; loaded only where an operator has turned it on.

The SDK and its exporters read the variables `OTEL_*` of their own: endpoint, headers, certificates,
compression, time-outs, sampler, sizes of batches, attributes of the resource.

Invariants:
- No request waits for a collector: finished spans go into a bounded queue, which a thread empties
  and which drops the oldest ones when it is full.
- While a collector is away, the log has a line when that begins, one every `REPEAT_SECONDS`, and
  one when it ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any
from uuid import uuid4

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from telemetry import request_duration, spans
from telemetry.tracing import SdkTracer

REPEAT_SECONDS = 600.0
"""Interval at which a collector that stays away is logged again."""

FLUSH_SECONDS = 2.0
"""Time that the end of a process waits for what was not exported yet."""

_REASON_CHARACTERS = 300

_log = structlog.get_logger(__name__)


class _LastMessages(logging.Handler):
    """The last two lines of the libraries, which write several for each export.

    The first of the two has the cause, if they were to try again. `_Report` quotes them.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[str] = deque(maxlen=2)

    @property
    def text(self) -> str:
        return " ".join(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage()[:_REASON_CHARACTERS])


_last_messages = _LastMessages()


class Export:
    """Running export of one process, from `start` to `stop`."""

    def __init__(self, providers: Sequence[TracerProvider | MeterProvider]) -> None:
        self._providers = providers

    def stop(self, seconds: float = FLUSH_SECONDS) -> None:
        """Export what is left, within a time; spans of later requests are dropped."""
        spans.use_tracer(None)
        request_duration.use_histogram(None)
        ends = [
            # the SDK waits for half a minute if the collector is away
            threading.Thread(target=provider.shutdown, name="otlp-flush", daemon=True)
            for provider in self._providers
        ]
        for end in ends:
            end.start()
        deadline = time.monotonic() + seconds
        for end in ends:
            end.join(max(0.0, deadline - time.monotonic()))


def start(
    *, service: str, version: str, process: str, traces: str | None, metrics: str | None
) -> Export:
    """Export traces and the metric of this process from now on.

    Args:
        service: name of the service.
        process: of its processes, such as `worker`.
        traces, metrics: protocol of each signal, `http/protobuf` or `grpc`; None: not exported.
    """
    for library in ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal"):
        logger = logging.getLogger(library)
        logger.handlers, logger.propagate = [_last_messages], False
    resource = Resource.create(
        {
            "service.name": service,
            "service.version": version,
            "service.instance.id": str(uuid4()),  # of this process: its counts are its own
            "mlrf.process": process,
        }
    )
    providers: list[TracerProvider | MeterProvider] = []
    if traces is not None:
        tracer = SdkTracer(resource=resource, shutdown_on_exit=False)
        exporter = _SpanExporter(_exporter_of(traces, "trace_exporter").OTLPSpanExporter())
        tracer.provider.add_span_processor(BatchSpanProcessor(exporter))
        spans.use_tracer(tracer)
        providers.append(tracer.provider)
    if metrics is not None:
        reader = PeriodicExportingMetricReader(
            _MetricExporter(_exporter_of(metrics, "metric_exporter").OTLPMetricExporter())
        )
        meter_provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        histogram = meter_provider.get_meter("mlrf").create_histogram(
            request_duration.NAME,
            unit="s",
            description="Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=request_duration.BUCKETS,
        )
        request_duration.use_histogram(histogram)
        providers.append(meter_provider)
    return Export(providers)


def _exporter_of(protocol: str, module: str) -> Any:
    """Return a module of the exporter for a protocol, which is installed with an extra."""
    family = "grpc" if protocol == "grpc" else "http"
    return import_module(f"opentelemetry.exporter.otlp.proto.{family}.{module}")


class _Report:
    """Log of the outcomes of one signal's exports, which is quiet while nothing changes."""

    def __init__(self, signal: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._signal = signal
        self._clock = clock
        self._logged_at: float | None = None
        self._lost = 0

    def note(self, *, exported: bool, number: int) -> None:
        """Note an export of a number of spans, or of values."""
        if exported:
            if self._logged_at is not None:
                _log.info("telemetry_exported_again", signal=self._signal, lost=self._lost)
            self._logged_at, self._lost = None, 0
            return
        self._lost += number
        now = self._clock()
        if self._logged_at is None or now - self._logged_at >= REPEAT_SECONDS:
            self._logged_at = now
            _log.warning(
                "telemetry_not_exported",
                signal=self._signal,
                lost=self._lost,
                reason=_last_messages.text or "the collector cannot be reached",
            )


class _SpanExporter(SpanExporter):
    """An exporter of spans whose failures are logged by `_Report`."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._report = _Report("traces")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            exported = result is SpanExportResult.SUCCESS
            self._report.note(exported=exported, number=len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _MetricExporter(MetricExporter):
    """An exporter of metrics whose failures are logged by `_Report`."""

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter = exporter
        self._report = _Report("metrics")

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **more: Any
    ) -> MetricExportResult:
        result = MetricExportResult.FAILURE
        try:
            result = self._exporter.export(metrics_data, timeout_millis, **more)
        finally:
            self._report.note(exported=result is MetricExportResult.SUCCESS, number=1)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **more: Any) -> None:
        self._exporter.shutdown(timeout_millis, **more)
