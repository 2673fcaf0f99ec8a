"""Makes base forecasts coherent, and keeps them non-negative.

With base forecasts a of the upper nodes and b of the bottom series, the aggregation A, and
variances W of their errors, the coherent bottoms are

    b + W_b Aᵀ (W_a + A W_b Aᵀ)⁻¹ (a - A b)

which is the minimum-trace projection for a diagonal W (Wickramasuriya, Athanasopoulos and
Hyndman, JASA 2019) in its zero-constrained form: one Cholesky factor as large as the number of
upper nodes, instead of a matrix of all nodes. An upper node without a variance (infinite) gets no
weight; if no upper node has one, the result is bottom-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.data.hierarchy import Hierarchy

Forecasts = NDArray[np.float64]


@dataclass(frozen=True)
class Coherent:
    """Coherent forecasts.

    Attributes:
        values: units, shape (nodes, dates); every node is the sum of its bottoms, none negative.
        clipped: how many bottom values were negative before they were set to zero.
    """

    values: Forecasts
    clipped: int


class Reconciliation:
    """The projection of one hierarchy under given variances.

    Args:
        variances: of the base forecasts' errors by node id. A bottom series without one is not
            moved; an upper node without one gets no weight and needs no base forecast.
    """

    def __init__(self, hierarchy: Hierarchy, variances: Mapping[str, float]) -> None:
        self.hierarchy = hierarchy
        upper = hierarchy.n_upper
        ids = [node.id for node in (hierarchy.nodes if variances else ())]
        self.weighted_upper = np.array(
            [row for row, node in enumerate(ids[:upper]) if node in variances], dtype=np.intp
        )
        # All that does not depend on forecasts is computed here, once for a release: the gain
        # W_b Aᵀ (sparse) and a Cholesky factor of W_a + A W_b Aᵀ, which is dense but only as large
        # as the number of weighted upper nodes. A forecast then costs two sparse products and a
        # triangular solve. The matrix is positive definite because variances of upper nodes are
        # positive; a zero among them could make the factorisation fail.
        if len(self.weighted_upper):
            from scipy.linalg import cho_factor  # bottom-up, the usual way, does not load it

            summing: sparse.csr_array = hierarchy.summing[self.weighted_upper]
            spread = np.array([variances.get(node, 0.0) for node in ids[upper:]])
            moved = summing.multiply(spread).tocsr()  # A W_b
            own = np.diag([variances[ids[row]] for row in self.weighted_upper])
            self._summing = summing
            self._gain = moved.T.tocsr()
            self._factor = cho_factor(own + (moved @ summing.T).toarray())

    @property
    def modelled_nodes(self) -> NDArray[np.intp]:
        """Rows of the nodes whose base forecasts `reconcile` reads."""
        return np.concatenate(
            (self.weighted_upper, np.arange(self.hierarchy.n_upper, len(self.hierarchy)))
        )

    def reconcile(self, base: Forecasts) -> Coherent:
        """Make base forecasts coherent.

        Args:
            base: units, shape (nodes, dates); only rows of `modelled_nodes` are read.
        """
        bottoms = base[self.hierarchy.n_upper :]
        if len(self.weighted_upper):
            from scipy.linalg import cho_solve

            gap = base[self.weighted_upper] - self._summing @ bottoms
            bottoms = bottoms + self._gain @ cho_solve(self._factor, gap)
        non_negative, clipped = _clip_negative(bottoms)
        return Coherent(values=self.hierarchy.aggregate(non_negative), clipped=clipped)

    def residual(self, coherent: Forecasts) -> float:
        """Return how far the levels differ in their totals, relative to them: 0 if coherent.

        It costs a tenth of a reconciliation; `incoherence` compares every node.

        Args:
            coherent: units, shape (nodes, dates).
        """
        total = coherent[0]
        return max(
            float((np.abs(coherent[rows].sum(axis=0) - total) / np.maximum(total, 1)).max())
            for rows in self.hierarchy.slices.values()
        )


def incoherence(forecast: Forecasts, hierarchy: Hierarchy) -> float:
    """Return the largest relative difference of a node from the sum of its bottoms.

    Relative to the larger of the sum and one unit.

    Args:
        forecast: units, shape (nodes, dates).
    """
    sums = hierarchy.aggregate(forecast[hierarchy.n_upper :])
    return float((np.abs(forecast - sums) / np.maximum(sums, 1)).max())


def _clip_negative(bottoms: Forecasts) -> tuple[Forecasts, int]:
    """Set negative bottoms to zero and scale the others so that each date keeps its total.

    Clipping every node by itself would break the sums.
    """
    # Per date: clipping raises the total of the bottoms from T to R; the factor T / R restores it.
    # Only the total is preserved: a store can gain what another loses. If T itself is negative,
    # all bottoms of that date become zero. Upper nodes are summed afterwards and stay coherent.
    negative = bottoms < 0
    clipped = int(negative.sum())
    if not clipped:
        return bottoms, 0
    non_negative = np.where(negative, 0.0, bottoms)
    total, clipped_total = np.maximum(bottoms.sum(axis=0), 0), non_negative.sum(axis=0)
    return non_negative * np.divide(
        total, clipped_total, out=np.zeros_like(total), where=clipped_total > 0
    ), clipped
