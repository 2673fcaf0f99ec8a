"""Sums over errors are those of the measures, by level, by node, and below each node."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, TOTAL
from models import metrics
from models.error_sums import Forecast, Group, groups_of, judge_known_parts, sum_errors
from models.volumes import NO_VOLUME, VOLUMES, volumes_of
from storage.tables import PERFORMANCE_SUMS

ORIGINS = 3


@pytest.fixture
def sold(snapshot: Snapshot) -> np.ndarray:
    draw = np.random.default_rng(3)
    return draw.poisson(20, snapshot.hierarchy.n_bottom).astype(float)


@pytest.fixture
def forecast(snapshot: Snapshot, sold: np.ndarray) -> Forecast:
    draw = np.random.default_rng(4)
    hierarchy = snapshot.hierarchy
    means, bases, naive = (
        hierarchy.aggregate(sold[:, None] * draw.lognormal(0, 0.3, (len(sold), ORIGINS)))
        for _ in range(3)
    )
    bounds = {80: (means * 0.8, means * 1.2), 95: (means * 0.6, means * 1.5)}
    return Forecast(means, bases, naive, bounds)


def test_the_sums_are_the_columns_of_the_table(
    snapshot: Snapshot, forecast: Forecast, sold: np.ndarray
) -> None:
    assert set(sum_errors(snapshot.hierarchy, forecast, sold[:, None])) == set(PERFORMANCE_SUMS)


@pytest.mark.parametrize("level", [TOTAL, "store", BOTTOM])
def test_sums_of_a_level_make_the_measures_of_its_nodes(
    snapshot: Snapshot, forecast: Forecast, sold: np.ndarray, level: str
) -> None:
    hierarchy = snapshot.hierarchy
    at = groups_of(hierarchy).index(Group(level))
    sums = {
        name: each[at, 0] for name, each in sum_errors(hierarchy, forecast, sold[:, None]).items()
    }
    rows = hierarchy.slices[level]
    mean, actual = forecast.mean[rows, :1], hierarchy.aggregate(sold)[rows, None]
    assert sums["absolute"] / sums["sold"] == pytest.approx(metrics.wape(mean, actual))
    assert sums["forecast"] / sums["sold"] - 1 == pytest.approx(metrics.bias(mean, actual))
    assert np.sqrt(sums["squared_logs"] / sums["known"]) == pytest.approx(
        metrics.rmsle(mean, actual)
    )
    lower, upper = forecast.bounds[80]
    assert sums["within_80"] / sums["judged"] == pytest.approx(
        metrics.coverage(lower[rows, :1], upper[rows, :1], actual)
    )
    assert sums["naive_absolute"] / sums["sold"] == pytest.approx(
        metrics.wape(forecast.naive[rows, :1], actual)
    )


def test_a_node_has_sums_of_its_own_and_of_the_series_below_it(
    snapshot: Snapshot, forecast: Forecast, sold: np.ndarray
) -> None:
    hierarchy = snapshot.hierarchy
    groups, sums = groups_of(hierarchy), sum_errors(hierarchy, forecast, sold[:, None])
    row = hierarchy.slices["store"].start
    node = hierarchy.nodes[row]
    own = groups.index(Group("store", node.id))
    below = groups.index(Group(BOTTOM, node.id))
    error = abs(forecast.mean[row, 0] - hierarchy.aggregate(sold)[row])
    assert sums["known"][own, 0] == 1
    assert sums["absolute"][own, 0] == pytest.approx(error)
    assert sums["known"][below, 0] == hierarchy.summing[[row]].sum()
    assert sums["sold"][below, 0] == sums["sold"][own, 0]
    assert sums["absolute"][below, 0] > error  # errors of series cancel in their sum


def test_intervals_of_nodes_that_are_partly_known_are_not_judged(
    snapshot: Snapshot, forecast: Forecast, sold: np.ndarray
) -> None:
    hierarchy = snapshot.hierarchy
    sold[0] = np.nan
    sums = {
        name: each[groups_of(hierarchy).index(Group(TOTAL)), 0]
        for name, each in sum_errors(hierarchy, forecast, sold[:, None]).items()
    }
    upper = hierarchy.n_upper
    assert (sums["known"], sums["judged"]) == (1, 0)
    assert sums["sold"] == np.nansum(sold)
    assert sums["forecast"] == pytest.approx(forecast.mean[upper + 1 :, 0].sum())
    assert sums["naive_absolute"] == pytest.approx(
        abs(forecast.naive[upper + 1 :, 0].sum() - np.nansum(sold))
    )


def test_a_series_that_was_not_forecast_counts_nowhere(
    snapshot: Snapshot, forecast: Forecast, sold: np.ndarray
) -> None:
    hierarchy = snapshot.hierarchy
    mean = forecast.mean.copy()
    mean[hierarchy.n_upper, 1] = np.nan
    sums = sum_errors(hierarchy, replace(forecast, mean=mean), sold[:, None])
    at = groups_of(hierarchy).index(Group(BOTTOM))
    assert sums["known"][at].tolist() == [len(sold), len(sold) - 1, len(sold)]
    assert np.isfinite(sums["absolute"]).all()


def test_a_node_with_unknown_parts_is_judged_by_the_others(snapshot: Snapshot) -> None:
    hierarchy = snapshot.hierarchy
    actual = np.full((hierarchy.n_bottom, 1), 2.0)
    actual[0] = np.nan
    forecast = np.full_like(actual, 3.0)
    judged, sold = judge_known_parts(hierarchy, forecast, actual)
    others = hierarchy.n_bottom - 1
    assert (judged[0, 0], sold[0, 0]) == (3.0 * others, 2.0 * others)
    assert np.isnan(sold[hierarchy.n_upper, 0])
    assert judged[hierarchy.n_upper, 0] == 3.0


def test_a_node_of_which_little_is_known_is_not_judged(snapshot: Snapshot) -> None:
    hierarchy = snapshot.hierarchy
    actual = np.full((hierarchy.n_bottom, 1), np.nan)
    actual[0] = 2.0
    judged, sold = judge_known_parts(hierarchy, np.full_like(actual, 3.0), actual)
    assert np.isnan(sold[0, 0])
    assert judged[0, 0] == 3.0 * hierarchy.n_bottom


def test_classes_of_a_level_have_sums_of_their_own(
    snapshot: Snapshot, forecast: Forecast, sold: np.ndarray
) -> None:
    hierarchy, volumes = snapshot.hierarchy, volumes_of(snapshot)
    factors = np.full_like(forecast.mean, 1.5)
    adapted = replace(forecast, factors=factors)
    groups = groups_of(hierarchy, volumes)
    sums = sum_errors(hierarchy, adapted, sold[:, None], volumes)
    plain = groups_of(hierarchy)
    assert groups[: len(plain)] == plain
    classes = [groups.index(Group(BOTTOM, volume=volume)) for volume in VOLUMES]
    rows = hierarchy.slices[BOTTOM]
    for number, at in enumerate(classes):
        assert sums["known"][at, 0] == np.count_nonzero(volumes[rows] == number)
    has_class = volumes[rows] != NO_VOLUME
    assert sums["sold"][classes, 0].sum() == pytest.approx(sold[has_class].sum())
    judged, logs = sums["judged"][classes], sums["log_factors"][classes]
    np.testing.assert_allclose(logs, judged * np.log(1.5))
    assert Group(TOTAL, volume="low") not in groups
