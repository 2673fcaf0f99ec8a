"""Trees of forecasts along the two ways down the grouped hierarchy, by store or by family."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from api.http.parsing import did_you_mean, shorten
from api.schemas.forecasts import NodeForecast
from api.schemas.requests import HierarchyQuery
from errors import Code, FieldError, Problem
from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM, TOTAL

DEFAULT_WAY = "store"


def way_of(hierarchy: Hierarchy, query: HierarchyQuery) -> tuple[str, int]:
    """Return the level between total and bottom, and the row of the tree's root.

    Raises:
        Problem: INVALID_NODE: there is no such node, or it is not on the requested way.
    """
    node = TOTAL if query.node is None else query.node
    row = hierarchy.index.get(node)
    if row is None:
        detail = f"There is no node {shorten(node)!r}.{did_you_mean(node, hierarchy.index)}"
        raise Problem(Code.INVALID_NODE, detail, errors=[FieldError("node", detail)])
    level = hierarchy.nodes[row].level
    own = level if level not in (TOTAL, BOTTOM) else None
    way = query.by or own or DEFAULT_WAY
    if own not in (None, way):
        detail = f"{node} is not on the way by {way}; leave out by, or ask by={own}."
        raise Problem(Code.INVALID_NODE, detail, errors=[FieldError("node", detail)])
    return way, row


@dataclass(frozen=True)
class Tree:
    """A way down the hierarchy, with forecasts and previous sales of its nodes.

    Attributes:
        values: forecasts in units, shape (nodes,).
        previous: units sold in the previous period, shape (nodes,); NaN where a day of it is not
            delivered, None where the period is not known.
        way: level between total and bottom.
    """

    hierarchy: Hierarchy
    values: NDArray[np.float64]
    previous: NDArray[np.float64] | None
    way: str

    def below(self, row: int, depth: int | None) -> NodeForecast:
        """Return the tree from a node down, `depth` levels deep (all of them where None)."""
        node = self.hierarchy.nodes[row]
        down = {TOTAL: self.way, self.way: BOTTOM}
        rows: list[int] = []
        if node.level in down and depth != 0:
            rows = self.hierarchy.children(node.level, down[node.level]).get(row, [])
        value = float(self.values[row])
        previous = None if self.previous is None else float(self.previous[row])
        if previous is not None and isnan(previous):
            previous = None
        return NodeForecast(
            id=node.id,
            name=_name_of(self.way, node.level, node.key),
            level=node.level,
            prediction=value,
            previous=previous,
            trend=value / previous - 1 if previous else None,
            children=[self.below(child, None if depth is None else depth - 1) for child in rows],
        )


def _name_of(way: str, level: str, key: tuple[str, ...]) -> str:
    """Return the name of a node; of a bottom node only the part that its parent's lacks."""
    if level == BOTTOM:
        store_nbr, family = key
        return family if way == "store" else store_nbr
    return " ".join(key) or TOTAL
