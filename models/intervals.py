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

from collections.abc import Iterable, Mapping
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
        self._calibration = calibration
        self._hierarchy = hierarchy
        known = dict(zip(calibration.nodes, calibration.scale, strict=True))
        self._scale = np.array(
            [
                known.get(node.id, calibration.levels[node.level].scale)  # new: as its level is
                for node in hierarchy.nodes
            ]
        )

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
        tail = (1 - nominal / 100) / 2
        lower, upper = np.empty_like(mean), np.empty_like(mean)
        levels = self._hierarchy.level_of[nodes]
        for code, level in enumerate(self._hierarchy.levels):
            errors = self._calibration.levels[level]
            at = np.flatnonzero((levels == code) & sold)
            lower[at] = self._reach(errors, nodes[at], mean[at], horizons, tail)
            upper[at] = self._reach(errors, nodes[at], mean[at], horizons, 1 - tail)
            never = np.flatnonzero((levels == code) & ~sold)
            lower[never] = 0
            upper[never] = _by_horizon(errors.unsold, horizons, 1 - tail)[:, 0]
        return np.minimum(lower, mean), np.maximum(upper, mean)

    def _reach(
        self,
        errors: LevelErrors,
        nodes: NDArray[np.intp],
        mean: Values,
        horizons: NDArray[np.intp],
        share: float,
    ) -> Values:
        """The value that a share of the outcomes stay below; shape (n, h)."""
        root = np.sqrt(mean)
        by_size = _by_horizon(errors.quantiles, horizons, share)
        quantile = np.empty_like(root)
        for column, groups in enumerate(by_size):
            quantile[:, column] = np.interp(root[:, column], errors.sizes, groups)
        spread = np.empty_like(root)
        for row, scale in enumerate(self._scale[nodes]):
            spread[row] = np.interp(horizons, _CENTRES, scale)
        value: Values = np.maximum(root + spread * quantile, 0) ** 2
        return value


def _by_horizon(quantiles: Values, horizons: NDArray[np.intp], share: float) -> Values:
    """Quantiles at one probability, between the buckets' centres; shape (h, groups)."""
    table = _at_share(quantiles, share)
    return np.stack([np.interp(horizons, _CENTRES, group) for group in table.T], axis=1)


def _at_share(quantiles: Values, share: float) -> Values:
    """Quantiles at one probability, shape (buckets, groups)."""
    at = np.interp(share, PROBABILITIES, np.arange(len(PROBABILITIES)))
    low = int(at)
    high = min(low + 1, len(PROBABILITIES) - 1)
    between: Values = quantiles[..., low] + (at - low) * (
        quantiles[..., high] - quantiles[..., low]
    )
    return between
