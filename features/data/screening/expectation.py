"""Expected sales of a day, and how far a series usually is from them, by robust statistics.

The expectation of a day is the median of log(1 + units) over the same weekday of the weeks before
it: a faulty value among them moves it little, and a season that comes slowly moves it along.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

REFERENCE_WEEKS = 8
MIN_REFERENCES = 4
"""Weeks before a day that say what is expected of it, and how many of them must be known."""

LEAST_DEVIATION = 0.15
"""Least robust deviation of a series in logarithms, apart from the chance of small counts."""

MIN_PEERS = 3
"""Least members of a group whose median says what all of them have in common."""

_MAD_TO_DEVIATION = 1.4826


def median_known(values: Floats, axis: int) -> Floats:
    """Return the median of the values that are not NaN; NaN where there is none."""
    ordered = np.sort(values, axis=axis)  # NaN is sorted last
    count = (~np.isnan(ordered)).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, ordered.shape[axis] - 1), axis=axis)
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan)).squeeze(axis=axis)


def expected_logs(logs: Floats, days: slice, *, week: int) -> Floats:
    """Return the expectation of some days, shape (n, days); NaN where too little is known.

    Args:
        logs: log(1 + units), shape (n, window); NaN where not known.
        days: of the window.

    Invariants: it depends only on days before its own.
    """
    at = np.arange(days.start, days.stop)
    before = at - week * np.arange(1, REFERENCE_WEEKS + 1)[:, None]
    # the weeks on the last axis, where sorting is fastest
    lagged = logs[:, np.maximum(before, 0).T]
    lagged = np.where(before.T >= 0, lagged, np.nan)
    enough = (~np.isnan(lagged)).sum(axis=-1) >= MIN_REFERENCES
    return np.where(enough, median_known(lagged, axis=-1), np.nan)


def deviations(residuals: Floats, expected: Floats, first_new: int) -> Floats:
    """Return the robust deviation of each day's residual, shape (n, days).

    It is that of the days before the new ones, or more where counts are so small that chance
    alone makes more.
    """
    past = residuals[:, :first_new]
    center = median_known(past, axis=1)
    spread = _MAD_TO_DEVIATION * median_known(np.abs(past - center[:, None]), axis=1)
    floor = np.fmax(spread, LEAST_DEVIATION)[:, None]
    units = np.expm1(np.maximum(expected, 0))
    chance = units / np.square(1 + units)  # variance of log(1 + x), x Poisson of this mean
    return np.asarray(np.sqrt(np.square(floor) + chance))


def common_to_group(residuals: Floats, group: NDArray[np.intp]) -> Floats:
    """Return what the members of each group have in common: the median of their residuals.

    Returns:
        Shape (n, days): of the group of each member; 0 where fewer than `MIN_PEERS` are known.
    """
    result = np.zeros_like(residuals)
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        values = residuals[members]
        enough = (~np.isnan(values)).sum(axis=0) >= MIN_PEERS
        if enough.any():
            result[members] = np.where(enough, median_known(values, axis=0), 0)
    return result
