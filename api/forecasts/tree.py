"""Trees of forecasts along a way down the grouped hierarchy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.forecasts.ways import Way
from features.data.hierarchy import Hierarchy, Node
from features.data.specification import BOTTOM, TOTAL

NodeDocument = dict[str, Any]
"""A node as `api.schemas.forecasts.NodeForecast` describes it."""


def children_of(hierarchy: Hierarchy, way: Way, row: int, depth: int | None) -> list[int]:
    """Return the rows of a node's children on the way; none at the bottom, or at depth 0."""
    level = hierarchy.nodes[row].level
    if level == BOTTOM or depth == 0:
        return []
    return hierarchy.children(level, way[way.index(level) + 1]).get(row, [])


def rows_below(hierarchy: Hierarchy, way: Way, row: int, depth: int | None) -> Iterator[int]:
    """Yield the rows of a node and of all nodes below it, `depth` levels deep."""
    yield row
    for child in children_of(hierarchy, way, row, depth):
        yield from rows_below(hierarchy, way, child, None if depth is None else depth - 1)


@dataclass(frozen=True)
class Tree:
    """A way down the hierarchy, with forecasts and previous sales of its nodes.

    Attributes:
        values: forecasts in units, shape (nodes,).
        previous: units sold in the previous period, shape (nodes,); NaN where a day of it is not
            delivered, None where the period is not known.
        way: levels from the total to the bottom.
        lists: intervals and quantiles of the forecasts, as `lists_builder` builds them, by the row
            of their node; where they are wanted.
        statistical: forecasts without overrides, shape (nodes,); None where `values` have none.
    """

    hierarchy: Hierarchy
    values: NDArray[np.float64]
    previous: NDArray[np.float64] | None
    way: Way
    lists: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    statistical: NDArray[np.float64] | None = None

    def below(self, row: int, depth: int | None) -> NodeDocument:
        """Return the tree from a node down, `depth` levels deep (all of them where None)."""
        node = self.hierarchy.nodes[row]
        at = self.way.index(node.level)
        rows = children_of(self.hierarchy, self.way, row, depth)
        value = float(self.values[row])
        previous = None if self.previous is None else float(self.previous[row])
        if previous is not None and isnan(previous):
            previous = None
        return {
            "id": node.id,
            "name": self._name_of(node, self.way[max(at - 1, 0)]),
            "level": node.level,
            "prediction": value,
            "statistical": None if self.statistical is None else float(self.statistical[row]),
            "previous": previous,
            "trend": value / previous - 1 if previous else None,
            **self.lists.get(row, {"intervals": []}),
            "children": [self.below(child, None if depth is None else depth - 1) for child in rows],
        }

    def _name_of(self, node: Node, above: str) -> str:
        """Return the values of a node, but those that its parent on the way has too."""
        levels = self.hierarchy.levels
        pairs = zip(levels[node.level], node.key, strict=True)
        return " ".join(value for column, value in pairs if column not in levels[above]) or TOTAL
