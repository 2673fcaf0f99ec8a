"""Calibrated intervals: nominal coverage and valid bounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, FAVORITA, TOTAL
from models.buckets import buckets_of
from models.intervals import Calibration, Intervals
from tests.support.forecast_errors import draw_errors
from training.evaluation.calibration import calibrate
from training.evaluation.coverage import NOMINALS
from training.evaluation.forecast_errors import (
    KNOTS,
    Errors,
)


@pytest.fixture(scope="module")
def hierarchy(snapshot: Snapshot) -> Hierarchy:
    return snapshot.hierarchy


def sold(nodes: np.ndarray) -> np.ndarray:
    """Return True for every node: all have sold by the origin."""
    return np.ones(len(nodes), dtype=bool)


@pytest.fixture(scope="module")
def errors(hierarchy: Hierarchy) -> Errors:
    return draw_errors(hierarchy, np.random.default_rng(1), origins=60)


@pytest.fixture(scope="module")
def calibration(errors: Errors, hierarchy: Hierarchy) -> Calibration:
    return calibrate(errors, hierarchy)


@pytest.fixture(scope="module")
def intervals(calibration: Calibration, hierarchy: Hierarchy) -> Intervals:
    return Intervals(calibration, hierarchy)


@pytest.mark.parametrize("nominal", NOMINALS)
def test_coverage_on_other_days_is_near_the_nominal(
    intervals: Intervals, hierarchy: Hierarchy, nominal: int
) -> None:
    other = draw_errors(hierarchy, np.random.default_rng(2), origins=60)
    nodes = np.arange(len(hierarchy))
    within = []
    for forecast, actual in zip(other.forecast, other.actual, strict=True):
        lower, upper = intervals.bounds(nodes, forecast, KNOTS, nominal, sold=sold(nodes))
        within.append((lower <= actual) & (actual <= upper))
    covered = np.stack(within)
    for level, rows in hierarchy.slices.items():
        # these errors are independent of each other: levels of few nodes are wide as a precaution
        near = 0.03 if level == BOTTOM else 0.06
        above = {BOTTOM: 0.03, TOTAL: 0.2}.get(level, 0.06)
        assert -near < covered[:, rows].mean() - nominal / 100 < above, level
        for number in range(len(buckets_of(FAVORITA))):
            bucket = covered[:, rows][:, :, buckets_of(FAVORITA).of(KNOTS) == number]
            assert -2 * near < bucket.mean() - nominal / 100 < 2 * above, (level, number)


def test_a_noisier_series_has_a_wider_interval(intervals: Intervals, hierarchy: Hierarchy) -> None:
    nodes = np.array([hierarchy.n_upper + 3, len(hierarchy) - 4])
    lower, upper = intervals.bounds(
        nodes, np.full((2, 1), 50.0), np.array([10]), 80, sold=sold(nodes)
    )
    calm, noisy = (upper - lower)[:, 0]
    assert noisy > 2 * calm


def scale_errors(errors: Errors, factor: np.ndarray, hierarchy: Hierarchy) -> Errors:
    """Return errors with a factor for each origin and bottom series, shape (origins, bottoms)."""
    bottoms = slice(hierarchy.n_upper, None)
    forecast, actual = errors.forecast[:, bottoms], errors.actual[:, bottoms]
    scaled = forecast + factor[:, :, None] * (actual - forecast)
    return replace(errors, actual=np.stack([hierarchy.aggregate(each) for each in scaled]))


def mean_width(errors: Errors, hierarchy: Hierarchy, node: int = -1) -> float:
    intervals = Intervals(calibrate(errors, hierarchy), hierarchy)
    nodes = np.array([node % len(hierarchy)])
    mean = errors.forecast[-1][nodes]
    lower, upper = intervals.bounds(nodes, mean, KNOTS, 80, sold=sold(nodes))
    return float((upper - lower).mean())


def test_newer_errors_weigh_more(errors: Errors, hierarchy: Hierarchy) -> None:
    count, bottoms = len(errors.origins), hierarchy.n_bottom
    half = np.repeat([0.5, 1.0], count // 2)[:, None] * np.ones(bottoms)
    growing = mean_width(scale_errors(errors, half, hierarchy), hierarchy)
    falling = mean_width(scale_errors(errors, half[::-1], hierarchy), hierarchy)
    assert growing > 1.5 * falling


def test_a_level_of_few_origins_has_wider_intervals(errors: Errors, hierarchy: Hierarchy) -> None:
    few = errors.select(errors.origins >= errors.origins[-6])
    assert mean_width(few, hierarchy, node=0) > 1.2 * mean_width(errors, hierarchy, node=0)


def test_the_scale_of_a_series_without_errors_is_that_of_series_of_its_size(
    errors: Errors, hierarchy: Hierarchy
) -> None:
    """Sizes grow with the row; a few large and noisy series say nothing about small ones."""
    upper = hierarchy.n_upper
    unknown = errors.actual.copy()
    unknown[:, upper] = unknown[:, -1] = np.nan
    scale = calibrate(replace(errors, actual=unknown), hierarchy).scale
    assert scale[upper, 0] == pytest.approx(scale[upper + 1, 0], rel=0.5)
    assert scale[-1, 0] == pytest.approx(scale[-2, 0], rel=0.5)
    assert scale[-1, 0] > 5 * scale[upper, 0]


def test_days_before_the_first_sale_are_not_calibrated_on(
    errors: Errors, calibration: Calibration, hierarchy: Hierarchy
) -> None:
    """A product that is not yet sold says nothing about forecast errors."""
    node = len(hierarchy) - 1
    actual, sold = errors.actual.copy(), errors.sold.copy()
    sold[:30, node] = False
    actual[:30, node] = 1e6
    learnt = calibrate(replace(errors, actual=actual, sold=sold), hierarchy)
    np.testing.assert_allclose(learnt.scale[node], calibration.scale[node], rtol=0.2)


def test_days_of_a_long_event_are_not_calibrated_on(
    errors: Errors, calibration: Calibration, hierarchy: Hierarchy
) -> None:
    """Such events cannot be predicted, so they must not widen the intervals."""
    actual, ordinary = errors.actual.copy(), errors.ordinary.copy()
    actual[20:30, :, 5:9] *= 50
    ordinary[20:30, 5:9] = False
    learnt = calibrate(replace(errors, actual=actual, ordinary=ordinary), hierarchy)
    np.testing.assert_allclose(learnt.scale, calibration.scale, rtol=0.2)


def test_a_series_that_never_sold_has_the_interval_of_such_series(
    errors: Errors, hierarchy: Hierarchy
) -> None:
    """Of ten series without sales, one began to sell."""
    nodes = np.arange(len(hierarchy) - 10, len(hierarchy))
    had_sold, actual = errors.sold.copy(), errors.actual.copy()
    had_sold[:, nodes] = False
    actual[:, nodes] = 0
    actual[:, nodes[0]] = 7
    learnt = Intervals(
        calibrate(replace(errors, sold=had_sold, actual=actual), hierarchy), hierarchy
    )
    call = (nodes, np.zeros((10, len(KNOTS))), KNOTS)
    for nominal, highest in ((50, 0), (99, 7)):
        lower, upper = learnt.bounds(*call, nominal, sold=np.zeros(10, dtype=bool))
        assert (lower == 0).all()
        np.testing.assert_allclose(upper, highest, rtol=1e-12)


def test_an_uncalibrated_series_uses_the_scale_of_its_level(
    calibration: Calibration, hierarchy: Hierarchy
) -> None:
    without = replace(calibration, nodes=calibration.nodes[:-1], scale=calibration.scale[:-1])
    last = hierarchy.nodes[-1].id
    as_level = calibration.levels[BOTTOM].scale
    known = replace(calibration, scale=np.vstack((calibration.scale[:-1], as_level)))
    assert known.nodes[-1] == last
    call = (np.array([len(hierarchy) - 1]), np.full((1, len(KNOTS)), 30.0), KNOTS, 80)
    np.testing.assert_array_equal(
        Intervals(without, hierarchy).bounds(*call, sold=sold(call[0])),
        Intervals(known, hierarchy).bounds(*call, sold=sold(call[0])),
    )


def test_forecasts_without_any_error_still_have_a_scale(hierarchy: Hierarchy) -> None:
    """Equal forecasts, which leave size groups empty, work too."""
    same = np.ones((12, len(hierarchy), len(KNOTS)))
    nodes = np.arange(len(hierarchy))
    every = np.ones(same.shape[:2], dtype=bool)
    perfect = Errors(7 * np.arange(12), KNOTS, same, same, every, every[:, : len(KNOTS)])
    learnt = calibrate(perfect, hierarchy)
    assert (learnt.scale > 0).all()
    lower, upper = Intervals(learnt, hierarchy).bounds(nodes, same[0], KNOTS, 95, sold=sold(nodes))
    np.testing.assert_allclose(lower, 1)
    np.testing.assert_allclose(upper, 1)


def test_a_calibration_survives_writing_and_reading(
    calibration: Calibration, hierarchy: Hierarchy, tmp_path: Path
) -> None:
    calibration.save(tmp_path / "intervals.npz")
    loaded = Calibration.load(tmp_path / "intervals.npz", hierarchy.levels)
    assert loaded.nodes == calibration.nodes
    np.testing.assert_array_equal(loaded.scale, calibration.scale)
    for level, learnt in calibration.levels.items():
        np.testing.assert_array_equal(loaded.levels[level].quantiles, learnt.quantiles)
        np.testing.assert_array_equal(loaded.levels[level].sizes, learnt.sizes)
        np.testing.assert_array_equal(loaded.levels[level].unsold, learnt.unsold)
    assert len(learnt.quantiles) == len(buckets_of(FAVORITA))
    assert calibration.levels[TOTAL].sizes.shape == (1,)


# --- bounds -----------------------------------------------------------------------------------

horizons = st.lists(st.integers(1, 90), min_size=3, max_size=3).map(np.array)
means = arrays(np.float64, (5, 3), elements=st.floats(0, 1e7))
nominals = st.integers(50, 99)


@settings(max_examples=60, deadline=None)
@given(mean=means, at=horizons, nominal=nominals, seed=st.integers(0, 99))
def test_bounds_are_never_negative_and_never_cross(
    intervals: Intervals,
    hierarchy: Hierarchy,
    mean: np.ndarray,
    at: np.ndarray,
    nominal: int,
    seed: int,
) -> None:
    nodes = np.random.default_rng(seed).choice(len(hierarchy), 5, replace=False)
    lower, upper = intervals.bounds(nodes, mean, at, nominal, sold=sold(nodes))
    assert (lower >= 0).all()
    assert (lower <= mean).all()
    assert (mean <= upper).all()
    assert np.isfinite(upper).all()


@settings(max_examples=60, deadline=None)
@given(mean=means, at=horizons, two=st.tuples(nominals, nominals).map(sorted))
def test_a_wider_nominal_holds_a_narrower_one(
    intervals: Intervals, mean: np.ndarray, at: np.ndarray, two: list[int]
) -> None:
    nodes = np.array([0, 2, 8, 20, 40])
    (inner_low, inner_high), (low, high) = (
        intervals.bounds(nodes, mean, at, nominal, sold=sold(nodes)) for nominal in two
    )
    slack = 1e-9 * (1 + mean)
    assert (low <= inner_low + slack).all()
    assert (inner_high <= high + slack).all()


def test_missing_values_are_not_calibrated_on(errors: Errors, hierarchy: Hierarchy) -> None:
    """The other values stay known."""
    later = errors.between(int(errors.origins[20]), int(errors.origins[-1]))
    actual = errors.actual.copy()
    actual[:20] = np.nan
    partly = calibrate(replace(errors, actual=actual), hierarchy)
    expected = calibrate(later, hierarchy)
    np.testing.assert_allclose(partly.scale, expected.scale)
    for level, of_level in expected.levels.items():
        np.testing.assert_allclose(partly.levels[level].quantiles, of_level.quantiles)
