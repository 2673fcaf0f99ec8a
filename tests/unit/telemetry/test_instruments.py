"""Instruments: bounded labels, and nothing that was not set."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Histogram

from telemetry.instruments import MOST_OBSERVED, SECONDS_BUCKETS, Count, Distribution, Level, flush


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_labels_are_bounded_whatever_is_observed(registry: CollectorRegistry) -> None:
    """Known labels stay; those beyond the bound are counted together."""
    counter = Count("c_total", "c", "a", "b", limit=3, registry=registry)
    for number in range(10):
        counter.add(str(number), "x")
    counter.add_now("0", "x")
    flush()
    (family,) = registry.collect()
    counted = {
        (sample.labels["a"], sample.labels["b"]): sample.value
        for sample in family.samples
        if sample.name == "mlrf_c_total"
    }
    assert counted == {("0", "x"): 2, ("1", "x"): 1, ("2", "x"): 1, ("other", "other"): 7}


def test_a_count_that_is_started_is_zero(registry: CollectorRegistry) -> None:
    """An increase from nothing is no increase to Prometheus."""
    Count("c_total", "c", "kind", registry=registry).start("failed")
    assert registry.get_sample_value("mlrf_c_total", {"kind": "failed"}) == 0


def test_a_level_is_absent_until_it_is_set(registry: CollectorRegistry) -> None:
    """Zero would be a value that nobody measured, such as the year 1970."""
    level = Level("l", "l", merge="livemax", registry=registry)
    assert registry.get_sample_value("mlrf_l") is None
    level.set(3)
    assert registry.get_sample_value("mlrf_l") == 3


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0009, "0.001"), (0.02, "0.025"), (29.0, "30.0"), (31.0, "+Inf")]
)
def test_a_duration_falls_into_its_bucket(
    seconds: float, bucket: str, registry: CollectorRegistry
) -> None:
    Distribution("d", "d", registry=registry).observe(seconds)
    flush()
    bounds = [*map(str, SECONDS_BUCKETS), "+Inf"]
    filled = [
        bound for bound in bounds if registry.get_sample_value("mlrf_d_bucket", {"le": bound})
    ]
    assert filled[0] == bucket


def test_values_are_counted_as_prometheus_client_counts_them(registry: CollectorRegistry) -> None:
    values = [0.0, 0.001, 0.0011, 0.5, 2.0, 30.0, 31.0]
    ours = Distribution("d", "d", "stage", registry=registry)
    theirs = Histogram("reference", "r", buckets=SECONDS_BUCKETS, registry=registry)
    for value in values:
        ours.observe(value, "x")
        theirs.observe(value)
    assert registry.get_sample_value("mlrf_d_count", {"stage": "x"}) == 0, "they wait for the flush"
    flush()
    for bound in (*map(str, SECONDS_BUCKETS), "+Inf"):
        counted = registry.get_sample_value("mlrf_d_bucket", {"stage": "x", "le": bound})
        assert counted == registry.get_sample_value("reference_bucket", {"le": bound}), bound
    total = registry.get_sample_value("mlrf_d_sum", {"stage": "x"})
    assert total == registry.get_sample_value("reference_sum")


def test_values_that_nobody_flushes_are_added_in_time(registry: CollectorRegistry) -> None:
    """A command has stages too, but no task that flushes."""
    distribution = Distribution("d", "d", registry=registry)
    flush()
    for _ in range(MOST_OBSERVED):
        distribution.observe(1.0)
    assert registry.get_sample_value("mlrf_d_count") == MOST_OBSERVED
