"""Traces of a real server, as a collector receives them that shares no code with it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from load.server import free_port
from load.serving import LARGE, Product, serving
from storage.artifacts import Store
from tests.e2e.conftest import Serve
from tests.support.collector import (
    Collector,
    ReceivedSpan,
    running_collector,
    running_grpc_collector,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

SERIES = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
PARENT = "b7ad6b7169203331"
SECRET = "hunter2hunter2"
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
"""Options of the SDK, so that a test need not wait for the usual seconds."""

numbers = iter(range(1, 1000))


def whatif(origin: str | None = None) -> dict[str, Any]:
    """Return a request that no other one is equal to."""
    changes = {"adjustments": {"onpromotion": next(numbers)}}
    return {**SERIES, "horizon": 7, **changes, **({"date": origin} if origin else {})}


def new_trace(*, recorded: bool = True) -> tuple[str, dict[str, str]]:
    """Return the id of a trace, and the header that continues it."""
    trace = os.urandom(16).hex()
    return trace, {"traceparent": f"00-{trace}-{PARENT}-0{int(recorded)}"}


def lines_of(log: Path) -> list[dict[str, Any]]:
    lines = log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def access_line(log: Path, request_id: str) -> dict[str, Any]:
    """Wait for the line of a request in the access log."""
    matches: list[dict[str, Any]] = []

    def is_written() -> bool:
        matches[:] = [
            line
            for line in lines_of(log)
            if line["event"] == "request" and line["request_id"] == request_id
        ]
        return bool(matches)

    wait_until(is_written)
    return matches[0]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def product(trained: Store, collector: Collector) -> Iterator[Product]:
    """A server with keys, limits and a cache in Valkey, which records every trace."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **QUICK}
    with serving(trained.root, workers=1, **settings) as started:
        yield started


def call(product: Product, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"X-API-Key": product.keys[LARGE], **options.pop("headers", {})}
    url = product.url + path
    return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **options)


def names_of_parents(trace: dict[str, ReceivedSpan]) -> dict[str, str]:
    by_id = {span.id: span.name for span in trace.values()}
    return {span.name: by_id.get(span.parent, "") for span in trace.values()}


# --- a trace ----------------------------------------------------------------------------------


def test_the_trace_of_a_whatif_has_a_span_for_each_stage(
    product: Product, collector: Collector
) -> None:
    trace, headers = new_trace()
    before = time.time_ns()
    response = call(product, "POST", "/whatif", json=whatif(), headers=headers)
    assert response.status_code == 200
    spans = collector.trace_of(trace, "POST /whatif")
    after = time.time_ns()  # the root ends once the answer is sent
    parents = names_of_parents(spans)
    of_redis = {
        {span.id: span.name for span in spans.values()}[span.parent]
        for span in collector.spans
        if (span.trace, span.name) == (trace, "redis")
    }
    assert of_redis == {"POST /whatif", "cache"}, "the limit, and the shared answers"
    del parents["redis"]
    assert parents == {
        "POST /whatif": "",
        "storage": "POST /whatif",
        "cache": "POST /whatif",
        "computation": "cache",
        "features": "computation",
        "inference": "computation",
        "reconciliation": "computation",
    }
    root = spans["POST /whatif"]
    assert (root.parent, root.kind, root.error) == (PARENT, "server", False)
    assert all(before <= span.began <= span.ended <= after for span in spans.values())
    answer = response.json()
    data = answer["snapshot"]
    assert root.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/whatif",
        "url.path": "/whatif",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "server.address": "127.0.0.1",
        "server.port": int(product.url.rpartition(":")[2]),
        "mlrf.request_id": response.headers["x-request-id"],
        "mlrf.client": f"key:{product.keys[LARGE].split('_')[1]}",
        "mlrf.cache": "miss",
        "mlrf.cost": root.attributes["mlrf.cost"],
        "mlrf.horizon": 7,
        "mlrf.level": "bottom",
        "mlrf.model_version": f"{answer['model_version']}.{data['origin']}-{data['digest']}",
    }
    assert spans["cache"].attributes == {"mlrf.cache": "miss", "mlrf.cache.tier": "none"}
    assert spans["features"].attributes == {"mlrf.horizon": 7}
    assert spans["inference"].attributes == {"mlrf.rows": 7}
    assert spans["redis"].attributes == {"db.system.name": "redis"}
    assert (spans["redis"].kind, spans["storage"].kind) == ("client", "client")
    storage = {"db.system.name": "sqlite", "mlrf.transaction": "read"}
    assert spans["storage"].attributes == storage


def test_a_repeated_request_has_one_span_that_says_that_it_was_a_hit(
    product: Product, collector: Collector
) -> None:
    document = whatif()
    call(product, "POST", "/whatif", json=document)
    trace, headers = new_trace()
    call(product, "POST", "/whatif", json=document, headers=headers)
    spans = collector.trace_of(trace, "POST /whatif")
    attributes = spans["POST /whatif"].attributes
    assert (attributes["mlrf.cache"], attributes["mlrf.cache.tier"]) == ("hit", "memory")
    assert {*spans} - {"redis"} == {"POST /whatif"}


def test_an_explanation_has_a_span(product: Product, collector: Collector) -> None:
    trace, headers = new_trace()
    document = {**SERIES, "horizon": 1}
    assert call(product, "POST", "/explain", json=document, headers=headers).is_success
    assert "explanation" in collector.trace_of(trace, "POST /explain")


def test_probes_have_no_trace(product: Product, collector: Collector) -> None:
    probed, headers = new_trace()
    assert call(product, "GET", "/readyz", headers=headers).is_success
    later, headers = new_trace()
    call(product, "GET", "/meta", headers=headers)
    collector.trace_of(later, "GET /meta")
    assert [span for span in collector.spans if span.trace == probed] == []


def test_a_trace_that_the_caller_does_not_record_is_not_exported(
    product: Product, collector: Collector
) -> None:
    unrecorded, headers = new_trace(recorded=False)
    response = call(product, "GET", "/meta", headers=headers)
    recorded, headers = new_trace()
    call(product, "GET", "/meta", headers=headers)
    collector.trace_of(recorded, "GET /meta")
    assert [span for span in collector.spans if span.trace == unrecorded] == []
    line = access_line(product.log, response.headers["x-request-id"])
    assert line["trace_id"] == unrecorded
    assert "span_id" not in line


@pytest.mark.parametrize("value", ["hunter2", f"00-{'0' * 32}-{PARENT}-01", ""])
def test_a_malformed_parent_is_ignored(product: Product, collector: Collector, value: str) -> None:
    response = call(product, "GET", "/meta", headers={"traceparent": value})
    assert response.status_code == 200
    line = access_line(product.log, response.headers["x-request-id"])
    spans = collector.trace_of(line["trace_id"], "GET /meta")
    assert spans["GET /meta"].parent == ""


# --- log and problems -------------------------------------------------------------------------


def test_a_problem_and_its_log_line_have_the_id_of_the_trace(
    product: Product, collector: Collector
) -> None:
    trace, headers = new_trace()
    document = {**whatif(), "family": "SOAP"}
    response = call(product, "POST", "/whatif", json=document, headers=headers)
    assert response.status_code == 400
    assert response.json()["trace_id"] == trace
    line = access_line(product.log, response.headers["x-request-id"])
    span = collector.trace_of(trace, "POST /whatif")["POST /whatif"]
    assert (line["trace_id"], line["span_id"]) == (trace, span.id)
    assert span.attributes["http.response.status_code"] == 400
    assert not span.error, "the fault is the caller's"


def test_a_refusal_without_a_path_has_a_span_without_a_route(
    product: Product, collector: Collector
) -> None:
    trace, headers = new_trace()
    call(product, "PROPFIND", "/teapot", headers=headers)
    span = collector.trace_of(trace, "HTTP")["HTTP"]
    assert span.attributes["http.request.method"] == "_OTHER"
    assert "http.route" not in span.attributes


# --- privacy ----------------------------------------------------------------------------------


def test_nothing_that_a_caller_sends_beside_the_path_is_exported(
    product: Product, collector: Collector
) -> None:
    """Every byte of every export is searched, those of the tests before included."""
    key = product.keys[LARGE]
    secret = key.split("_")[2]
    trace, headers = new_trace()
    headers |= {
        "Authorization": f"Bearer {SECRET}",
        "Cookie": SECRET,
        "User-Agent": SECRET,
        "Baggage": f"user={SECRET}",
        "Referer": f"https://shop.example/{SECRET}",
    }
    calls = (
        ("POST", f"/whatif?api_key={SECRET}", {"json": {**whatif(), "family": SECRET}}),
        ("POST", "/whatif", {"json": {**whatif(), "family": SECRET}}),
        ("POST", "/predict", {"content": SECRET}),
        ("GET", f"/admin/keys/{key}", {}),
        ("GET", f"/hierarchy?node={SECRET}", {}),
    )
    for method, path, options in calls:
        call(product, method, path, headers=headers, **options)
    last, header = new_trace()
    call(product, "GET", "/meta", headers=header)
    collector.trace_of(last, "GET /meta")
    exported = b"".join(collector.raw)
    assert bytes.fromhex(trace) in exported
    for value in (SECRET, secret, key, "LIQUOR"):
        assert value.encode() not in exported, value
    assert f"mlrf_{key.split('_')[1]}_***".encode() in exported


# --- the metric -------------------------------------------------------------------------------


def test_the_duration_of_requests_is_exported_with_the_ids_of_traces(
    product: Product, collector: Collector
) -> None:
    trace, headers = new_trace()
    call(product, "GET", "/v2", headers=headers)

    def points() -> list[Any]:
        return [
            point
            for metric in collector.metrics
            for point in metric.histogram.data_points
            if ("http.route", "/v2")
            in [(pair.key, pair.value.string_value) for pair in point.attributes]
        ]

    collector.wait_for(lambda: bool(points()))
    point = points()[0]
    assert {metric.name for metric in collector.metrics} == {"http.server.request.duration"}
    assert {metric.unit for metric in collector.metrics} == {"s"}
    bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
    assert list(point.explicit_bounds) == bounds
    assert point.count == 1
    keys = {pair.key for pair in point.attributes}
    method = {"http.request.method", "http.response.status_code", "http.route", "url.scheme"}
    assert keys == method
    assert [exemplar.trace_id.hex() for exemplar in point.exemplars] == [trace]


def test_each_process_has_the_name_and_the_version_of_the_service(
    product: Product, collector: Collector
) -> None:
    assert {resource["service.name"] for resource in collector.resources} == {"mlrf"}
    assert len({resource["service.instance.id"] for resource in collector.resources}) == 1


# --- other servers ----------------------------------------------------------------------------


def test_runners_in_processes_of_their_own_continue_the_trace(
    serve: Serve, trained: Store, collector: Collector
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **QUICK}
    server = serve(trained, runners="remote", **settings)
    server.wait_for("/readyz")
    trace, headers = new_trace()
    assert server.request("POST", "/whatif", json=whatif(), headers=headers).is_success
    collector.trace_of(trace, "POST /whatif")
    collector.trace_of(trace, "onnx_runner")
    spans = collector.trace_of(trace, "reconciler")
    parents = names_of_parents(spans)
    assert (parents["onnx_runner"], parents["reconciler"]) == ("inference", "reconciliation")
    assert spans["onnx_runner"].process == "onnx_runner"
    own = {"cache", "computation", "features", "inference", "reconciliation", "POST /whatif"}
    assert {*spans} == own | {"onnx_runner", "reconciler"}, "BentoML's own are not among them"


def test_traces_are_exported_over_grpc_too(serve: Serve, trained: Store) -> None:
    with running_grpc_collector() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        }
        server = serve(trained, **settings, **QUICK)
        server.wait_for("/readyz")
        trace, headers = new_trace()
        assert server.request("POST", "/whatif", json=whatif(), headers=headers).is_success
        assert "computation" in collector.trace_of(trace, "POST /whatif")
        collector.wait_for(lambda: bool(collector.metrics))
        resource = collector.resources[0]
        assert resource["service.name"] == "shop"
        assert resource["deployment.environment.name"] == "test"


def test_with_a_share_of_none_nothing_is_exported(serve: Serve, trained: Store) -> None:
    with running_collector() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0",
        }
        server = serve(trained, **settings)
        server.wait_for("/readyz")
        response = server.post("/whatif", **whatif())
        line = access_line(server.log, response.headers["x-request-id"])
        assert len(line["trace_id"]) == 32
        server.stop()
    assert (collector.spans, collector.metrics, collector.raw) == ([], [], [])


def test_the_spans_of_the_last_requests_are_exported_at_the_end(
    serve: Serve, trained: Store
) -> None:
    with running_collector() as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRICS_EXPORTER": "none"}
        server = serve(trained, **settings, OTEL_BSP_SCHEDULE_DELAY="600000")
        server.wait_for("/readyz")
        trace, headers = new_trace()
        server.request("POST", "/whatif", json=whatif(), headers=headers)
        assert collector.spans == []
        server.stop()
        collector.trace_of(trace, "POST /whatif")


@contextmanager
def without_a_collector() -> Iterator[str]:
    """Yield an address where nothing listens."""
    yield f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_requests_go_on_without_a_collector_and_one_line_says_so(
    serve: Serve, trained: Store, protocol: str
) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(without_a_collector())
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
            "OTEL_BSP_MAX_QUEUE_SIZE": "8",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
        }
        server = serve(trained, **settings, **QUICK)
        server.wait_for("/readyz")

        def losses() -> list[dict[str, Any]]:
            lines = lines_of(server.log)
            return [line for line in lines if line["event"] == "telemetry_not_exported"]

        server.post("/whatif", **whatif())
        wait_until(losses)
        for _ in range(30):  # more spans than the queue takes
            assert server.post("/whatif", **whatif()).status_code == 200
        (line,) = losses()
        assert (line["level"], line["signal"]) == ("warning", "traces")
        libraries = [line for line in lines_of(server.log) if "opentelemetry" in line["logger"]]
        assert libraries == []
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("OTEL_TRACES_SAMPLER", "sometimes", id="sampler"),
        pytest.param("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", id="protocol"),
    ],
)
def test_a_wrong_variable_stops_the_start_with_its_name(
    serve: Serve, trained: Store, name: str, value: str
) -> None:
    server = serve(trained, **{name: value})
    assert server.process.wait(60) != 0
    (line,) = lines_of(server.log)
    assert line["event"] == "start_refused"
    assert line["reason"].startswith(f"{name}: ")


def test_a_server_without_any_of_it_answers_as_before(
    serve: Serve, trained: Store, collector: Collector
) -> None:
    server = serve(trained, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SDK_DISABLED="true")
    server.wait_for("/readyz")
    trace, headers = new_trace()
    document = {**whatif(), "family": "SOAP"}
    response = server.request("POST", "/whatif", json=document, headers=headers)
    assert "trace_id" not in response.json()
    line = access_line(server.log, response.headers["x-request-id"])
    assert "trace_id" not in line
    assert [span for span in collector.spans if span.trace == trace] == []
