"""Coverage is evaluated on days that the calibration has not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA, TOTAL
from models.buckets import buckets_of
from models.metrics import weighted_interval_score
from training.evaluation.coverage import interval_scores
from training.evaluation.forecast_errors import Errors

HORIZONS = np.array([1, 3, 7, 10, 16, 20, 30, 45, 60, 75, 89])
EARLIER, LATER = 20, 12
FIRST_LATER = 7 * (EARLIER - 1) + int(HORIZONS.max())
"""The earliest origin by which all targets of the calibration are known."""


@pytest.fixture(scope="module")
def hierarchy(snapshot: Snapshot) -> Hierarchy:
    return snapshot.hierarchy


def errors_of(hierarchy: Hierarchy, seed: int, *, first: int, origins: int) -> Errors:
    draw = np.random.default_rng(seed)
    shape = (origins, hierarchy.n_bottom, len(HORIZONS))
    forecast = draw.gamma(5, 20, shape)
    actual = np.expm1(np.maximum(np.log1p(forecast) + 0.3 * draw.standard_normal(shape), 0))
    return Errors(
        origins=first + 7 * np.arange(origins),
        horizons=HORIZONS,
        forecast=np.stack([hierarchy.aggregate(values) for values in forecast]),
        actual=np.stack([hierarchy.aggregate(values) for values in actual]),
        sold=np.ones((origins, len(hierarchy)), dtype=bool),
        ordinary=np.ones((origins, len(HORIZONS)), dtype=bool),
    )


@pytest.fixture(scope="module")
def earlier(hierarchy: Hierarchy) -> Errors:
    return errors_of(hierarchy, 1, first=0, origins=EARLIER)


@pytest.fixture(scope="module")
def later(hierarchy: Hierarchy) -> Errors:
    return errors_of(hierarchy, 2, first=FIRST_LATER, origins=LATER)


@pytest.fixture(scope="module")
def scores(earlier: Errors, later: Errors, hierarchy: Hierarchy) -> dict[str, Any]:
    return interval_scores(earlier, later, hierarchy)


def test_a_calibration_does_not_know_days_of_the_evaluation(
    earlier: Errors, later: Errors, hierarchy: Hierarchy
) -> None:
    """A forecast knows the sales up to its origin, and no later ones."""
    late = replace(earlier, origins=earlier.origins + int(HORIZONS.max()))
    days = late.origins[:, None] + late.horizons
    wrong = np.where((days > FIRST_LATER)[:, None, :], 1e9, late.actual)
    scores = interval_scores(late, later, hierarchy)
    assert interval_scores(replace(late, actual=wrong), later, hierarchy) == scores


def test_every_level_and_bucket_is_evaluated(scores: dict[str, Any], hierarchy: Hierarchy) -> None:
    buckets = [f"{first}-{last}" for first, last in buckets_of(FAVORITA).spans]
    assert list(scores) == list(hierarchy.levels)
    assert all(list(cells) == buckets for cells in scores.values())
    for cells in scores.values():
        for cell in cells.values():
            assert cell["50%"]["width"] < cell["80%"]["width"] < cell["95%"]["width"]
            assert cell["50%"]["coverage"] <= cell["80%"]["coverage"] <= cell["95%"]["coverage"]


def test_coverage_is_about_the_nominal(scores: dict[str, Any]) -> None:
    for cell in scores["bottom"].values():
        for nominal in (50, 80, 95):
            assert cell[f"{nominal}%"]["coverage"] == pytest.approx(nominal / 100, abs=0.05)


def test_only_the_total_has_a_bootstrap_interval(scores: dict[str, Any]) -> None:
    """At other levels the spread over nodes shows the uncertainty."""
    for level, cells in scores.items():
        for cell in cells.values():
            for nominal in ("50%", "80%", "95%"):
                assert ("coverage_low" in cell[nominal]) == (level == TOTAL)


def test_the_bootstrap_interval_contains_the_coverage(scores: dict[str, Any]) -> None:
    for cell in scores[TOTAL].values():
        for nominal in ("50%", "80%", "95%"):
            entry = cell[nominal]
            assert 0 <= entry["coverage_low"] <= entry["coverage"] <= entry["coverage_high"] <= 1


def test_constant_coverage_has_no_uncertainty(
    earlier: Errors, later: Errors, hierarchy: Hierarchy
) -> None:
    perfect = replace(later, actual=later.forecast)
    for cell in interval_scores(earlier, perfect, hierarchy)[TOTAL].values():
        assert cell["50%"]["coverage_low"] == cell["50%"]["coverage_high"] == 1


def test_neighbouring_origins_are_drawn_together(
    earlier: Errors, later: Errors, hierarchy: Hierarchy
) -> None:
    """They share days: one covered half is weaker evidence than alternating coverage."""

    def reach(covered: list[bool]) -> float:
        far = np.where(np.array(covered)[:, None, None], later.forecast, 1e9)
        cell = interval_scores(earlier, replace(later, actual=far), hierarchy)[TOTAL]["1-7"]
        assert cell["80%"]["coverage"] == 0.5
        return float(cell["80%"]["coverage_high"] - cell["80%"]["coverage_low"])

    assert reach([True] * 6 + [False] * 6) > 2 * reach([True, False] * 6)


def test_the_same_errors_give_the_same_scores(
    scores: dict[str, Any], earlier: Errors, later: Errors, hierarchy: Hierarchy
) -> None:
    assert interval_scores(earlier, later, hierarchy) == scores


def test_the_normal_approximation_is_the_mean_and_its_squared_errors(
    scores: dict[str, Any], earlier: Errors, later: Errors
) -> None:
    near = HORIZONS <= 7
    spread = np.sqrt(((earlier.forecast - earlier.actual)[:, 0][:, near] ** 2).mean())
    mean, actual = later.forecast[:, 0][:, near], later.actual[:, 0][:, near]
    bounds = {}
    for nominal in (0.5, 0.8, 0.95):
        reach = norm.ppf((1 + nominal) / 2) * spread
        bounds[nominal] = (np.maximum(mean - reach, 0), mean + reach)
    expected = weighted_interval_score(mean, bounds, actual).mean()
    assert scores[TOTAL]["1-7"]["wis_normal"] == pytest.approx(expected)
