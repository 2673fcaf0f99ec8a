"""Accuracy measures of forecasts, on arrays of shape (nodes, days).

Points: RMSLE, RMSSE and WRMSSE (Makridakis, Spiliotis and Assimakopoulos, "The M5 accuracy
competition", IJF 2022), WAPE and bias. Intervals: coverage, width, and the weighted interval
score (Bracher, Ray, Gneiting and Reich, PLOS Computational Biology 2021), which for many
quantiles approaches twice the CRPS. Smaller is better for all but coverage, which should equal
the nominal share, and bias, which should be 0.

An actual that is NaN is not known, and is excluded from every measure.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy

Values = NDArray[np.float64]

WEIGHT_DAYS = 28
"""Days before the origin whose units weight a series in WRMSSE."""


def rmsle(forecast: Values, actual: Values) -> float:
    """Return the root of the mean squared difference of log1p, over all values."""
    return float(np.sqrt(known_mean((np.log1p(forecast) - np.log1p(actual)) ** 2)))


def wape(forecast: Values, actual: Values) -> float:
    """Return the sum of absolute errors over the units sold; NaN if none were sold."""
    sold = np.nansum(actual)
    return float(np.nansum(np.abs(forecast - actual)) / sold) if sold else float("nan")


def bias(forecast: Values, actual: Values) -> float:
    """Return the sum of errors over the units sold, positive if too high; NaN without sales."""
    sold = np.nansum(actual)
    return float(np.nansum(forecast - actual) / sold) if sold else float("nan")


def m5_scale(sales: Values) -> Values:
    """Return the mean squared one-day difference since the first sale; shape (nodes,).

    Args:
        sales: units up to the origin, shape (nodes, days).

    Returns:
        NaN for a series that has not changed since its first sale, or has none: it has no scale
        and is excluded.
    """
    started = np.cumsum(sales, axis=1) > 0
    steps = np.diff(sales, axis=1)
    counted = started[:, :-1]
    n = counted.sum(axis=1)
    total = np.where(counted, steps**2, 0).sum(axis=1)
    scale: Values = np.divide(
        total, n, out=np.full(len(sales), np.nan), where=(n > 0) & (total > 0)
    )
    return scale


def rmsse(forecast: Values, actual: Values, scale: Values) -> Values:
    """Return the root of each node's mean squared error over its scale; shape (nodes,).

    NaN for a node of which no day is known.
    """
    squares = (forecast - actual) ** 2
    known = ~np.isnan(squares)
    if known.all():
        mean = np.mean(squares, axis=1)
    else:
        days = known.sum(axis=1)
        mean = np.where(days > 0, np.nansum(squares, axis=1) / np.maximum(days, 1), np.nan)
    root: Values = np.sqrt(mean / scale)
    return root


def weighted_rmsse(
    forecast: Values, actual: Values, history: Values, hierarchy: Hierarchy
) -> dict[str, float]:
    """Return the RMSSE of each level, nodes weighted by their units of the last 28 days.

    Args:
        history: units up to the origin, shape (nodes, days).
    """
    errors = rmsse(forecast, actual, m5_scale(history))
    weights = history[:, -hierarchy.specification.step.steps_in(WEIGHT_DAYS) :].sum(axis=1)
    return {
        level: _weighted_mean(errors[rows], weights[rows])
        for level, rows in hierarchy.slices.items()
    }


def wrmsse(by_level: Mapping[str, float]) -> float:
    """Return the mean over the levels of their weighted RMSSE."""
    return float(np.mean(list(by_level.values())))


def coverage(lower: Values, upper: Values, actual: Values) -> float:
    """Return the share of the values within their intervals, bounds included."""
    return known_mean(within(lower, upper, actual))


def within(lower: Values, upper: Values, actual: Values) -> Values:
    """Return 1 where an actual lies within its interval, 0 where not, NaN where unknown."""
    inside = (lower <= actual) & (actual <= upper)
    return np.where(np.isnan(actual), np.nan, inside)


def interval_score(lower: Values, upper: Values, actual: Values, nominal: float) -> Values:
    """Return width plus 2/α for every unit outside the interval, α = 1 - nominal; per value."""
    miss = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    score: Values = (upper - lower) + 2 / (1 - nominal) * miss
    return score


def weighted_interval_score(
    median: Values, intervals: Mapping[float, tuple[Values, Values]], actual: Values
) -> Values:
    """Return the WIS per value.

    Args:
        median: the point forecast.
        intervals: lower and upper by nominal share, such as 0.8.
    """
    total = 0.5 * np.abs(actual - median)
    for nominal, (lower, upper) in intervals.items():
        total = total + (1 - nominal) / 2 * interval_score(lower, upper, actual, nominal)
    score: Values = total / (len(intervals) + 0.5)
    return score


def known_mean(values: Values) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none."""
    known = ~np.isnan(values)
    if known.all():
        return float(np.mean(values)) if values.size else float("nan")
    return float(np.nanmean(values)) if known.any() else float("nan")


def _weighted_mean(values: Values, weights: Values) -> float:
    counted = np.isfinite(values) & (weights > 0)
    if not counted.any():  # a level without recent sales has no figure
        return float("nan")
    return float(np.average(values[counted], weights=weights[counted]))
