"""Metrics: what dashboards and alerts depend on."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from telemetry import metrics
from telemetry.instruments import DECLARED, REGISTRY, Instrument


@pytest.mark.parametrize("instrument", DECLARED.values(), ids=DECLARED)
def test_a_metric_is_named_as_prometheus_recommends(instrument: Instrument) -> None:  # type: ignore[type-arg]
    """https://prometheus.io/docs/practices/naming: a unit, and `_total` for what only grows."""
    assert re.fullmatch(r"mlrf(_[a-z]+)+", instrument.name)
    assert instrument.name.endswith("_total") == (instrument.kind == "counter")
    assert instrument.text.endswith("."), "a sentence"
    assert not {"route", "path", "key", "caller"} & set(instrument.labels)


@pytest.mark.parametrize(
    ("tier", "outcome", "counted"),
    [
        pytest.param("memory", "hit", {"cache_hits"}, id="memory"),
        pytest.param("redis", "hit", {"cache_hits", "cache_redis_hits"}, id="redis"),
        pytest.param("joined", "hit", {"cache_hits", "cache_joined"}, id="joined"),
        pytest.param("none", "miss", {"cache_misses"}, id="miss"),
        pytest.param("none", "bypass", {"cache_bypasses"}, id="bypass"),
    ],
)
def test_an_outcome_of_the_cache_is_counted(tier: str, outcome: str, counted: set[str]) -> None:
    names = ("cache_hits", "cache_redis_hits", "cache_joined", "cache_misses", "cache_bypasses")

    def read() -> dict[str, float]:
        metrics.flush()
        return {each: REGISTRY.get_sample_value(f"mlrf_{each}_total") or 0 for each in names}

    before = read()
    metrics.count_cache_outcome(tier, outcome)
    after = read()
    assert {name for name in names if after[name] == before[name] + 1} == counted


def test_a_request_is_counted_at_its_end() -> None:
    labels = {"endpoint": "/forecast", "method": "POST", "status": "200"}
    metrics.flush()
    before = REGISTRY.get_sample_value("mlrf_requests_total", labels) or 0
    metrics.count_request_start()
    metrics.flush()
    in_flight = REGISTRY.get_sample_value("mlrf_requests_in_flight")
    metrics.count_request_end("/forecast", "POST", 200, 0.02)
    metrics.flush()
    assert REGISTRY.get_sample_value("mlrf_requests_total", labels) == before + 1
    assert in_flight is not None
    assert REGISTRY.get_sample_value("mlrf_requests_in_flight") == in_flight - 1


def test_the_serving_release_replaces_the_previous_one() -> None:
    read = REGISTRY.get_sample_value
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
