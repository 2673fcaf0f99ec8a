"""Metrics: bounded labels, stable names, and all workers in one response."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from config.paths import ROOT
from telemetry import metrics
from telemetry.metrics import Labelled

NAMES = {
    "mlrf_http_requests": "counter",
    "mlrf_http_request_duration_seconds": "histogram",
    "mlrf_http_requests_in_flight": "gauge",
    "mlrf_rate_limit_decisions": "counter",
    "mlrf_cache_requests": "counter",
    "mlrf_redis_errors": "counter",
    "mlrf_key_lookups": "counter",
    "mlrf_dependency_available": "gauge",
    "mlrf_degraded": "gauge",
    "mlrf_model_info": "gauge",
    "mlrf_jobs": "counter",
    "mlrf_events": "counter",
    "mlrf_events_waiting": "gauge",
    "mlrf_events_oldest_timestamp_seconds": "gauge",
    "mlrf_trial_answers": "counter",
    "mlrf_trial_repeated_requests": "counter",
    "mlrf_trial_share": "gauge",
    "mlrf_feedback_recorded": "counter",
    "mlrf_feedback_dropped": "counter",
    "mlrf_reloads": "counter",
    "mlrf_reload_last_timestamp_seconds": "gauge",
    "mlrf_data_origin_timestamp_seconds": "gauge",
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse_samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


# --- one process ------------------------------------------------------------------------------


def test_every_metric_has_its_name_and_type() -> None:
    """Dashboards and alerts depend on them."""
    metrics.set_active_release("b", "s", date(2024, 6, 30))
    text, media_type = metrics.exposition()
    assert media_type.startswith("text/plain; version=")
    families = {
        family.name: family.type
        for family in text_string_to_metric_families(text.decode())
        if not family.name.endswith("_created")
    }
    assert families == NAMES


@pytest.mark.parametrize(
    ("observe", "name", "labels"),
    [
        pytest.param(
            lambda: metrics.count_limiter_decision("standard", "allowed", "redis"),
            "mlrf_rate_limit_decisions_total",
            {"tier": "standard", "outcome": "allowed", "backend": "redis"},
            id="limiter",
        ),
        pytest.param(
            lambda: metrics.count_cache_outcome("memory", "hit"),
            "mlrf_cache_requests_total",
            {"tier": "memory", "outcome": "hit"},
            id="cache",
        ),
        pytest.param(
            lambda: metrics.count_redis_error("timeout"),
            "mlrf_redis_errors_total",
            {"kind": "timeout"},
            id="redis",
        ),
        pytest.param(
            lambda: metrics.count_key_lookup("known"),
            "mlrf_key_lookups_total",
            {"outcome": "known"},
            id="keys",
        ),
    ],
)
def test_an_observer_counts_one(
    observe: Callable[[], None], name: str, labels: dict[str, str]
) -> None:
    metrics.flush()
    before = metrics.REGISTRY.get_sample_value(name, labels) or 0
    observe()
    metrics.flush()
    assert metrics.REGISTRY.get_sample_value(name, labels) == before + 1


@pytest.mark.parametrize("state", [True, False])
def test_a_state_is_one_or_zero(state: bool) -> None:
    metrics.set_redis_available(state)
    metrics.set_degraded("limits_per_worker", state)
    read = metrics.REGISTRY.get_sample_value
    assert read("mlrf_dependency_available", {"dependency": "redis"}) == state
    assert read("mlrf_degraded", {"reason": "limits_per_worker"}) == state


def test_the_serving_release_replaces_the_previous_one() -> None:
    read = metrics.REGISTRY.get_sample_value
    for number in (1, 2):
        metrics.set_active_release(f"v{number}", "s", date(2024, 6, 29 + number - 1))
    assert read("mlrf_model_info", {"version": "v1", "snapshot": "s"}) == 0
    assert read("mlrf_model_info", {"version": "v2", "snapshot": "s"}) == 1
    day = datetime(2024, 6, 30, tzinfo=UTC).timestamp()
    assert read("mlrf_data_origin_timestamp_seconds") == day
    metrics.set_active_release("v1", "s", date(2024, 6, 30))
    assert read("mlrf_model_info", {"version": "v1", "snapshot": "s"}) == 1


@pytest.mark.parametrize(
    ("method", "label"),
    [("GET", "GET"), ("OPTIONS", "OPTIONS"), ("BREW", "other"), ("get", "other"), ("", "other")],
)
def test_an_unknown_method_is_other(method: str, label: str) -> None:
    assert metrics.method_label(method) == label


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0009, "0.001"), (0.02, "0.025"), (29.0, "30.0"), (31.0, "+Inf")]
)
def test_a_duration_falls_into_its_bucket(seconds: float, bucket: str) -> None:
    route = f"/{seconds}"
    metrics.count_request_start()
    metrics.count_request_end(route, "GET", 200, seconds)
    name = "mlrf_http_request_duration_seconds_bucket"
    bounds = [*map(str, metrics.SECONDS_BUCKETS), "+Inf"]
    filled = [
        bound
        for bound in bounds
        if metrics.REGISTRY.get_sample_value(name, {"route": route, "le": bound})
    ]
    assert filled[0] == bucket


def test_labels_are_bounded_whatever_is_observed() -> None:
    """Known labels stay; those beyond the bound are counted together."""
    registry = CollectorRegistry()
    counter = Labelled(Counter("c", "c", ["a", "b"], registry=registry), limit=3)
    for number in range(10):
        counter.of(str(number), "x").inc()
    counter.of("0", "x").inc()
    (family,) = registry.collect()
    counted = {
        (sample.labels["a"], sample.labels["b"]): sample.value
        for sample in family.samples
        if sample.name == "c_total"
    }
    assert counted == {("0", "x"): 2, ("1", "x"): 1, ("2", "x"): 1, ("other", "other"): 7}


# --- several processes ------------------------------------------------------------------------

_WORKER = """
import sys
from datetime import date
from prometheus_client import Counter
from telemetry import metrics

number = int(sys.argv[1])
Counter("bentoml_requests", "not ours", ["endpoint"]).labels("/wp-admin").inc()
for _ in range(number):
    metrics.count_request_start()
    metrics.count_request_end("/predict", "GET", 200, 0.02)
metrics.count_request_start()
metrics.count_cache_outcome("memory", "hit")
metrics.set_redis_available(number == 1)
metrics.set_degraded("old_data", number == 1)
metrics.set_active_release("v1", "s", date(2024, 6, number))
if number == 1:
    metrics.set_active_release("v2", "s", date(2024, 6, 10))
metrics.flush()
print("ready", flush=True)
sys.stdin.read()
"""

_SCRAPE = """
import sys
from telemetry import metrics

text, media_type = metrics.exposition()
sys.stdout.buffer.write(text)
"""


class Workers:
    """Processes that store their metrics in one folder, as BentoML's workers do."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *numbers: int) -> None:
        for number in numbers:
            process = subprocess.Popen(
                [sys.executable, "-c", _WORKER, str(number)],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.running.append(process)
        for process in self.running:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"

    def kill(self, which: int) -> None:
        self.running[which].kill()
        self.running[which].wait(10)

    def scrape(self) -> Samples:
        done = subprocess.run(
            [sys.executable, "-c", _SCRAPE],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return parse_samples(done.stdout)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    started = Workers(tmp_path)
    yield started
    for process in started.running:
        process.kill()
        process.communicate(timeout=10)


def test_one_response_covers_all_workers(workers: Workers) -> None:
    workers.start(1, 2)
    samples = workers.scrape()
    labels = {"route": "/predict", "method": "GET", "status": "200"}
    assert value(samples, "mlrf_http_requests_total", **labels) == 3
    duration = "mlrf_http_request_duration_seconds"
    assert value(samples, f"{duration}_count", route="/predict") == 3
    assert value(samples, f"{duration}_bucket", route="/predict", le="0.01") == 0
    assert value(samples, f"{duration}_bucket", route="/predict", le="0.025") == 3
    assert value(samples, f"{duration}_bucket", route="/predict", le="+Inf") == 3
    assert value(samples, f"{duration}_sum", route="/predict") == pytest.approx(0.06)
    assert value(samples, "mlrf_http_requests_in_flight") == 2
    assert value(samples, "mlrf_cache_requests_total", tier="memory", outcome="hit") == 2


def test_the_state_is_that_of_the_worst_worker(workers: Workers) -> None:
    workers.start(1, 2)
    samples = workers.scrape()
    assert value(samples, "mlrf_dependency_available", dependency="redis") == 0
    assert value(samples, "mlrf_degraded", reason="old_data") == 1
    assert value(samples, "mlrf_model_info", version="v1", snapshot="s") == 1
    assert value(samples, "mlrf_model_info", version="v2", snapshot="s") == 1
    oldest = datetime(2024, 6, 2, tzinfo=UTC).timestamp()
    assert value(samples, "mlrf_data_origin_timestamp_seconds") == oldest


def test_a_killed_worker_leaves_its_counts_and_not_its_state(workers: Workers) -> None:
    workers.start(1, 2)
    workers.kill(1)
    samples = workers.scrape()
    labels = {"route": "/predict", "method": "GET", "status": "200"}
    assert value(samples, "mlrf_http_requests_total", **labels) == 3
    assert value(samples, "mlrf_http_requests_in_flight") == 1
    assert value(samples, "mlrf_dependency_available", dependency="redis") == 1
    assert value(samples, "mlrf_model_info", version="v1", snapshot="s") == 0
    newest = datetime(2024, 6, 10, tzinfo=UTC).timestamp()
    assert value(samples, "mlrf_data_origin_timestamp_seconds") == newest


def test_metrics_of_others_in_the_same_folder_are_left_out(workers: Workers) -> None:
    """BentoML's are labelled with the raw path, which is unbounded."""
    workers.start(1)
    assert {name for name, _ in workers.scrape() if not name.startswith("mlrf_")} == set()
    assert list(Path(workers.environment["PROMETHEUS_MULTIPROC_DIR"]).glob("counter_*.db"))
