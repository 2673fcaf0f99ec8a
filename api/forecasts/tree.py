"""Trees of forecasts along a way down the grouped hierarchy."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from api.forecasts.ways import Way
from api.schemas.forecasts import NodeForecast
from features.data.hierarchy import Hierarchy, Node
from features.data.specification import BOTTOM, TOTAL


@dataclass(frozen=True)
class Tree:
    """A way down the hierarchy, with forecasts and previous sales of its nodes.

    Attributes:
        values: forecasts in units, shape (nodes,).
        previous: units sold in the previous period, shape (nodes,); NaN where a day of it is not
            delivered, None where the period is not known.
        way: levels from the total to the bottom.
    """

    hierarchy: Hierarchy
    values: NDArray[np.float64]
    previous: NDArray[np.float64] | None
    way: Way

    def below(self, row: int, depth: int | None) -> NodeForecast:
        """Return the tree from a node down, `depth` levels deep (all of them where None)."""
        node = self.hierarchy.nodes[row]
        at = self.way.index(node.level)
        rows: list[int] = []
        if node.level != BOTTOM and depth != 0:
            rows = self.hierarchy.children(node.level, self.way[at + 1]).get(row, [])
        value = float(self.values[row])
        previous = None if self.previous is None else float(self.previous[row])
        if previous is not None and isnan(previous):
            previous = None
        return NodeForecast(
            id=node.id,
            name=self._name_of(node, self.way[max(at - 1, 0)]),
            level=node.level,
            prediction=value,
            previous=previous,
            trend=value / previous - 1 if previous else None,
            children=[self.below(child, None if depth is None else depth - 1) for child in rows],
        )

    def _name_of(self, node: Node, above: str) -> str:
        """Return the values of a node, but those that its parent on the way has too."""
        levels = self.hierarchy.levels
        pairs = zip(levels[node.level], node.key, strict=True)
        return " ".join(value for column, value in pairs if column not in levels[above]) or TOTAL
