"""A collector of OpenTelemetry: a server of its own that receives OTLP, over HTTP or gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

_KINDS = {1: "internal", 2: "server", 3: "client"}
_SECONDS = 30.0


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it was received; ids are in hexadecimal digits.

    Attributes:
        parent: id of its parent; empty for a root.
        error: whether its status is that of an error.
        process: of the server, that sent it.
        links: ids of the linked spans.
    """

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    attributes: dict[str, Any]
    error: bool
    message: str
    process: str
    links: tuple[str, ...]
    began: int
    ended: int


@dataclass
class Collector:
    """Spans and metrics that were received.

    Attributes:
        url: to set as OTEL_EXPORTER_OTLP_ENDPOINT.
        raw: bytes of every export, decompressed by nothing: exporters do not compress by default.
        headers: of every export over HTTP.
    """

    url: str = ""
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[ReceivedSpan] = field(default_factory=list)
    metrics: list[Any] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    _changed: Condition = field(default_factory=Condition)

    def receive_traces(self, export: ExportTraceServiceRequest) -> None:
        with self._changed:
            self.raw.append(export.SerializeToString())
            for of_resource in export.resource_spans:
                resource = _attributes_of(of_resource.resource.attributes)
                self.resources.append(resource)
                for scope in of_resource.scope_spans:
                    self.spans += [_span_of(span, resource) for span in scope.spans]
            self._changed.notify_all()

    def receive_metrics(self, export: ExportMetricsServiceRequest) -> None:
        with self._changed:
            self.raw.append(export.SerializeToString())
            for of_resource in export.resource_metrics:
                self.resources.append(_attributes_of(of_resource.resource.attributes))
                for scope in of_resource.scope_metrics:
                    self.metrics += scope.metrics
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, which is tried after each export."""
        with self._changed:
            assert self._changed.wait_for(condition, _SECONDS), [span.name for span in self.spans]

    def trace_of(self, trace: str, name: str) -> dict[str, ReceivedSpan]:
        """Wait for the span `name` of a trace, and return those of its trace by their names."""

        def of_trace() -> dict[str, ReceivedSpan]:
            return {span.name: span for span in self.spans if span.trace == trace}

        self.wait_for(lambda: name in of_trace())
        return of_trace()


def _span_of(span: Any, resource: dict[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=_KINDS[span.kind],
        attributes=_attributes_of(span.attributes),
        error=span.status.code == 2,
        message=span.status.message,
        process=resource["mlrf.process"],
        links=tuple(link.span_id.hex() for link in span.links),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
    )


def _attributes_of(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Run a collector of OTLP over HTTP until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.headers.append({name.lower(): text for name, text in self.headers.items()})
            if self.path == "/v1/traces":
                collector.receive_traces(ExportTraceServiceRequest.FromString(body))
            elif self.path == "/v1/metrics":
                collector.receive_metrics(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running_grpc_collector() -> Iterator[Collector]:
    """Run a collector of OTLP over gRPC until the block ends."""
    collector = Collector()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(  # noqa: N802
            self, request: ExportTraceServiceRequest, context: Any
        ) -> ExportTraceServiceResponse:
            collector.receive_traces(request)
            return ExportTraceServiceResponse()

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(  # noqa: N802
            self, request: ExportMetricsServiceRequest, context: Any
        ) -> ExportMetricsServiceResponse:
            collector.receive_metrics(request)
            return ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    collector.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()
