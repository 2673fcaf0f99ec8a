"""Sums of bottom series to the nodes above them, part by part.

A sum that is carried from one part into the next has the bits of one sum over all series, because
`Hierarchy.aggregate` adds the series of a node up one after the other, in their order:
((x1 + x2) + x3) + x4. Sums of the parts, added up at the end, would be (x1 + x2) + (x3 + x4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.data.series_part import Part
from features.data.snapshot import Snapshot
from features.data.specification import Covariate


class CarriedSums:
    """A covariate of the upper nodes, as `Snapshot.of_nodes` computes it, from one part at a time.

    Args:
        snapshot: states the nodes and which series are announced.
        days: columns of the values.
    """

    def __init__(self, snapshot: Snapshot, days: int) -> None:
        self._snapshot = snapshot
        self._upper = snapshot.hierarchy.n_upper
        self._started = np.zeros((self._upper, days))
        self._every = self._started if snapshot.begins is None else self._started.copy()

    def add(self, part: Part, values: NDArray[np.floating]) -> None:
        """Add the values of a part, shape (bottoms of the part, days).

        The parts must come in their order.
        """
        summing = self._snapshot.upper_summing[:, part.bottoms]
        above = np.unique(summing.indices)
        # an identity before the series: the sum so far is the first thing that is added
        carrying = sparse.hstack((sparse.eye_array(len(above)), summing.tocsr()[above]), "csr")
        carrying.sort_indices()
        begins = self._snapshot.begins
        if begins is not None:
            self._every[above] = carrying @ np.concatenate((self._every[above], values))
            values = np.where(begins[part.bottoms, None] > 0, 0, values)
        self._started[above] = carrying @ np.concatenate((self._started[above], values))

    def of_nodes(self, covariate: Covariate) -> NDArray[np.float64]:
        """Return the covariate of the upper nodes, shape (upper, days)."""
        all_new = self._snapshot.all_announced[: self._upper]
        sums = np.where(all_new[:, None], self._every, self._started)
        if covariate.kind.adds_up:
            return sums
        means: NDArray[np.float64] = sums / self._snapshot.bottoms_of_node[: self._upper, None]
        return means
