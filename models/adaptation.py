"""Adaptation of prediction intervals to the misses of forecasts that were served.

The calibration of a bundle is of the days before it was trained (see `models.intervals`). If sales
become more or less noisy later, its intervals hold too few or too many of them. Adaptive conformal
inference (Gibbs and Candès, "Adaptive Conformal Inference Under Distribution Shift", 2021) follows
the misses of what was served. Here it does so with one factor on the widths of each *cell*: a
level, or a volume class of its nodes, so many days ahead.

Their rule adds a step to the last state for every miss. That needs an answer before the next step,
and a forecast for ninety days ahead is judged ninety days later: misses of intervals that the
newest state never made would be added up. So the factor is what the trailing means say would have
been right: the one that was *served*, times the ratio of the widths that normal errors have at the
nominal and at the observed share. It stands still where the share is nominal, after any delay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from models.buckets import buckets_of
from models.volumes import NO_VOLUME, VOLUMES

Values = NDArray[np.float64]

LEAST, MOST = 0.5, 2.0
"""Bounds of a factor."""

STEP = 0.05
"""Weight of a day in the trailing means of its cell: that of older days halves in 14 days."""

LEAST_CHANGE = 0.02
"""Relative change of a factor that is worth another adaptation: each empties the caches."""

_FEW = 30
"""Judged values of a day whose step is half of the usual one."""

_DIGITS = 3
_NORMAL = NormalDist()
_SHARES = (0.05, 0.995)
"""Shares within intervals that tell how wide they are; further out, few values decide."""
_ROOM = 0.02
"""Share by which those of 95 % hold more than theirs, for the full step to narrower ones."""


class Cell(NamedTuple):
    """Forecasts whose intervals have one factor.

    Attributes:
        level, volume: as in `models.error_sums.Group`; a level of volume classes has one cell for
            each of them, any other one of an empty class.
        days_ahead: name of the bucket, such as ``8-16``.
    """

    level: str
    volume: str
    days_ahead: str


@dataclass(frozen=True)
class Adaptation:
    """Factors on the widths of intervals, in roots of units; a cell that is absent has 1.

    Attributes:
        bundle: whose intervals they adapt.
        through: newest day whose misses they know.
        factors: by cell, within `LEAST` and `MOST`.
        name: of the artifact; empty where it is not stored.
    """

    bundle: str
    through: date
    factors: Mapping[Cell, float]
    name: str = ""

    @property
    def digest(self) -> str:
        """The part of the name that its content determines."""
        return self.name.rpartition("-")[2]

    def to_json(self) -> dict[str, Any]:
        """Return the content, which `from_json` reads."""
        return {
            "bundle": self.bundle,
            "through": self.through.isoformat(),
            "factors": [
                {**cell._asdict(), "factor": factor}
                for cell, factor in sorted(self.factors.items())
            ],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], *, name: str = "") -> Self:
        """Read what `to_json` returns.

        Raises:
            ValueError, KeyError, TypeError: it is something else, or a factor is out of bounds.
        """
        factors = {
            Cell(each["level"], each["volume"], each["days_ahead"]): float(each["factor"])
            for each in document["factors"]
        }
        if not all(LEAST <= factor <= MOST for factor in factors.values()):
            raise ValueError(f"a factor is not between {LEAST} and {MOST}")
        return cls(document["bundle"], date.fromisoformat(document["through"]), factors, name)

    def of_nodes(self, hierarchy: Hierarchy, volumes: NDArray[np.intp]) -> Values:
        """Return the factor of each node, shape (nodes, buckets).

        Args:
            volumes: class of each node (see `models.volumes`).
        """
        names = buckets_of(hierarchy.specification).names
        factors = np.ones((len(hierarchy), len(names)))
        for level, rows in hierarchy.slices.items():
            classes = volumes[rows]
            # in a level that has classes, a node without one never sold
            is_divided = bool((classes != NO_VOLUME).any())
            for number, volume in [*enumerate(VOLUMES)] if is_divided else [(NO_VOLUME, "")]:
                of_class = [self.factors.get(Cell(level, volume, name), 1.0) for name in names]
                factors[rows][classes == number] = of_class
        return factors

    def differs(self, other: Adaptation | None) -> bool:
        """Return whether a factor differs by `LEAST_CHANGE`; no adaptation is all 1."""
        before = {} if other is None else other.factors
        return any(
            abs(math.log(self.factors.get(cell, 1.0) / before.get(cell, 1.0))) >= LEAST_CHANGE
            for cell in self.factors.keys() | before.keys()
        )


def _half_width(share: float) -> float:
    """Return the half width of an interval that holds a share of normal errors."""
    least, most = _SHARES
    return _NORMAL.inv_cdf((1 + min(max(share, least), most)) / 2)


@dataclass
class CellTracker:
    """State of a cell as its days are added in order: trailing means, the newest days the most.

    Attributes:
        log_served: logarithm of the factors that the intervals had.
        within_80, within_95: share of the sales within them.
    """

    log_served: float = 0.0
    within_80: float = 0.80
    within_95: float = 0.95

    def add_day(self, *, judged: float, within_80: float, within_95: float, logs: float) -> None:
        """Add a day.

        Args:
            judged: number of its values; the others are sums over them, `logs` of the logarithms of
                the factors.
        """
        if not judged:
            return
        step = STEP * judged / (judged + _FEW)
        self.log_served += step * (logs / judged - self.log_served)
        self.within_80 += step * (within_80 / judged - self.within_80)
        self.within_95 += step * (within_95 / judged - self.within_95)

    @property
    def factor(self) -> float:
        """The factor that would have been right, to the digits that are kept."""
        wider = math.log(_half_width(0.80) / _half_width(self.within_80))
        if wider < 0:
            # Where most sales are 0, an interval from 0 holds more than its share however narrow
            # it is. So intervals get narrower only as far as those of 95 % hold more than theirs.
            wider *= min(max((self.within_95 - 0.95) / _ROOM, 0.0), 1.0)
        factor = math.exp(self.log_served + wider)
        return min(max(round(factor, _DIGITS), LEAST), MOST)
