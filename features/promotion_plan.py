"""Promotions as they were planned, where the table has what was left of the plan.

A table of the past has no promotion on a day on which a store was closed. Taken for the plan, that
says the day was closed before it came, and a model learns from it that a store without promotions
sells nothing: asked what would sell without them, it answers next to nothing. So on a day without
any promotion in a store that usually has some, the plan is taken to be that of the same
weekday before. Only promotions are looked at, which are known in advance, and no sales.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DAYS, ALWAYS = 28, 20
"""A store that had promotions on so many of so many days usually has some, on that weekday too."""

LONGEST = 91
"""Days for which the plan of the last week with promotions goes on: as far as a forecast reaches,
so that none tells by its promotions that a store is about to close."""

_WEEKS_BEFORE = (0, 1, 2)


def days_of_plan(onpromotion: NDArray[np.float32], stores: NDArray[np.intp]) -> NDArray[np.intp]:
    """The day whose promotions stand for the plan of a day, for each store.

    Args:
        onpromotion: items on promotion, shape (bottoms, days); NaN where not known.
        stores: the store of each bottom series, 0 to n - 1, shape (bottoms,).

    Returns:
        Indices of days, shape (stores, days): a day itself, or one of whole weeks before.
    """
    count, days = int(stores.max(initial=-1)) + 1, onpromotion.shape[1]
    items, known = np.zeros((count, days)), np.zeros((count, days), dtype=np.bool_)
    np.add.at(items, stores, np.nan_to_num(onpromotion))
    np.logical_or.at(known, stores, ~np.isnan(onpromotion))
    active = items > 0
    axis = np.arange(days)
    last = np.maximum.accumulate(np.where(active, axis, -1), axis=1)
    gap = axis - last
    always = np.take_along_axis(_recent(active) >= ALWAYS, np.maximum(last, 0), axis=1)
    missing = known & ~active & always & (last >= 0) & (gap <= LONGEST)
    source = np.tile(axis, (count, 1))
    for weeks in _WEEKS_BEFORE:
        back = np.maximum(axis - 7 * (-(-gap // 7) + weeks), 0)
        taken = missing & np.take_along_axis(active, back, axis=1)
        source[taken] = back[taken]
        missing &= ~taken
    return source


def _recent(active: NDArray[np.bool_]) -> NDArray[np.intp]:
    """How many of the last days, each day included, were active; shape (stores, days)."""
    total = np.cumsum(active, axis=1)
    before = np.pad(total, ((0, 0), (DAYS, 0)))[:, : active.shape[1]]
    recent: NDArray[np.intp] = total - before
    return recent
