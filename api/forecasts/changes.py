"""Changes of forecasts from a baseline to a scenario, at every node of the hierarchy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.forecasts.ways import Way
from api.forecasts.windows import ForecastWindow
from api.schemas.reasons import ChildChange, DayChange, NodeChange
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM
from models.scenario import bottoms_below


def ancestors_of(hierarchy: Hierarchy, row: int) -> list[int]:
    """Return the rows of the nodes that this one is a part of, the nearest first."""
    own = set(hierarchy.levels[hierarchy.nodes[row].level])
    above = [level for level, columns in hierarchy.levels.items() if set(columns) < own]
    return [int(hierarchy.ancestor(level)[row]) for level in reversed(above)]


_ROUNDING = 1e-9
"""Rounding error by which two solutions of one system may differ, relative to the baseline."""


@dataclass(frozen=True)
class Changes:
    """Changes of every node's forecast, in a scenario or by an override.

    Attributes:
        altered: nodes whose feature rows differ between the two, shape (nodes,).
        baseline, scenario, delta: units, shape (nodes, days). Deltas are those of the bottom
            series added up, so that they add up even where they are small beside the forecasts.
    """

    hierarchy: Hierarchy
    altered: NDArray[np.bool_]
    baseline: NDArray[np.float64]
    scenario: NDArray[np.float64]
    delta: NDArray[np.float64]

    @classmethod
    def between(
        cls,
        hierarchy: Hierarchy,
        baseline: NDArray[np.float64],
        scenario: NDArray[np.float64],
        altered: NDArray[np.bool_],
    ) -> Changes:
        """Return the changes from one coherent forecast to another, each of shape (nodes, days)."""
        delta = hierarchy.aggregate((scenario - baseline)[hierarchy.n_upper :])
        return cls(hierarchy, altered, baseline, scenario, delta)

    def days(self, snapshot: Snapshot, window: ForecastWindow, row: int) -> list[DayChange]:
        values = (self.baseline[row], self.scenario[row], self.delta[row])
        return [
            DayChange(snapshot.date_at(int(day)), *map(float, of_day))
            for day, *of_day in zip(window.days, *values, strict=True)
        ]

    def node(self, row: int) -> NodeChange:
        node = self.hierarchy.nodes[row]
        return NodeChange(node.id, node.level, *self._sums(row))

    def children(self, row: int, way: Way, depth: int) -> list[ChildChange]:
        """Return the changes of the nodes below one, `depth` levels deep."""
        level = self.hierarchy.nodes[row].level
        if level == BOTTOM or not depth:
            return []
        below = way[way.index(level) + 1]
        rows: Sequence[int] = self.hierarchy.children(level, below).get(row, ())
        nodes = [(child, self.hierarchy.nodes[child]) for child in rows]
        return [
            ChildChange(
                node.id, node.level, *self._sums(child), self.children(child, way, depth - 1)
            )
            for child, node in nodes
        ]

    def moved_by_reconciliation(self) -> list[str]:
        """Return the ids of bottom series that moved although their own rows are unaltered."""
        allowed = _ROUNDING * np.maximum(self.baseline, 1)
        moved = (np.abs(self.delta) > allowed).any(axis=1) & ~self.altered
        moved[: self.hierarchy.n_upper] = False
        return [self.hierarchy.nodes[row].id for row in np.flatnonzero(moved).tolist()]

    def moved_by_shared_features(self, row: int) -> int:
        """Return the number of bottom series with altered rows that are not below a node."""
        own = self.altered[self.hierarchy.n_upper :].copy()
        own[bottoms_below(self.hierarchy, row)] = False
        return int(own.sum())

    def _sums(self, row: int) -> tuple[float, float, float]:
        return (
            float(self.baseline[row].sum()),
            float(self.scenario[row].sum()),
            float(self.delta[row].sum()),
        )
