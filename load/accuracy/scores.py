"""Scores of forecasts on the days that count.

A cell of a bottom series counts on days on which it was known and open. A node above is compared on
the sum of the cells that count, of actuals and of forecasts alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from models import metrics
from training.evaluation.scores import Document, Values, point_scores

ALL = "all"
MEASURES = ("rmsse", "wape", "bias")


@dataclass(frozen=True)
class HeldOut:
    """Actual sales of the days that were held out.

    Attributes:
        hierarchy: of the series that were known before them.
        bottoms: units, shape (bottoms, days); NaN on days that do not count.
        history: units of all nodes on the days before, shape (nodes, days).
    """

    hierarchy: Hierarchy
    bottoms: Values
    history: Values

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Cells that count, shape (bottoms, days)."""
        return ~np.isnan(self.bottoms)

    def sum_counted(self, bottoms: Values) -> Values:
        """Return the sums of the cells that count, shape (nodes, days); NaN where none does."""
        counted = self.counted
        sums = self.hierarchy.aggregate(np.where(counted, bottoms, 0))
        return np.where(self.hierarchy.aggregate(counted.astype(np.float64)) > 0, sums, np.nan)

    def score_points(self, bottoms: Values) -> Document:
        """Return WRMSSE, WAPE and bias by level and for all, of forecasts of the bottom series.

        The figure of all levels is their mean.
        """
        horizons = np.arange(1, bottoms.shape[1] + 1)
        forecast, actual = self.sum_counted(bottoms), self.sum_counted(self.bottoms)
        scores = point_scores(forecast, actual, self.history, self.hierarchy, horizons)
        levels = {
            level: {measure: values[measure] for measure in MEASURES}
            for level, values in scores["levels"].items()
        }
        means = {
            measure: float(np.mean([values[measure] for values in levels.values()]))
            for measure in MEASURES
        }
        return {**levels, ALL: means}

    def score_intervals(
        self, mean: Values, bounds: Mapping[int, tuple[Values, Values]]
    ) -> dict[str, dict[str, float]]:
        """Return the coverage of intervals by level, and their mean, by nominal percent.

        The bounds of a node of which some cells do not count are reduced by the share of these
        cells in its forecast.

        Args:
            mean: forecasts of all nodes, shape (nodes, days).
            bounds: lower and upper by nominal percent, each of the shape of `mean`.
        """
        actual = self.sum_counted(self.bottoms)
        compared = self.sum_counted(mean[self.hierarchy.n_upper :])
        share = np.divide(compared, mean, out=np.ones_like(mean), where=mean > 0)
        result: dict[str, dict[str, float]] = {}
        for level, rows in self.hierarchy.slices.items():
            result[level] = {
                str(nominal): metrics.coverage(
                    lower[rows] * share[rows], upper[rows] * share[rows], actual[rows]
                )
                for nominal, (lower, upper) in bounds.items()
            }
        result[ALL] = {
            str(nominal): float(np.mean([values[str(nominal)] for values in result.values()]))
            for nominal in bounds
        }
        return result


def summarise(scores: Mapping[str, Any], measure: str) -> dict[str, dict[str, float]]:
    """Return a measure of all methods by level."""
    levels = list(next(iter(scores.values())))
    return {
        level: {method: values[level][measure] for method, values in scores.items()}
        for level in levels
    }
