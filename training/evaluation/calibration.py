"""Calibration of intervals on the errors of frozen models (see `models.intervals`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from features.data.hierarchy import Hierarchy
from features.data.history import carry_backward, carry_forward
from features.data.step import Step
from models.buckets import Buckets, buckets_of
from models.intervals import PROBABILITIES, Calibration, LevelErrors
from training.evaluation.forecast_errors import Errors, Paths
from training.evaluation.new_series import scales_of_new

Values = NDArray[np.float64]

_NODES_OF_GROUPS = ((40, 8), (5, 3), (0, 1))
"""Number of groups by size of the forecast, for a level of at least so many nodes."""
_SHRINKAGE = 10
"""Weight of the mean square of similar nodes in a node's scale, as a number of newest residuals."""
_HALF_LIFE_DAYS = 60
"""Days between an origin and one that weighs half as much: errors change with season and sales."""
_FLOOR = 1e-3
_MOST_GAPS = 0.5
"""Share of the days of a path that may be unknown: a closed weekday, or more."""
MOST_PATHS = 1_000
"""Paths of a level that a calibration keeps."""
_LEAST_INDEPENDENT = 5.0
"""Fewer independent residuals would make intervals of 80 and of 95 % the same."""
_TAIL = 0.9
"""Share at which paths are made as wide as quantiles are."""


def calibrate(errors: Errors, hierarchy: Hierarchy) -> Calibration:
    """Compute the scales of the nodes and the quantiles of the groups (see `models.intervals`)."""
    # 1. Residuals are differences of square roots. Only delivered days outside long events count,
    #    and only nodes that had sold by the origin; the sales of the others form `unsold`.
    # 2. The scale of a node in a bucket is its root mean square, shrunk to that of nodes of its
    #    level and size as if _SHRINKAGE further residuals had their mean. Without shrinkage a new
    #    or quiet series would get a scale near 0, hence intervals of no width. Newer origins weigh
    #    more, in the quantiles too.
    # 3. Residuals over scale are comparable between nodes, so their quantiles are pooled over a
    #    level. The same scale multiplies them in `Intervals`; change both or neither.
    root = np.sqrt(errors.forecast)
    residual = np.sqrt(errors.actual) - root
    judged = errors.ordinary[:, None, :] & ~np.isnan(errors.actual)
    counted = errors.sold[:, :, None] & judged
    unsold = ~errors.sold[:, :, None] & judged
    buckets = buckets_of(hierarchy.specification)
    bucket = buckets.of(errors.horizons)
    weight = _weigh_origins(errors.origins, hierarchy.specification.step)
    sizes = np.average(root.mean(axis=2), axis=0, weights=weight)
    scale = np.empty((len(hierarchy), len(buckets)))
    level_scale = np.empty((len(hierarchy.levels), len(buckets)))
    for number in range(len(buckets)):
        days = bucket == number
        weights = counted[:, :, days] * weight[:, None, None]
        counts = weights.sum(axis=(0, 2))
        squares = (np.where(counted, residual**2, 0)[:, :, days] * weights).sum(axis=(0, 2))
        for code, rows in enumerate(hierarchy.slices.values()):
            mean = squares[rows].sum() / max(counts[rows].sum(), _FLOOR)
            similar = _average_similar(squares[rows], counts[rows], sizes[rows])
            shrunk = (squares[rows] + _SHRINKAGE * similar) / (counts[rows] + _SHRINKAGE)
            scale[rows, number] = np.maximum(np.sqrt(shrunk), _FLOOR)
            level_scale[code, number] = max(np.sqrt(mean), _FLOOR)
    # days of which no residual is known have those of the last days before them
    known = [bool(counted[:, :, bucket == number].any()) for number in range(len(buckets))]
    source = np.maximum.accumulate(np.where(known, np.arange(len(buckets)), 0))
    scale, level_scale = scale[:, source], level_scale[:, source]
    scaled = residual / scale[:, bucket]
    paths = _scale_paths(errors.paths, scale, buckets)
    levels = {}
    for code, (level, rows) in enumerate(hierarchy.slices.items()):
        of_level = counted[:, rows]
        residuals = _Residuals(
            root=root[:, rows][of_level],
            scaled=scaled[:, rows][of_level],
            bucket=np.broadcast_to(bucket, of_level.shape)[of_level],
            weight=np.broadcast_to(weight[:, None, None], of_level.shape)[of_level],
            independent=_count_independent(of_level, weight, bucket, buckets, hierarchy),
        )
        levels[level] = _summarise_level(
            rows.stop - rows.start,
            level_scale[code],
            residuals,
            _compute_bucket_quantiles(
                errors.actual[:, rows], unsold[:, rows], bucket, len(buckets)
            ),
            _select_paths(errors.paths, paths, rows),
            source,
            buckets,
        )
    if errors.by_analogues is not None:
        residual = np.where(counted, np.sqrt(errors.actual) - np.sqrt(errors.by_analogues), np.nan)
        for level, of_new in scales_of_new(residual, bucket, len(buckets), hierarchy).items():
            levels[level] = replace(levels[level], analogue=of_new)
    return Calibration(tuple(node.id for node in hierarchy.nodes), scale, levels)


@dataclass(frozen=True)
class _Residuals:
    """Residuals of a level.

    Attributes:
        root: square root of the forecast, shape (residuals,).
        scaled: difference of the square roots over the scale of the node, of the same shape.
        bucket, weight: of each, of the same shape.
        independent: how many independent ones they are worth, shape (buckets,).
    """

    root: Values
    scaled: Values
    bucket: NDArray[np.intp]
    weight: Values
    independent: Values


def _weigh_origins(origins: NDArray[np.int64], step: Step) -> Values:
    """Return the weight of each origin, 1 for the newest, shape (origins,)."""
    age = origins.max() - origins
    return np.asarray(0.5 ** (age / step.steps_in(_HALF_LIFE_DAYS)))


def _average_similar(squares: Values, counts: Values, sizes: Values) -> Values:
    """Return the mean square of the nodes of similar size, for each node of a level.

    Args:
        squares, counts: sums of squared residuals, and of their weights, shape (nodes,).
        sizes: mean root of the forecasts, shape (nodes,).
    """
    means = np.empty(len(squares))
    for group in np.array_split(np.argsort(sizes, kind="stable"), _count_groups(len(squares))):
        means[group] = squares[group].sum() / max(counts[group].sum(), _FLOOR)
    return means


def _count_groups(nodes: int) -> int:
    return next(count for least, count in _NODES_OF_GROUPS if nodes >= least)


def _count_independent(
    counted: NDArray[np.bool_],
    weight: Values,
    bucket: NDArray[np.intp],
    buckets: Buckets,
    hierarchy: Hierarchy,
) -> Values:
    """Return how many independent residuals those of a level are worth, shape (buckets,)."""
    # Weighted origins are worth fewer equal ones (Kish, "Survey Sampling", 1965). Neighbouring
    # origins share days of a bucket, and the nodes of a level err together: both count by the root
    # of their number, about what the coverage of later days has shown.
    week, nodes = hierarchy.specification.step.week, counted.shape[1]
    known = np.asarray(counted.any(axis=1))
    counts = np.zeros(len(buckets))
    for number, (first, last) in enumerate(buckets.spans):
        weights = weight[np.asarray(known[:, bucket == number]).any(axis=1)]
        if len(weights):
            equal = weights.sum() ** 2 / (weights**2).sum()
            apart = min(week / (last - first + 1), 1)  # share of the bucket
            counts[number] = equal * np.sqrt(apart * nodes)
    return np.maximum(counts, _LEAST_INDEPENDENT)


def _summarise_level(
    nodes: int,
    scale: Values,
    residuals: _Residuals,
    unsold: Values,
    paths: tuple[Values, Values],
    source: NDArray[np.intp],
    buckets: Buckets,
) -> LevelErrors:
    # Scaled residuals of small and of large forecasts differ in shape (many zeros, skewness), so
    # quantiles are taken in groups by forecast size. The edges are quantiles over all buckets, so
    # groups are of about equal size and the same in each bucket; `Intervals` interpolates between
    # the groups' median sizes.
    root = residuals.root
    edges = np.quantile(root, np.linspace(0, 1, _count_groups(nodes) + 1)[1:-1])
    group = np.searchsorted(edges, root, side="right")
    present = np.unique(group)  # equal forecasts, such as zeros, may leave a group empty
    sizes = np.array([np.median(root[group == number]) for number in present])
    quantiles = np.zeros((len(unsold), len(present), len(PROBABILITIES)))
    for number, independent in enumerate(residuals.independent):
        shares = _move_outward(PROBABILITIES, independent)
        for place, which in enumerate(present):
            chosen = (residuals.bucket == number) & (group == which)
            quantiles[number, place] = _compute_quantiles(
                residuals.scaled[chosen], shares, weight=residuals.weight[chosen]
            )
    return LevelErrors(
        scale=scale,
        sizes=sizes,
        quantiles=quantiles[source],
        unsold=unsold[source],
        paths=_widen_paths(paths[1], residuals.independent[source], buckets),
        path_sizes=paths[0],
    )


def _move_outward(shares: Values, independent: Values) -> Values:
    """Return the shares at which quantiles are read, given how many independent residuals."""
    # The next residual exceeds the largest of n with probability 1 / (n + 1): the conformal step
    # reads quantiles further out, the further the fewer residuals there are.
    outward = 0.5 + (shares - 0.5) * (1 + 1 / independent)
    return np.asarray(np.clip(outward, PROBABILITIES[0], PROBABILITIES[-1]))


def _widen_paths(paths: Values, independent: Values, buckets: Buckets) -> Values:
    """Return residual paths as much wider as quantiles read further out, were they normal."""
    if not len(paths):
        return paths
    wider = norm.ppf(_move_outward(np.array(_TAIL), independent)) / norm.ppf(_TAIL)
    return np.asarray(paths * buckets.at_days(wider[None, :]))


def _scale_paths(paths: Paths | None, scale: Values, buckets: Buckets) -> Values:
    """Return residual paths over the scales of their nodes, shape (origins, nodes, horizon)."""
    if paths is None:
        return np.empty((0, 0, 0))
    residual = np.sqrt(paths.actual) - np.sqrt(paths.forecast)
    return np.asarray(residual / buckets.at_days(scale[paths.nodes]))


def _select_paths(paths: Paths | None, scaled: Values, rows: slice) -> tuple[Values, Values]:
    """Return the paths of a level of which most days are known, by size; at most `MOST_PATHS`.

    Those of older origins weigh no less: sums of a month have too few independent paths.

    Returns:
        The mean root of the forecast of each, ascending, shape (paths,), and the scaled residuals,
        shape (paths, horizon).
    """
    if paths is None:
        return np.empty(0), np.empty((0, 0))
    of_level = (paths.nodes >= rows.start) & (paths.nodes < rows.stop)
    residual = scaled[:, of_level]
    # a day that is not known has the residual of a day beside it, rather than none
    gaps = np.isnan(residual)
    judged = ~gaps.all(axis=(0, 1))
    if not judged.any():
        return np.empty(0), np.empty((0, gaps.shape[2]))
    usable = paths.sold[:, of_level] & (gaps[:, :, judged].mean(axis=2) < _MOST_GAPS)
    flat = residual.reshape(-1, residual.shape[2])
    residual = carry_backward(carry_forward(flat)).reshape(residual.shape)
    sizes = np.sqrt(paths.forecast[:, of_level]).mean(axis=2)[usable]
    order = np.argsort(sizes, kind="stable")
    if len(order) > MOST_PATHS:
        order = order[np.linspace(0, len(order) - 1, MOST_PATHS).astype(np.intp)]
    return sizes[order], residual[usable][order]


def _compute_bucket_quantiles(
    values: Values, chosen: NDArray[np.bool_], bucket: NDArray[np.intp], buckets: int
) -> Values:
    """Compute quantiles of selected values by bucket, shape (buckets, 1, probabilities)."""
    return np.stack(
        [
            _compute_quantiles(values[:, :, bucket == number][chosen[:, :, bucket == number]])[None]
            for number in range(buckets)
        ]
    )


def _compute_quantiles(
    values: Values, shares: Values = PROBABILITIES, *, weight: Values | None = None
) -> Values:
    """Return the quantiles of values that may have weights; zeros if there is no value."""
    if not len(values):
        return np.zeros(len(shares))
    if weight is None:
        return np.asarray(np.quantile(values, shares))
    return np.asarray(np.quantile(values, shares, weights=weight, method="inverted_cdf"))
