"""Bounds and quantiles that a forecast is wanted with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Uncertainty:
    """Intervals and quantiles of a forecast, as the numbers that they consist of.

    The numbers are in one order everywhere: lower and upper bound of each interval, then the
    quantiles.

    Attributes:
        nominals: coverage of the intervals, in percent.
        probabilities: of the quantiles, ascending, between 0 and 1.
    """

    nominals: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()

    @property
    def count(self) -> int:
        """Number of the numbers."""
        return 2 * len(self.nominals) + len(self.probabilities)

    @property
    def shares(self) -> tuple[float, ...]:
        """Probabilities at which the distribution is read, one for each number."""
        tails = ((1 - nominal / 100) / 2 for nominal in self.nominals)
        return (*(share for tail in tails for share in (tail, 1 - tail)), *self.probabilities)

    def contain(self, values: Values, mean: Values) -> Values:
        """Return the numbers with bounds that contain the forecast.

        Quantiles are left as they are, even where all of them lie on one side of the forecast.

        Args:
            values: quantiles at `shares`, shape (numbers, …).
            mean: the forecasts, shape (…).
        """
        end = 2 * len(self.nominals)
        contained = values.copy()
        contained[0:end:2] = np.minimum(values[0:end:2], mean)
        contained[1:end:2] = np.maximum(values[1:end:2], mean)
        return contained

    def pairs(self, values: Values) -> list[tuple[Values, Values]]:
        """Return the lower and upper bound of each interval out of the numbers."""
        return [(values[2 * at], values[2 * at + 1]) for at in range(len(self.nominals))]


USUAL = Uncertainty((80, 95))
"""The numbers of an answer whose request names none, which are stored beside the forecasts."""
