"""Prediction intervals of coherent forecasts, calibrated on forecasts that were really made.

Residuals are those of frozen models on later origins, of the *coherent* forecasts of every node,
after a square root, which evens out the spread of counts (Bartlett, 1936) and, unlike a
logarithm, does not make an error of thousands out of a day that was closed. Each is divided by
the scale of its node, and the quantiles of what remains are taken over all nodes of a level: a
conformal step in groups (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
2005, on Mondrian predictors), the groups being level, horizon bucket and size of the forecast. So
an interval adapts to its series, to how far ahead it looks and to how much it expects, and a
level's coverage is what it says.

A series that has never sold is forecast to sell nothing by rule; its interval is what such series
went on to sell.

Quantiles do not add up: the interval of a store is not the sum of those of its families.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from features.hierarchy import Hierarchy

Values = NDArray[np.float64]

BUCKETS: tuple[tuple[int, int], ...] = ((1, 7), (8, 16), (17, 30), (31, 60), (61, 90))
"""Horizons that are judged together: first and last day after the origin."""

PROBABILITIES = np.concatenate(
    ([0.0025, 0.005, 0.01], np.arange(0.025, 0.9751, 0.025), [0.99, 0.995, 0.9975])
)
MIN_NOMINAL, MAX_NOMINAL = 50, 99
"""Nominal coverage that can be asked for, in percent."""

_CENTRES = np.array([(first + last) / 2 for first, last in BUCKETS])
_EVERY_DAY = np.arange(1, BUCKETS[-1][1] + 1)
_MIX = np.stack([np.interp(_EVERY_DAY, _CENTRES, unit) for unit in np.eye(len(BUCKETS))], axis=1)
"""Weights of the buckets at each horizon, shape (horizons, buckets): a value that is known at the
buckets' centres is interpolated between them by one product."""


def bucket_of(horizons: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of each horizon's bucket."""
    return np.searchsorted([last for _, last in BUCKETS], horizons)


@dataclass(frozen=True)
class LevelErrors:
    """Errors of one level.

    Attributes:
        scale: root mean square of the residuals of the level, shape (buckets,), roots of units.
        sizes: roots of the forecasts that the groups stand for, shape (groups,), ascending.
        quantiles: of the residuals over their node's scale, shape (buckets, groups,
            probabilities), ascending in the last.
        unsold: quantiles of what nodes sold that had not sold by the origin, shape (buckets, 1,
            probabilities), units.
    """

    scale: Values
    sizes: Values
    quantiles: Values
    unsold: Values


_ARRAYS = tuple(field.name for field in fields(LevelErrors))


@dataclass(frozen=True)
class Calibration:
    """What a bundle knows of its errors.

    Attributes:
        nodes: ids of the nodes that calibration has seen.
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
                    level: LevelErrors(**{name: arrays[f"{level}/{name}"] for name in _ARRAYS})
                    for level in levels
                },
            )


class Intervals:
    """A calibration, bound to the nodes of a hierarchy."""

    def __init__(self, calibration: Calibration, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._tables = [_Table(calibration.levels[level]) for level in hierarchy.levels]
        known = dict(zip(calibration.nodes, calibration.scale, strict=True))
        scales = [
            known.get(node.id, calibration.levels[node.level].scale)  # new: as its level is
            for node in hierarchy.nodes
        ]
        # made once for all nodes: a product of one row may differ from this in its last bit
        self._spread: Values = np.array(scales) @ _MIX.T

    def bounds(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        nominal: int,
        *,
        sold: NDArray[np.bool_],
    ) -> tuple[Values, Values]:
        """Lower and upper bounds in units, each of the shape of `mean`.

        Args:
            nodes: rows of the hierarchy, shape (n,).
            mean: their coherent forecasts in units, shape (n, h).
            horizons: days after the origin, shape (h,).
            nominal: coverage in percent, 50 to 99.
            sold: whether each had sold by the origin, shape (n,).

        Invariants: 0 <= lower <= mean <= upper; a wider nominal contains a narrower one.
        """
        return self.bounds_of(nodes, mean, horizons, (nominal,), sold=sold)[0]

    def bounds_of(
        self,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        nominals: Sequence[int],
        *,
        sold: NDArray[np.bool_],
    ) -> list[tuple[Values, Values]]:
        """Return the bounds of several nominal coverages, each as `bounds` does.

        They differ in the quantiles alone: where a forecast lies among the groups of its level is
        found once for all of them.
        """
        if not nominals:
            return []
        tails = [(1 - nominal / 100) / 2 for nominal in nominals]
        values = np.zeros((2 * len(tails), *mean.shape))  # the lower bounds, then the upper
        root, spread = np.sqrt(mean), self._spread[np.ix_(nodes, horizons - 1)]
        levels = self._hierarchy.level_of[nodes]
        for code in np.unique(levels):
            of_level, table = levels == code, self._tables[code]
            at, unsold = np.flatnonzero(of_level & sold), np.flatnonzero(of_level & ~sold)
            shares = [*tails, *(1 - tail for tail in tails)]
            quantiles = np.stack([table.at(share) for share in shares])
            values[:, at] = _reach(root[at], spread[at], horizons, table.sizes, quantiles)
            if len(unsold):
                for number, tail in enumerate(tails, len(tails)):
                    values[number, unsold] = table.unsold(1 - tail)[horizons - 1]
        lower, upper = values[: len(tails)], values[len(tails) :]
        return list(zip(np.minimum(lower, mean), np.maximum(upper, mean), strict=True))


class _Table:
    """The quantiles of a level at every horizon, by share; kept, for few shares are asked for."""

    def __init__(self, errors: LevelErrors) -> None:
        self._errors = errors
        self._kept: dict[float, Values] = {}
        self._unsold: dict[float, Values] = {}

    @property
    def sizes(self) -> Values:
        """Of the groups, shape (groups,)."""
        return self._errors.sizes

    def at(self, share: float) -> Values:
        """Quantiles of the groups, shape (horizons, groups)."""
        if share not in self._kept:
            self._kept[share] = _MIX @ _at_share(self._errors.quantiles, share)
        return self._kept[share]

    def unsold(self, share: float) -> Values:
        """What a series that had not sold stays below, shape (horizons,), units."""
        if share not in self._unsold:
            self._unsold[share] = (_MIX @ _at_share(self._errors.unsold, share))[:, 0]
        return self._unsold[share]


def _reach(
    root: Values,
    spread: Values,
    horizons: NDArray[np.intp],
    sizes: Values,
    quantiles: Values,
) -> Values:
    """Return the values that shares of the outcomes stay below, shape (shares, n, h), units.

    Args:
        quantiles: of the groups at each share, shape (shares, every horizon, groups).
    """
    last = len(sizes) - 1
    low = np.minimum(np.maximum(np.searchsorted(sizes, root, side="right") - 1, 0), last)
    high = np.minimum(low + 1, last)
    gap = sizes[high] - sizes[low]
    part = np.minimum(np.maximum((root - sizes[low]) / np.where(gap > 0, gap, 1), 0), 1)
    rows = horizons - 1
    below, above = quantiles[:, rows, low], quantiles[:, rows, high]
    value: Values = np.maximum(root + spread * (below + part * (above - below)), 0) ** 2
    return value


def _at_share(quantiles: Values, share: float) -> Values:
    """Quantiles at one probability, shape (buckets, groups)."""
    at = np.interp(share, PROBABILITIES, np.arange(len(PROBABILITIES)))
    low = int(at)
    high = min(low + 1, len(PROBABILITIES) - 1)
    between: Values = quantiles[..., low] + (at - low) * (
        quantiles[..., high] - quantiles[..., low]
    )
    return between
