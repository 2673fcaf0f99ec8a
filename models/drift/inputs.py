"""Tests of the sales and covariates that a snapshot holds, as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

SILENT_DAYS = 14
"""Least days without sales of a series that sold before."""
SILENT_SITE_DAYS = 5
"""Least days on which a whole site sells nothing."""
_RUN_FACTOR = 1.5
_PROBABILITY = 1e-6
_RECENT_DAYS = 365
_SELLING_DAYS = 56
_LEAST_SELLING = 5


def longest_run(flags: Flags) -> NDArray[np.intp]:
    """Return the longest run of true values of each row, shape (n,), of (n, days)."""
    run = np.zeros(len(flags), dtype=np.intp)
    most = np.zeros(len(flags), dtype=np.intp)
    for column in flags.T:
        run = np.where(column, run + 1, 0)
        most = np.maximum(most, run)
    return most


def find_silent(sales: Values, open_days: Flags, *, least: int = SILENT_DAYS) -> Values:
    """Return the days of silence of each series over those that would be unusual; 0 if none.

    Only days count on which the series could have sold. A run without sales is unusual if it is
    half as long again as any before in the last year, and so long that a series that sells on as
    few days would have one in a million.

    Args:
        sales: units, shape (series, days); NaN where not known.
        open_days: whether a series could sell, of the same shape.
        least: days that are unusual at least.
    """
    ratios = np.zeros(len(sales))
    recent = slice(max(sales.shape[1] - _RECENT_DAYS, 0), None)
    counted = open_days[:, recent] & ~np.isnan(sales[:, recent])
    sold = np.nan_to_num(sales[:, recent]) > 0
    for row, (usable, positive) in enumerate(zip(counted, sold, strict=True)):
        days = positive[usable]
        if not days.any():
            continue
        run = len(days) - 1 - int(np.flatnonzero(days)[-1])
        before = days[: len(days) - run]
        if run < least or before[-_SELLING_DAYS:].sum() < _LEAST_SELLING:
            continue
        idle = (1 + (~before).sum()) / (2 + len(before))
        likely = np.log(_PROBABILITY) / np.log(idle)
        longest = longest_run(~before[None])[0]
        ratios[row] = run / max(least, _RUN_FACTOR * longest, likely)
    return ratios


def sum_groups(values: Values, group: NDArray[np.intp]) -> Values:
    """Return the sums of the rows of each group, NaN counting as 0; shape (groups, days)."""
    sums = np.zeros((int(group.max()) + 1, values.shape[1]))
    np.add.at(sums, group, np.nan_to_num(values))
    return sums


def mark_open(sales: Values, group: NDArray[np.intp]) -> Flags:
    """Return on which days the site of each series sold anything, shape (series, days)."""
    return np.asarray(sum_groups(sales, group)[group] > 0)


def mark_trading(sites: Values) -> Flags:
    """Return on which days some other site than each one sold, shape (sites, days)."""
    sells = sites > 0
    return np.asarray(sells.sum(axis=0) - sells > 0) if len(sells) > 1 else np.ones_like(sells)


def share_in_use(values: NDArray[np.floating]) -> float:
    """Return the share of known values that are not 0; NaN if none is known."""
    known = ~np.isnan(values)
    return float((values[known] != 0).mean()) if known.any() else float("nan")


def window_shares(values: NDArray[np.floating], days: int) -> Values:
    """Return the share of known values that are not 0 in each window of days; (windows,)."""
    known = ~np.isnan(values)
    used, counted = ((values != 0) & known).sum(axis=0), known.sum(axis=0)
    used, counted = (np.concatenate(([0], np.cumsum(each))) for each in (used, counted))
    with np.errstate(all="ignore"):
        return np.asarray((used[days:] - used[:-days]) / (counted[days:] - counted[:-days]))
