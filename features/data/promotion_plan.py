"""Reconstruction of planned promotions on days on which a store was closed.

The tables record promotions that took place. On a day on which a store was closed there are none,
although some were planned. Used as a covariate known in advance, such a row reveals the closing,
and a model learns from it that a store without promotions sells nothing: a what-if without
promotions would then forecast next to nothing. Therefore, on a day without any promotion in a
store that usually has some, the plan is taken from the same weekday of an earlier week. Only
promotions are read, which are known in advance, and never sales.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

WINDOW_DAYS, MIN_ACTIVE_DAYS = 28, 20
"""A store with promotions on at least so many of the last days usually has some on any day."""

MAX_GAP_DAYS = 91
"""Longest gap that is filled, in days. Longer than a forecast reaches, so that the promotions of no
horizon reveal that a store is about to close."""

_WEEKS_BEFORE = (0, 1, 2)

PLAN_DAYS_BACK = MAX_GAP_DAYS + WINDOW_DAYS + 7 * len(_WEEKS_BEFORE)
"""Days before a day on which its plan may depend."""


def find_plan_days(onpromotion: NDArray[np.float32], stores: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each store and day the day whose promotions are taken as its plan.

    Args:
        onpromotion: items on promotion, shape (bottoms, days); NaN where not known.
        stores: the store of each bottom series, 0 to n - 1, shape (bottoms,).

    Returns:
        Indices of days, shape (stores, days): the day itself, or the same weekday of an earlier
        week.
    """
    # 1. A store is active on a day if any of its series has a promotion. `last` is its last active
    #    day up to each day and `gap` the days since; a cumulative maximum finds it without a loop.
    # 2. A day is missing if its promotions are known and all zero, the store was active on at
    #    least MIN_ACTIVE_DAYS of the WINDOW_DAYS that end at `last`, and the gap is not too long.
    #    The count is taken at `last` and not at the day, because a closing would itself reduce it.
    # 3. A missing day takes the plan of its own weekday: ceil(gap / 7) weeks back is the first
    #    same weekday on or before `last`, hence before the closing. If the store had no promotion
    #    on that day either, one and two weeks further back are tried; then the day stays as it is.
    # Only days up to `last` are copied, so the plan of a day never depends on later days.
    series, days = onpromotion.shape
    count = int(stores.max(initial=-1)) + 1
    # a product with it adds up the series of each store, thirty times as fast as `np.add.at`
    members = sparse.csr_array((np.ones(series), (stores, np.arange(series))), (count, series))
    absent = np.isnan(onpromotion)
    known = members @ ~absent > 0
    active = members @ np.where(absent, 0.0, onpromotion) > 0
    axis = np.arange(days)
    last = np.maximum.accumulate(np.where(active, axis, -1), axis=1)
    gap = axis - last
    usually_active = np.take_along_axis(
        _count_recent(active) >= MIN_ACTIVE_DAYS, np.maximum(last, 0), axis=1
    )
    missing = known & ~active & usually_active & (last >= 0) & (gap <= MAX_GAP_DAYS)
    source = np.tile(axis, (count, 1))
    for weeks in _WEEKS_BEFORE:
        back = np.maximum(axis - 7 * (-(-gap // 7) + weeks), 0)
        replaced = missing & np.take_along_axis(active, back, axis=1)
        source[replaced] = back[replaced]
        missing &= ~replaced
    return source


def _count_recent(active: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Count the active days in the window that ends at each day; shape (stores, days)."""
    total = np.cumsum(active, axis=1)
    before = np.pad(total, ((0, 0), (WINDOW_DAYS, 0)))[:, : active.shape[1]]
    recent: NDArray[np.intp] = total - before
    return recent
