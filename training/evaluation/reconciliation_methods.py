"""Reconciliation methods for comparison; the service runs `models.reconciliation`.

Each method learns from the errors of base forecasts of all nodes, then maps base forecasts to
coherent and non-negative ones. Methods with diagonal weights are `models.reconciliation` with
other variances; the others adjust the bottoms and then call it, so that sums and the removal of
negative values have one definition.

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

from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM, TOTAL
from models.reconciliation import Coherent, Reconciliation

Values = NDArray[np.float64]
Reconcile = Callable[[Values], Coherent]
"""Maps base forecasts of shape (nodes, dates) to coherent ones."""
Method = Callable[[Hierarchy, Values], Reconcile]
"""Fits a method to residuals (actual less base forecast) of shape (nodes, times)."""

RIDGE = 2e-8
"""Least variance, so that a series without errors, such as one that never sold, does not get
infinite weight; the value of hierarchicalforecast."""


def bottom_up(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """Fit bottom-up: no upper node gets any weight."""
    return Reconciliation(hierarchy, {}).reconcile


def wls_variance(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """Fit weights by mean squared residual."""
    return _make_diagonal(hierarchy, np.mean(residuals**2, axis=1) + RIDGE)


def wls_structural(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """Fit weights by number of bottoms, as if their errors were equal and uncorrelated."""
    return _make_diagonal(hierarchy, np.asarray(hierarchy.summing.sum(axis=1)).ravel())


def mint_shrink(hierarchy: Hierarchy, residuals: Values) -> Reconcile:
    """Fit the minimum-trace method with the covariance of `shrunk_covariance`."""
    covariance = shrunk_covariance(residuals)
    upper = hierarchy.n_upper
    summing = hierarchy.summing[:upper]
    spread = covariance[:, :upper] - (summing @ covariance[upper:]).T  # W Cᵀ, C = [I, -A]
    factor = cho_factor(spread[:upper] - summing @ spread[upper:])  # C W Cᵀ
    to_bottoms = bottom_up(hierarchy, residuals)

    def reconcile(base: Values) -> Coherent:
        gap = base[:upper] - summing @ base[upper:]
        moved = base.copy()
        moved[upper:] -= spread[upper:] @ cho_solve(factor, gap)
        return to_bottoms(moved)

    return reconcile


def top_down(hierarchy: Hierarchy, residuals: Values, *, through: str | None = None) -> Reconcile:
    """Fit top-down: divide the total in proportion to the base forecasts of each next level.

    A grouped hierarchy has several paths down; the path is chosen by its intermediate level.

    Args:
        through: intermediate level, each of whose nodes is divided into its bottoms; with None
            the total is divided directly into the bottoms.
    """
    path = [TOTAL, *([through] if through else []), BOTTOM]
    to_bottoms = bottom_up(hierarchy, residuals)

    def reconcile(base: Values) -> Coherent:
        divided = base.copy()
        for parents, children in pairwise(path):
            rows = hierarchy.slices[children]
            parent = hierarchy.ancestor(parents)[rows]
            divided[rows] = _compute_shares(base[rows], parent) * divided[parent]
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
    """Return the covariance of residuals, shape (nodes, nodes), with shrunk correlations.

    The shrinkage intensity is estimated from the data (Schäfer and Strimmer): the sum of the
    variances of the correlations over the sum of their squares.
    """
    # With fewer times than nodes a sample covariance is singular, and its inverse, which MinT
    # needs, amplifies noise. Multiplying all correlations by a factor below 1 makes it invertible
    # and leaves the variances as they are. The fewer the times, the noisier the correlations and
    # the smaller the factor.
    times = residuals.shape[1]
    centred = residuals - residuals.mean(axis=1, keepdims=True)
    scaled = centred / (centred.std(axis=1, keepdims=True) + RIDGE)
    correlation = scaled @ scaled.T / times
    squares = scaled**2 @ (scaled**2).T - times * correlation**2  # Σ (product - its mean)²
    apart = ~np.eye(len(residuals), dtype=np.bool_)
    noise = squares[apart].sum() / (times * (times - 1))
    retained_share = 1 - np.clip(noise / ((correlation[apart] ** 2).sum() + RIDGE), 0, 1)
    covariance: Values = centred @ centred.T / (times - 1)
    variance = np.maximum(np.diag(covariance), RIDGE)
    covariance *= retained_share
    np.fill_diagonal(covariance, variance)
    return covariance


def _make_diagonal(hierarchy: Hierarchy, variance: Values) -> Reconcile:
    ids = (node.id for node in hierarchy.nodes)
    return Reconciliation(hierarchy, dict(zip(ids, variance.tolist(), strict=True))).reconcile


def _compute_shares(children: Values, parent: NDArray[np.intp]) -> Values:
    """Return each child's share of its siblings' sum, by date; equal if the sum is zero."""
    sums = np.zeros((int(parent.max()) + 1, children.shape[1]))
    np.add.at(sums, parent, children)
    counts = np.bincount(parent)[parent][:, None]
    shares: Values = np.where(
        sums[parent] > 0, children / np.where(sums > 0, sums, 1)[parent], 1 / counts
    )
    return shares
