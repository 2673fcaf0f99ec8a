"""The metrics of all workers of a server, in one response."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from config.paths import ROOT

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse_samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


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
metrics.DEPENDENCY_AVAILABLE.set(number == 1, "redis")
metrics.DEGRADED.set(number == 1, "old_data")
metrics.set_active_release("v1", "s", date(2024, 6, number))
if number == 1:
    metrics.set_active_release("v2", "s", date(2024, 6, 10))
metrics.flush()
print("ready", flush=True)
sys.stdin.read()
"""

_SCRAPE = """
import sys
from telemetry.exposition import exposition

text, media_type = exposition()
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
    labels = {"endpoint": "/predict", "method": "GET", "status": "200"}
    assert value(samples, "mlrf_requests_total", **labels) == 3
    duration = "mlrf_request_duration_seconds"
    assert value(samples, f"{duration}_count", endpoint="/predict") == 3
    assert value(samples, f"{duration}_bucket", endpoint="/predict", le="0.01") == 0
    assert value(samples, f"{duration}_bucket", endpoint="/predict", le="0.025") == 3
    assert value(samples, f"{duration}_bucket", endpoint="/predict", le="+Inf") == 3
    assert value(samples, f"{duration}_sum", endpoint="/predict") == pytest.approx(0.06)
    assert value(samples, "mlrf_requests_in_flight") == 2
    assert value(samples, "mlrf_cache_hits_total") == 2


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
    labels = {"endpoint": "/predict", "method": "GET", "status": "200"}
    assert value(samples, "mlrf_requests_total", **labels) == 3
    assert value(samples, "mlrf_requests_in_flight") == 1
    assert value(samples, "mlrf_dependency_available", dependency="redis") == 1
    assert value(samples, "mlrf_model_info", version="v1", snapshot="s") == 0
    newest = datetime(2024, 6, 10, tzinfo=UTC).timestamp()
    assert value(samples, "mlrf_data_origin_timestamp_seconds") == newest


def test_metrics_of_others_in_the_same_folder_are_left_out(workers: Workers) -> None:
    """BentoML's are labelled with the raw path, which is unbounded."""
    workers.start(1)
    assert {name for name, _ in workers.scrape() if not name.startswith("mlrf_")} == set()
    assert list(Path(workers.environment["PROMETHEUS_MULTIPROC_DIR"]).glob("counter_*.db"))
