"""Prediction intervals of coherent forecasts, calibrated on out-of-sample forecasts.

Residuals are those of frozen models on later origins, of the *coherent* forecasts of every node,
after a square root, which stabilises the variance of counts (Bartlett, 1936) and, unlike a
logarithm, does not turn a closed day into an extreme residual. Each is divided by the scale of its
node, and quantiles of these scaled residuals are taken over all nodes of a level: a group-wise
(Mondrian) conformal step (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
2005), the groups being level, horizon bucket and size of the forecast. So the width of an interval
adapts to the series, the horizon and the size of the forecast, and the coverage of a level is its
nominal one.

A series that has never sold is forecast as zero by rule; the upper bound of its interval is a
quantile of the later sales of such series.

A series that is announced has no residuals. Its scale is that of the forecasts that every series
would have had by its analogues alone (`models.analogues`), at least that of its level and of a
single such series.

Quantiles do not add up: the interval of a store is not the sum of those of its families.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM
from models.buckets import Buckets, buckets_of
from models.uncertainty import Uncertainty

Values = NDArray[np.float64]

PROBABILITIES = np.concatenate(
    ([0.0025, 0.005, 0.01], np.arange(0.025, 0.9751, 0.025), [0.99, 0.995, 0.9975])
)
MIN_NOMINAL, MAX_NOMINAL = 50, 99
"""Range of the nominal coverage of a request, in percent."""
MIN_PROBABILITY, MAX_PROBABILITY = 0.005, 0.995
"""Range of the probability of a quantile of a request: that of the bounds of the widest interval.

Further out the table has values, but sums of days have not: they are read from `_MOST_PATHS` paths.
"""


@dataclass(frozen=True)
class LevelErrors:
    """Errors of one level.

    Attributes:
        scale: root mean square of the residuals of the level, shape (buckets,), roots of units.
        sizes: median root of the forecasts of each size group, shape (groups,), ascending.
        quantiles: of the residuals divided by their node's scale, shape (buckets, groups,
            probabilities), ascending in the last.
        unsold: quantiles of the sales of nodes without sales up to the origin, shape
            (buckets, 1, probabilities), units.
        paths: residuals divided by their node's scale on all days after one origin, one path for
            each of some nodes and origins, shape (paths, horizon); none in older bundles.
        path_sizes: mean root of the forecast of each path, shape (paths,), ascending.
        analogue: root mean square of the residuals of forecasts by analogues alone, shape
            (buckets,), roots of units; none in older bundles, and where they are not known.
    """

    scale: Values
    sizes: Values
    quantiles: Values
    unsold: Values
    paths: Values = field(default_factory=lambda: np.empty((0, 0)))
    path_sizes: Values = field(default_factory=lambda: np.empty(0))
    analogue: Values = field(default_factory=lambda: np.empty(0))

    @property
    def scale_of_new(self) -> Values:
        """Scale of a node without sales that analogues forecast, shape (buckets,)."""
        return np.maximum(self.scale, self.analogue) if len(self.analogue) else self.scale


_ARRAYS = tuple(each.name for each in fields(LevelErrors))

_OPTIONAL = frozenset({"paths", "path_sizes", "analogue"})
"""Arrays that older bundles do not have."""
_MEDIAN = 0.5
_MOST_PATHS = 200
"""Paths of similar nodes of which the sums of days are taken."""
_MOST_SHARES = 256
"""Shares whose quantiles are cached: more than those of all intervals, and of one request."""


@dataclass(frozen=True)
class Calibration:
    """Error statistics of a bundle, from which intervals are computed.

    Attributes:
        nodes: ids of the nodes that took part in the calibration.
        scale: root mean square of their residuals, shape (nodes, buckets), roots of units.
        levels: errors by level.
    """

    nodes: tuple[str, ...]
    scale: Values
    levels: Mapping[str, LevelErrors]

    def save(self, path: Path) -> None:
        """Write the calibration so that `load` reads it back."""
        arrays: dict[str, NDArray[Any]] = {"nodes": np.array(self.nodes), "scale": self.scale}
        for level, errors in self.levels.items():
            for name in _ARRAYS:
                arrays[f"{level}/{name}"] = getattr(errors, name)
        np.savez(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path, levels: Iterable[str]) -> Self:
        """Read the calibration of the given levels.

        Raises:
            ValueError, KeyError, OSError: the file does not hold one.
        """
        with np.load(path, allow_pickle=False) as arrays:
            return cls(
                nodes=tuple(arrays["nodes"].tolist()),
                scale=arrays["scale"],
                levels={
                    level: LevelErrors(
                        **{
                            name: arrays[f"{level}/{name}"]
                            for name in _ARRAYS
                            if name not in _OPTIONAL or f"{level}/{name}" in arrays
                        }
                    )
                    for level in levels
                },
            )


class Intervals:
    """A calibration, bound to the nodes of a hierarchy.

    Args:
        new: whether a node is forecast by analogues, shape (nodes,); none is by default.
        factors: on the scale of each node (see `models.adaptation`), shape (nodes, buckets); not
            on those of new nodes. None: all are 1.
    """

    def __init__(
        self,
        calibration: Calibration,
        hierarchy: Hierarchy,
        *,
        new: NDArray[np.bool_] | None = None,
        factors: Values | None = None,
    ) -> None:
        self._hierarchy = hierarchy
        buckets = buckets_of(hierarchy.specification)
        self._tables = [_Table(calibration.levels[level], buckets) for level in hierarchy.levels]
        self._new = np.zeros(len(hierarchy), dtype=np.bool_) if new is None else new
        self._buckets = buckets
        # Values of the buckets, which are interpolated for the nodes of a request: at every day
        # they would take a multiple of the memory, most of it for nodes that are never read.
        self._scales = _scales_of(calibration, hierarchy, self._new)
        self._adapted = self._scales
        if factors is not None:
            # Scales are multiplied, and not bounds, so that all that follows stays as it is:
            # numbers ascend with their shares, contain the mean, and are those of sums of days too.
            self._adapted = np.where(self._new[:, None], 1, factors) * self._scales

    @property
    def factors(self) -> Values | None:
        """Factor of the widths of each node, shape (nodes, horizons); None if not adapted."""
        if self._adapted is self._scales:
            return None
        usual, adapted = self._buckets.at_days(self._scales), self._buckets.at_days(self._adapted)
        is_wide = usual > 0
        return np.where(is_wide, adapted / np.where(is_wide, usual, 1), 1.0)

    def _find_spread(self, nodes: NDArray[np.intp], horizons: NDArray[np.intp]) -> Values:
        """Return the scale of nodes on some days, shape (nodes, horizons), roots of units."""
        return self._buckets.at_days(self._adapted[nodes])[:, horizons - 1]

    def bounds(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        nominal: int,
        *,
        sold: NDArray[np.bool_],
        closed: NDArray[np.bool_] | None = None,
    ) -> tuple[Values, Values]:
        """Return lower and upper bounds in units, each of the shape of `mean`.

        Args:
            nodes: rows of the hierarchy, shape (n,).
            mean: their coherent forecasts in units, shape (n, h).
            horizons: days after the origin, shape (h,).
            nominal: coverage in percent, 50 to 99.
            sold: whether each had sold by the origin or is announced, shape (n,).
            closed: whether each is closed on each day, shape (n, h); None if none is.

        Invariants: 0 <= lower <= mean <= upper; a wider nominal contains a narrower one.
        """
        return self.bounds_of(nodes, mean, horizons, (nominal,), sold=sold, closed=closed)[0]

    def bounds_of(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        nominals: Sequence[int],
        *,
        sold: NDArray[np.bool_],
        closed: NDArray[np.bool_] | None = None,
    ) -> list[tuple[Values, Values]]:
        """Return the bounds of several nominal coverages, each as `bounds` does."""
        wanted = Uncertainty(tuple(nominals))
        values = self.evaluate(nodes, mean, horizons, wanted, sold=sold, closed=closed)
        return wanted.pairs(values)

    def evaluate(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        wanted: Uncertainty,
        *,
        sold: NDArray[np.bool_],
        closed: NDArray[np.bool_] | None = None,
    ) -> Values:
        """Return bounds and quantiles in units, in the order of `wanted`, shape (numbers, n, h).

        Args:
            nodes, mean, horizons, sold, closed: as in `bounds`.

        Invariants: those of `bounds` and of `quantiles`.
        """
        # A minimum and a maximum keep the mean inside its bounds even if both quantiles lie on one
        # side of it. Intervals are nested because quantiles ascend with the share and every later
        # step is monotone.
        values = self.quantiles(nodes, mean, horizons, wanted.shares, sold=sold, closed=closed)
        return wanted.contain(values, mean)

    def quantiles(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        shares: Sequence[float],
        *,
        sold: NDArray[np.bool_],
        closed: NDArray[np.bool_] | None = None,
    ) -> Values:
        """Return quantiles of the sales in units, shape (shares, n, h).

        Args:
            nodes, mean, horizons, sold, closed: as in `bounds`.
            shares: probabilities that the sales do not exceed the quantile, between 0 and 1.

        Invariants: they ascend with the share, and are at least 0. None of them is the forecast:
        that of 0.5 corrects the median error of the calibration.
        """
        # All shares are evaluated at once: they differ in the tabulated quantile only, so a
        # forecast's position among the size groups of its level is searched once. Levels are
        # processed one by one because each has its own table. Series that never sold have no
        # scale to adapt to: 0 below the median, and a quantile of the level above it.
        values = np.zeros((len(shares), *mean.shape))
        if not len(shares):
            return values
        root, spread = np.sqrt(mean), self._find_spread(nodes, horizons)
        levels = self._hierarchy.level_of[nodes]
        for code in np.unique(levels):
            of_level, table = levels == code, self._tables[code]
            at, unsold = np.flatnonzero(of_level & sold), np.flatnonzero(of_level & ~sold)
            tabulated = np.stack([table.at(share) for share in shares])
            values[:, at] = _compute_bounds(root[at], spread[at], horizons, table.sizes, tabulated)
            if len(unsold):
                for number, share in enumerate(shares):
                    if share > _MEDIAN:
                        values[number, unsold] = table.unsold(share)[horizons - 1]
        if closed is not None:
            values[:, closed] = 0
        return values

    @property
    def has_paths(self) -> bool:
        """True if intervals of sums over days can be computed; older bundles have no paths."""
        return all(table.has_paths for table in self._tables)

    def bounds_of_sums(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        starts: Sequence[int],
        nominals: Sequence[int],
        *,
        sold: NDArray[np.bool_],
        closed: NDArray[np.bool_] | None = None,
    ) -> list[tuple[Values, Values]]:
        """Return the bounds of sums over periods of days, for several nominal coverages.

        Args:
            nodes, mean, horizons, sold, closed: as in `bounds`.
            starts: position in `horizons` at which each period begins; the first is 0.

        Returns:
            For each nominal, lower and upper bounds in units, each of shape (n, periods).

        Invariants: those of `evaluate_sums`.
        """
        wanted = Uncertainty(tuple(nominals))
        values = self.evaluate_sums(nodes, mean, horizons, starts, wanted, sold=sold, closed=closed)
        return wanted.pairs(values)

    def evaluate_sums(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        starts: Sequence[int],
        wanted: Uncertainty,
        *,
        sold: NDArray[np.bool_],
        closed: NDArray[np.bool_] | None = None,
    ) -> Values:
        """Return bounds and quantiles of sums over periods of days, shape (numbers, n, periods).

        Args:
            nodes, mean, horizons, sold, closed: as in `bounds`.
            starts: position in `horizons` at which each period begins; the first is 0.

        Invariants: 0 <= lower <= sum of the means <= upper; quantiles ascend with the share and are
        at least 0; a period of one day has the numbers of the day.
        """
        # Errors of neighbouring days go together, so the bound of a sum is neither the sum of the
        # days' bounds (too wide) nor that of independent days (too narrow). A residual path is what
        # really followed an origin, day by day: scaled to the node and added to its forecast, it
        # is a possible future, and the quantiles of the sums of many such futures are those of the
        # sum. A new series has no such path: analogues are wrong about its level, by the same share
        # on all days, so that the numbers of its days do add up. Nor has one that never sold, and
        # no other's path is like its own.
        totals = np.add.reduceat(mean, starts, axis=1)
        values = np.zeros((wanted.count, *totals.shape))
        if not wanted.count:
            return values
        levels, spread = self._hierarchy.level_of[nodes], self._find_spread(nodes, horizons)
        for at, node in enumerate(nodes.tolist()):
            if self._new[node] or not sold[at]:
                daily = self.evaluate(
                    nodes[[at]],
                    mean[[at]],
                    horizons,
                    wanted,
                    sold=sold[[at]],
                    closed=None if closed is None else closed[[at]],
                )
                values[:, at] = np.add.reduceat(daily[:, 0], starts, axis=1)
                continue
            root = np.sqrt(mean[at])
            paths = self._tables[levels[at]].paths_like(float(root.mean()))[:, horizons - 1]
            futures = np.maximum(root + spread[at] * paths, 0) ** 2
            if closed is not None:
                futures[:, closed[at]] = 0
            sums = np.add.reduceat(futures, starts, axis=1)
            values[:, at] = np.quantile(sums, wanted.shares, axis=0)
        values = wanted.contain(values, totals)
        # a day has one interval, whether it is asked for as a day or as a period of one
        single = np.flatnonzero(np.diff([*starts, len(horizons)]) == 1)
        if len(single):
            days = np.asarray(starts)[single]
            values[:, :, single] = self.evaluate(
                nodes,
                mean[:, days],
                horizons[days],
                wanted,
                sold=sold,
                closed=None if closed is None else closed[:, days],
            )
        return values


class _Table:
    """Quantiles of a level at every horizon."""

    def __init__(self, errors: LevelErrors, buckets: Buckets) -> None:
        self._errors = errors
        self._scaled = _Curve(errors.quantiles, buckets.weights)
        self._unsold = _Curve(errors.unsold, buckets.weights)

    @property
    def sizes(self) -> Values:
        """Sizes of the groups, shape (groups,)."""
        return self._errors.sizes

    @property
    def has_paths(self) -> bool:
        return len(self._errors.paths) > 0

    def paths_like(self, size: float) -> Values:
        """Return the residual paths of the nodes most similar in size, shape (paths, horizon)."""
        sizes, count = self._errors.path_sizes, _MOST_PATHS
        first = int(np.searchsorted(sizes, size)) - count // 2
        first = max(min(first, len(sizes) - count), 0)
        return self._errors.paths[first : first + count]

    def at(self, share: float) -> Values:
        """Return the quantiles of the groups at a share, shape (horizons, groups)."""
        return self._scaled.at(share)

    def unsold(self, share: float) -> Values:
        """Return the quantile of the sales of never-sold series, shape (horizons,), units."""
        return self._unsold.at(share)[:, 0]


class _Curve:
    """Tabulated quantiles, interpolated at the shares that callers want and cached by these."""

    def __init__(self, tabulated: Values, weights: Values) -> None:
        self._tabulated = tabulated
        self._weights = weights
        self._cached: dict[float, Values] = {}

    def at(self, share: float) -> Values:
        """Return the quantiles at a share, shape (horizons, groups)."""
        # Callers choose the shares, of which there are as many as floats, so the cache is emptied
        # when it is full. Another thread may do so at any time: nothing is read twice.
        values = self._cached.get(share)
        if values is None:
            values = self._weights @ _interpolate_quantiles(self._tabulated, share)
            if len(self._cached) >= _MOST_SHARES:
                self._cached.clear()
            self._cached[share] = values
        return values


def _scales_of(calibration: Calibration, hierarchy: Hierarchy, new: NDArray[np.bool_]) -> Values:
    """Return the scale of each node, shape (nodes, buckets), roots of units.

    A node that the calibration does not know gets that of its level.
    """
    levels = [calibration.levels[level] for level in hierarchy.levels]
    scales = np.array([level.scale for level in levels])[hierarchy.level_of]
    rows = [hierarchy.index.get(node, -1) for node in calibration.nodes]
    known = np.array(rows, dtype=np.intp)
    scales[known[known >= 0]] = calibration.scale[known >= 0]
    # independent errors of the series of a node give it the scale of one of them, in roots, and
    # dependent ones a larger scale
    least = calibration.levels[BOTTOM].scale_of_new
    of_new = np.array([np.maximum(level.scale_of_new, least) for level in levels])
    scales[new] = of_new[hierarchy.level_of[new]]
    return scales


def _compute_bounds(
    root: Values,
    spread: Values,
    horizons: NDArray[np.intp],
    sizes: Values,
    quantiles: Values,
) -> Values:
    """Return quantiles of the outcomes, shape (shares, n, h), units.

    Args:
        root: square roots of the forecasts, shape (n, h).
        spread: scales of the nodes at the horizons, shape (n, h), roots of units.
        quantiles: of the groups at each share, shape (shares, every horizon, groups).
    """
    # The quantile of the scaled residual is interpolated linearly between the two size groups
    # around the forecast (constant beyond the first and last), scaled back by the node, added in
    # root space and squared. Choosing the nearest group instead would make the interval jump when
    # a forecast changes a little. A negative root is set to 0 before squaring, which would
    # otherwise turn a low bound into a high one.
    last = len(sizes) - 1
    low = np.minimum(np.maximum(np.searchsorted(sizes, root, side="right") - 1, 0), last)
    high = np.minimum(low + 1, last)
    gap = sizes[high] - sizes[low]
    part = np.minimum(np.maximum((root - sizes[low]) / np.where(gap > 0, gap, 1), 0), 1)
    rows = horizons - 1
    below, above = quantiles[:, rows, low], quantiles[:, rows, high]
    value: Values = np.maximum(root + spread * (below + part * (above - below)), 0) ** 2
    return value


def _interpolate_quantiles(quantiles: Values, share: float) -> Values:
    """Interpolate tabulated quantiles at one probability, shape (buckets, groups)."""
    at = np.interp(share, PROBABILITIES, np.arange(len(PROBABILITIES)))
    low = int(at)
    high = min(low + 1, len(PROBABILITIES) - 1)
    between: Values = quantiles[..., low] + (at - low) * (
        quantiles[..., high] - quantiles[..., low]
    )
    return between
