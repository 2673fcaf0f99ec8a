"""Evaluation of intervals: calibrated on some origins, scored on later ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from features.data.hierarchy import Hierarchy
from features.data.specification import TOTAL
from models import metrics
from models.bootstrap import draw_blocks
from models.buckets import Buckets, buckets_of
from models.intervals import Intervals
from training.evaluation.calibration import calibrate
from training.evaluation.forecast_errors import Errors

NOMINALS = (50, 80, 95)
_DRAWS = 1000

Values = NDArray[np.float64]
Bounds = dict[float, tuple[Values, Values]]


def interval_scores(
    calibration: Errors, evaluation: Errors, hierarchy: Hierarchy
) -> dict[str, Any]:
    """Compute coverage, width and WIS by level and bucket, and a normal approximation's WIS.

    The calibration uses the sales that were known at the first evaluated origin.
    """
    calibration = calibration.known_by(int(evaluation.origins.min()))
    ours = compute_bounds(Intervals(calibrate(calibration, hierarchy), hierarchy), evaluation)
    buckets = buckets_of(hierarchy.specification)
    normal = _normal_bounds(calibration, evaluation, buckets)
    bucket = buckets.of(evaluation.horizons)
    return {
        level: {
            name: _score_cell(
                _slice_bounds(ours, rows, bucket == number),
                _slice_bounds(normal, rows, bucket == number),
                evaluation.forecast[:, rows][:, :, bucket == number],
                evaluation.actual[:, rows][:, :, bucket == number],
                bootstrap=level == TOTAL,
            )
            for number, name in enumerate(buckets.names)
        }
        for level, rows in hierarchy.slices.items()
    }


def compute_bounds(intervals: Intervals, errors: Errors) -> Bounds:
    """Return the bounds of the forecasts at each of `NOMINALS`."""
    nodes = np.arange(errors.forecast.shape[1])
    result: Bounds = {}
    for nominal in NOMINALS:
        pairs = [
            intervals.bounds(nodes, forecast, errors.horizons, nominal, sold=sold)
            for forecast, sold in zip(errors.forecast, errors.sold, strict=True)
        ]
        result[nominal / 100] = (
            np.stack([low for low, _ in pairs]),
            np.stack([high for _, high in pairs]),
        )
    return result


def _normal_bounds(calibration: Errors, evaluation: Errors, buckets: Buckets) -> Bounds:
    """Return mean ± z times each node's root mean squared error by bucket, at least zero."""
    squares = (calibration.forecast - calibration.actual) ** 2
    known = ~np.isnan(squares)
    bucket = buckets.of(calibration.horizons)
    spread = np.empty((squares.shape[1], len(buckets)))
    for number in range(len(buckets)):
        days = bucket == number
        count = np.maximum(known[:, :, days].sum(axis=(0, 2)), 1)
        spread[:, number] = np.sqrt(np.nansum(squares[:, :, days], axis=(0, 2)) / count)
    spread = spread[:, buckets.of(evaluation.horizons)]
    result: Bounds = {}
    for nominal in NOMINALS:
        reach = norm.ppf(0.5 + nominal / 200) * spread
        result[nominal / 100] = (
            np.maximum(evaluation.forecast - reach, 0),
            evaluation.forecast + reach,
        )
    return result


def _slice_bounds(bounds: Bounds, rows: slice, days: NDArray[np.bool_]) -> Bounds:
    return {
        nominal: (lower[:, rows][:, :, days], upper[:, rows][:, :, days])
        for nominal, (lower, upper) in bounds.items()
    }


def _score_cell(
    ours: Bounds, normal: Bounds, forecast: Values, actual: Values, *, bootstrap: bool
) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "wis": metrics.known_mean(metrics.weighted_interval_score(forecast, ours, actual)),
        "wis_normal": metrics.known_mean(metrics.weighted_interval_score(forecast, normal, actual)),
    }
    for nominal, (lower, upper) in ours.items():
        within = metrics.within(lower, upper, actual)
        entry = {
            "coverage": metrics.known_mean(within),
            "width": float((upper - lower).mean()),
        }
        if bootstrap:
            by_origin = np.array([metrics.known_mean(origin) for origin in within])
            entry["coverage_low"], entry["coverage_high"] = _bootstrap_coverage(by_origin)
        cell[f"{nominal:.0%}"] = entry
    return cell


def _bootstrap_coverage(by_origin: Values) -> tuple[float, float]:
    """Return a 95 % block-bootstrap interval of a coverage."""
    chosen = draw_blocks(len(by_origin), _DRAWS)
    low, high = np.quantile(by_origin[chosen].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)
