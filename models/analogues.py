"""Analogues of series without sales: the established series that forecast them.

A store that will open, or an article that was listed, has no past to forecast from. What it will
sell is most like what the same article sells in similar stores, or what similar articles sell in
the same store, so its base forecast is the mean of theirs on the same days. Nothing is known of how
fast it gets there: the mean is that of established series, without a ramp-up.

Which series are similar is read from the columns of the series and their attributes. The first of
these groups that is not empty gives the analogues, and of it those with the most equal values:

1. series that differ by their site alone, such as the same article in other stores;
2. series of the same site, such as other articles of the store;
3. all series.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.data.hierarchy import Hierarchy

MOST = 200
"""Analogues of one series; where more are equally similar, so many, evenly spaced in their order.

The mean of more would hardly differ, and needs the square of the number of series in memory.
"""


class Analogues:
    """The analogues of some bottom series.

    Args:
        hierarchy: of all series.
        new: numbers of the series that are forecast by others, counted from the first bottom.
        established: whether a bottom series may be an analogue, shape (bottoms,).

    Attributes:
        new: as above.

    Invariants: no series is its own analogue.
    """

    def __init__(
        self, hierarchy: Hierarchy, new: NDArray[np.intp], established: NDArray[np.bool_]
    ) -> None:
        self.new = new
        rows = list(_find_analogues(hierarchy, new, established))
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.concatenate([np.empty(0, dtype=np.intp), *rows])
        self._members: sparse.csr_array = sparse.csr_array(
            (np.ones(len(columns)), columns, ends), shape=(len(new), len(established))
        )

    def of(self, number: int) -> NDArray[np.intp]:
        """Return the analogues of the series at a position of `new`, as numbers of bottoms."""
        begin, end = self._members.indptr[number : number + 2]
        return np.asarray(self._members.indices[begin:end], dtype=np.intp)

    def forecast(
        self, base: NDArray[np.float64], *, is_open: NDArray[np.bool_] | None = None
    ) -> NDArray[np.float64]:
        """Return the mean of the analogues' forecasts, shape (new, days).

        Args:
            base: forecasts of the bottom series in units, shape (bottoms, days).
            is_open: whether each counts on each day, shape (bottoms, days); all by default. A
                closed store says nothing about an open one.

        Returns:
            Units; NaN on days on which no analogue is open.
        """
        if is_open is None:
            is_open = np.ones(base.shape, dtype=np.bool_)
        count = self._members @ is_open.astype(np.float64)
        total = self._members @ np.where(is_open, base, 0)
        means = np.full(total.shape, np.nan)
        np.divide(total, count, out=means, where=count > 0)
        return means


def _find_analogues(
    hierarchy: Hierarchy, new: NDArray[np.intp], established: NDArray[np.bool_]
) -> Iterator[NDArray[np.intp]]:
    """Yield the analogues of each series, in ascending order."""
    specification = hierarchy.specification
    pooled, site = (
        hierarchy.group_of(*columns) for columns in (specification.pooled, (specification.site,))
    )
    values = [_encode(hierarchy, column) for column in specification.described]
    for row in new.tolist():
        others = established.copy()
        others[row] = False
        groups = (others & (pooled == pooled[row]), others & (site == site[row]), others)
        group = next((np.flatnonzero(each) for each in groups if each.any()), np.empty(0, np.intp))
        equal = np.zeros(len(group), dtype=np.intp)
        for column in values:
            equal += (column[group] == column[row]) & (column[row] >= 0)
        nearest = group[equal == equal.max(initial=0)]
        if len(nearest) > MOST:
            nearest = nearest[np.linspace(0, len(nearest) - 1, MOST).astype(np.intp)]
        yield nearest


def _encode(hierarchy: Hierarchy, column: str) -> NDArray[np.intp]:
    """Return the number of each bottom series' value of a column; -1 where it has none."""
    missing = np.array([not value for value in hierarchy.bottoms[column]])
    return np.where(missing, -1, hierarchy.group_of(column))
