"""The export: reports of a collector that is away, and an end within a bound."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from telemetry import otlp, request_duration, spans
from telemetry.otlp import REPEAT_SECONDS, _Report
from tests.support.clock import Clock
from tests.support.collector import running_collector

OPTIONS = {"service": "mlrf", "version": "1", "process": "worker"}


@pytest.fixture
def hanging() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_collector_that_is_away_is_logged_now_and_then(clock: Clock[float]) -> None:
    report = _Report("traces", clock)
    with capture_logs() as lines:
        for _ in range(3):
            report.note(exported=False, number=5)
        clock.now += REPEAT_SECONDS
        report.note(exported=False, number=5)
        report.note(exported=True, number=5)
        report.note(exported=True, number=5)
        report.note(exported=False, number=1)
    logged = [(line["event"], line["log_level"], line["lost"]) for line in lines]
    assert logged == [
        ("telemetry_not_exported", "warning", 5),
        ("telemetry_not_exported", "warning", 20),
        ("telemetry_exported_again", "info", 20),
        ("telemetry_not_exported", "warning", 1),
    ]


@pytest.mark.parametrize("traces", ["http/protobuf", "grpc"])
def test_the_end_does_not_wait_for_a_collector_that_hangs(
    monkeypatch: pytest.MonkeyPatch, hanging: str, traces: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", hanging)
    export = otlp.start(**OPTIONS, traces=traces, metrics=None)
    with spans.open_request("GET", (), {}):
        pass
    began = time.monotonic()
    export.stop(seconds=0.3)
    assert 0.2 < time.monotonic() - began < 2
    assert not spans.is_on()


def test_the_end_exports_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2")
        export = otlp.start(**OPTIONS, traces="http/protobuf", metrics="http/protobuf")
        with spans.open_request("GET", (), {}):
            request_duration.observe(0.02, "GET", "/meta", 200, "http")
        with spans.open_request("POST", (), {}):
            request_duration.observe(20.0, "other", "other", 503, "http")
        export.stop(seconds=30)
    assert [span.name for span in collector.spans] == ["GET", "POST"]
    assert {headers["authorization"] for headers in collector.headers} == {"Bearer hunter2"}
    (metric,) = collector.metrics
    points = [
        {pair.key: pair.value.string_value or pair.value.int_value for pair in point.attributes}
        for point in metric.histogram.data_points
    ]
    assert points == [
        {
            "http.request.method": "GET",
            "http.response.status_code": 200,
            "http.route": "/meta",
            "url.scheme": "http",
        },
        {
            "http.request.method": "_OTHER",
            "http.response.status_code": 503,
            "url.scheme": "http",
            "error.type": "503",
        },
    ]
    assert [list(point.bucket_counts).index(1) for point in metric.histogram.data_points] == [2, 14]
    request_duration.observe(1.0, "GET", "/meta", 200, "http")  # off again: without effect
