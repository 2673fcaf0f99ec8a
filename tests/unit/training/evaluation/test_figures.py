"""Figures of sums are those that the measures give, whatever origins are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from models import metrics
from models.buckets import buckets_of
from models.intervals import Intervals
from tests.support.forecast_errors import draw_errors
from training.evaluation.calibration import calibrate
from training.evaluation.figures import ComparedModels, Comparison, OriginSums, compare_models
from training.evaluation.forecast_errors import Errors
from training.evaluation.quality import weighted_errors


@pytest.fixture(scope="module")
def errors(snapshot: Snapshot) -> Errors:
    drawn = draw_errors(
        snapshot.hierarchy,
        np.random.default_rng(3),
        origins=8,
        first=snapshot.newest_origin - 8 * 7,
    )
    drawn.actual[2, :, 4] = np.nan  # a day that is not known
    return drawn


@pytest.fixture(scope="module")
def intervals(errors: Errors, snapshot: Snapshot) -> Intervals:
    return Intervals(calibrate(errors, snapshot.hierarchy), snapshot.hierarchy)


@pytest.fixture(scope="module")
def compared(errors: Errors, intervals: Intervals, snapshot: Snapshot) -> ComparedModels:
    other = replace(errors, forecast=errors.forecast * 1.1)
    return compare_models(
        OriginSums(errors, snapshot, intervals), OriginSums(other, snapshot, intervals)
    )


@pytest.mark.parametrize("level", ["total", "store", "family", "bottom"])
@pytest.mark.parametrize("name", ["wape", "rmsle", "bias"])
def test_points_are_as_measured(
    compared: ComparedModels, errors: Errors, snapshot: Snapshot, level: str, name: str
) -> None:
    rows = snapshot.hierarchy.slices[level]
    measure = getattr(metrics, name)
    of_level = compared.levels[level][name]
    forecast, actual = errors.forecast[:, rows], errors.actual[:, rows]
    assert of_level.champion == pytest.approx(measure(forecast, actual))
    assert of_level.challenger == pytest.approx(measure(forecast * 1.1, actual))
    near = buckets_of(snapshot.specification).of(errors.horizons) == 0
    of_days = compared.buckets[level]["1-7"][name]
    assert of_days.champion == pytest.approx(measure(forecast[:, :, near], actual[:, :, near]))


@pytest.mark.parametrize("level", ["total", "store", "family", "bottom"])
def test_weighted_errors_are_as_measured(
    compared: ComparedModels, errors: Errors, snapshot: Snapshot, level: str
) -> None:
    measured = weighted_errors(snapshot, errors)[level]
    assert compared.levels[level]["rmsse"].champion == pytest.approx(measured)


def test_coverage_is_as_measured(
    compared: ComparedModels, errors: Errors, intervals: Intervals, snapshot: Snapshot
) -> None:
    nodes = np.arange(len(snapshot.hierarchy))
    within = [
        metrics.within(*intervals.bounds(nodes, forecast, errors.horizons, 80, sold=sold), actual)
        for forecast, actual, sold in zip(errors.forecast, errors.actual, errors.sold, strict=True)
    ]
    rows = snapshot.hierarchy.slices["bottom"]
    measured = metrics.known_mean(np.stack(within)[:, rows])
    assert compared.levels["bottom"]["coverage_80"].champion == pytest.approx(measured)


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        pytest.param("wape", True, id="larger errors"),
        pytest.param("bias", True, id="further from no bias"),
    ],
)
def test_a_change_is_positive_if_the_challenger_is_worse(
    compared: ComparedModels, name: str, worse: bool
) -> None:
    change = compared.levels["total"][name]
    assert (change.change > 0) is worse
    assert bounds_agree(change)


def bounds_agree(change: Comparison) -> bool:
    """Return whether the joint bound is below that of the figure alone."""
    return change.least <= change.low <= change.change <= change.high


def test_equal_models_do_not_differ(errors: Errors, snapshot: Snapshot) -> None:
    sums = OriginSums(errors, snapshot, None)
    compared = compare_models(sums, sums)
    assert compared.together.change == 0
    for figures in compared.levels.values():
        assert {(each.low, each.high, each.least) for each in figures.values()} == {(0, 0, 0)}
