"""Ways to make base forecasts coherent, to be compared; the service runs `models.reconciliation`.

Each method learns from the errors of base forecasts of all nodes, then maps base forecasts to
coherent and non-negative ones. Those whose weights are diagonal are `models.reconciliation`
under other variances; the others move the bottoms and leave the rest to it, so that sums and the
removal of negative values have one definition.

Bottom-up and top-down: Athanasopoulos, Ahmed and Hyndman, "Hierarchical forecasts for Australian
domestic tourism", IJF 2009. Least squares: Hyndman, Lee and Wang, "Fast computation of reconciled
forecasts for hierarchical and grouped time series", CSDA 2016. MinT: Wickramasuriya,
Athanasopoulos and Hyndman, JASA 2019. Shrinkage: Schäfer and Strimmer, Statistical Applications
in Genetics and Molecular Biology 4, 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from features.hierarchy import BOTTOM, TOTAL, Hierarchy
from models.reconciliation import Coherent, Reconciliation

Values = NDArray[np.float64]
Reconcile = Callable[[Values], Coherent]
"""From base forecasts of shape (nodes, dates)."""
Method = Callable[[Hierarchy, Values], Reconcile]
"""From residuals (actual less base forecast) of shape (nodes, times)."""

RIDGE = 2e-8
"""Least variance, so that a series without errors, such as one that never sold, is no exact
truth; the value of hierarchicalforecast."""


def bottom_up(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """No upper node is believed."""
    return Reconciliation(hierarchy, {}).reconcile


def wls_variance(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """Weights by mean squared residual."""
    return _diagonal(hierarchy, np.mean(residuals**2, axis=1) + RIDGE)


def wls_structural(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """Weights by number of bottoms, as if all had errors of one size and none were related."""
    return _diagonal(hierarchy, np.asarray(hierarchy.summing.sum(axis=1)).ravel())


def mint_shrink(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """Minimum trace under the covariance of `shrunk_covariance`."""
    covariance = shrunk_covariance(residuals)
    upper = hierarchy.n_upper
    summing = hierarchy.summing[:upper]
    spread = covariance[:, :upper] - (summing @ covariance[upper:]).T  # W Cᵀ with C = [I, -A]
    factor = cho_factor(spread[:upper] - summing @ spread[upper:])  # C W Cᵀ
    to_bottoms = bottom_up(hierarchy, residuals)

    def reconcile(base: Values) -> Coherent:
        gap = base[:upper] - summing @ base[upper:]
        moved = base.copy()
        moved[upper:] -= spread[upper:] @ cho_solve(factor, gap)
        return to_bottoms(moved)

    return reconcile


def top_down(hierarchy: Hierarchy, residuals: Values, *, through: str | None = None) -> Reconcile:
    """The total, divided in proportion to the base forecasts of each next level.

    A grouped hierarchy has several ways down; one is chosen by the level that it leads through.

    Args:
        through: level between total and bottoms, each of whose nodes divides into its bottoms;
            None divides the total into the bottoms at once.
    """
    path = [TOTAL, *([through] if through else []), BOTTOM]
    to_bottoms = bottom_up(hierarchy, residuals)

    def reconcile(base: Values) -> Coherent:
        divided = base.copy()
        for parents, children in pairwise(path):
            rows = hierarchy.slices[children]
            parent = hierarchy.ancestor(parents)[rows]
            divided[rows] = _shares(base[rows], parent) * divided[parent]
        return to_bottoms(divided)

    return reconcile


METHODS: Mapping[str, Method] = {
    "bottom-up": bottom_up,
    "WLS, residual variance": wls_variance,
    "WLS, structural": wls_structural,
    "MinT, shrunk covariance": mint_shrink,
    "top-down through stores": partial(top_down, through="store"),
    "top-down through families": partial(top_down, through="family"),
}


def shrunk_covariance(residuals: Values) -> Values:
    """Covariance of residuals, shape (nodes, nodes), its correlations shrunk towards none.

    How much is estimated from the data: the sum of the correlations' variances over the sum of
    their squares. The less time, the more they are shrunk.
    """
    times = residuals.shape[1]
    centred = residuals - residuals.mean(axis=1, keepdims=True)
    scaled = centred / (centred.std(axis=1, keepdims=True) + RIDGE)
    correlation = scaled @ scaled.T / times
    squares = scaled**2 @ (scaled**2).T - times * correlation**2  # Σ (product - its mean)²
    apart = ~np.eye(len(residuals), dtype=np.bool_)
    noise = squares[apart].sum() / (times * (times - 1))
    kept = 1 - np.clip(noise / ((correlation[apart] ** 2).sum() + RIDGE), 0, 1)
    covariance: Values = centred @ centred.T / (times - 1)
    variance = np.maximum(np.diag(covariance), RIDGE)
    covariance *= kept
    np.fill_diagonal(covariance, variance)
    return covariance


def _diagonal(hierarchy: Hierarchy, variance: Values) -> Reconcile:
    ids = (node.id for node in hierarchy.nodes)
    return Reconciliation(hierarchy, dict(zip(ids, variance.tolist(), strict=True))).reconcile


def _shares(children: Values, parent: NDArray[np.intp]) -> Values:
    """Each child's share of its siblings' sum, by date; equal shares where the sum is zero."""
    sums = np.zeros((int(parent.max()) + 1, children.shape[1]))
    np.add.at(sums, parent, children)
    counts = np.bincount(parent)[parent][:, None]
    shares: Values = np.where(
        sums[parent] > 0, children / np.where(sums > 0, sums, 1)[parent], 1 / counts
    )
    return shares
