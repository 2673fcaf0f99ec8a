"""The year before: a forecast against the same weekdays 52 weeks earlier, like for like.

A new store makes every sum above it larger than a year before, although no other sells more. So a
change is told apart by whether the series of a node had sold by then, as retailers do when they
compare the stores that were open in both years.

*Invariants*

- A series is *comparable* if it had sold by the first of the days a year before. One that has
  stopped since is comparable: the data do not say whether it is gone, or out of stock.
- The comparable and the new series of a node add up to it, on both sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot

Values = NDArray[np.float64]


@dataclass(frozen=True)
class YearBefore:
    """A forecast of all nodes, and what they sold 52 weeks before.

    Attributes:
        snapshot: the data.
        start: index of the first of the days a year before.
        prediction: units forecast on as many days, shape (nodes,).
        previous: units sold on the days before; NaN where a day is not known; shape (nodes,).
    """

    snapshot: Snapshot
    start: int
    prediction: Values
    previous: Values

    @cached_property
    def comparable(self) -> NDArray[np.bool_]:
        """Series that had sold by then, shape (bottoms,)."""
        first_sale = self.snapshot.first_sale[self.snapshot.hierarchy.n_upper :]
        return np.asarray(first_sale <= self.start)

    @cached_property
    def comparable_prediction(self) -> Values:
        """Forecast of the comparable series of each node, shape (nodes,)."""
        return self._sum_comparable(self.prediction)

    @cached_property
    def comparable_previous(self) -> Values:
        """Sales of the comparable series of each node, shape (nodes,)."""
        return self._sum_comparable(self.previous)

    def _sum_comparable(self, values: Values) -> Values:
        hierarchy = self.snapshot.hierarchy
        return hierarchy.aggregate(np.where(self.comparable, values[hierarchy.n_upper :], 0))

    def new_nodes(self, row: int) -> list[int]:
        """Return the nodes that make up the new series of a node, those forecast most first.

        A store of which no series had sold stands for all of its series.
        """
        hierarchy, snapshot = self.snapshot.hierarchy, self.snapshot
        # a row of the summing matrix names the series of a node
        below = np.zeros(hierarchy.n_bottom, dtype=np.bool_)
        below[hierarchy.summing[[row]].indices] = True
        outside = hierarchy.aggregate((~below).astype(np.float64)) > 0
        new = (snapshot.first_sale > self.start) & (self.prediction > 0) & ~outside
        top = topmost(hierarchy, np.flatnonzero(new).tolist())
        return sorted(top, key=lambda each: (-self.prediction[each], each))


def year_before(snapshot: Snapshot, prediction: Values, first: int) -> YearBefore | None:
    """Compare forecasts with the sales of the same weekdays 52 weeks before.

    Args:
        prediction: of all nodes, shape (nodes, steps); those after 52 weeks are left out.
        first: index of the first day of the forecast.

    Returns:
        None where no sales of that time are known: the data begin later, or end before.
    """
    year = snapshot.step.year
    steps = min(prediction.shape[1], year)
    start = first - year
    if start < 0 or start + steps > snapshot.n_days:
        return None
    return YearBefore(
        snapshot=snapshot,
        start=start,
        prediction=prediction[:, :steps].sum(axis=1),
        previous=snapshot.sales[:, start : start + steps].sum(axis=1),
    )


def topmost(hierarchy: Hierarchy, rows: Iterable[int]) -> list[int]:
    """Return nodes without those whose series all lie in a larger one of them.

    Of nodes with the same series the first is returned, which is that of the higher level.
    """
    # From the largest down: a node lies in a larger one if one of these contains all of its
    # series. They are looked up by series, as comparing all pairs takes too long for thousands.
    summing = hierarchy.summing
    series = {
        row: summing.indices[summing.indptr[row] : summing.indptr[row + 1]].tolist() for row in rows
    }
    result: list[int] = []
    containing: defaultdict[int, set[int]] = defaultdict(set)
    for row in sorted(series, key=lambda each: (-len(series[each]), each)):
        if set.intersection(*(containing[each] for each in series[row])):
            continue
        result.append(row)
        for each in series[row]:
            containing[each].add(row)
    return result
