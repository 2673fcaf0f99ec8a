"""Trees of forecasts along a way down the grouped hierarchy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.forecasts.ways import Way
from api.http.responses import body_of
from features.data.hierarchy import Hierarchy, Node
from features.data.specification import BOTTOM, TOTAL

NodeDocument = dict[str, Any]
"""A node as `api.schemas.forecasts.NodeForecast` describes it, but without its children."""


def children_of(hierarchy: Hierarchy, way: Way, row: int, depth: int | None) -> list[int]:
    """Return the rows of a node's children on the way; none at the bottom, or at depth 0."""
    level = hierarchy.nodes[row].level
    if level == BOTTOM or depth == 0:
        return []
    return hierarchy.children(level, way[way.index(level) + 1]).get(row, [])


class TreeNode(NamedTuple):
    """A node of a tree, where the tree is written node by node.

    Attributes:
        row: in the hierarchy.
        parent: row of its parent; None for the root.
        depth: levels below the root.
    """

    row: int
    parent: int | None
    depth: int


def nodes_below(hierarchy: Hierarchy, way: Way, row: int, depth: int | None) -> Iterator[TreeNode]:
    """Yield a node and all nodes below it, `depth` levels deep, each before its children."""
    waiting = [TreeNode(row, None, 0)]
    while waiting:
        node = waiting.pop()
        yield node
        left = None if depth is None else depth - node.depth
        children = children_of(hierarchy, way, node.row, left)
        waiting += [TreeNode(child, node.row, node.depth + 1) for child in reversed(children)]


def encode_nodes(
    nodes: Sequence[TreeNode], documents: Sequence[NodeDocument], before: TreeNode | None
) -> bytes:
    """Return a part of a tree as JSON, in which every node has its `children` as last member.

    Args:
        nodes, documents: of the part, in the order of `nodes_below`.
        before: the node before the part; None for the first part.
    """
    # Each node opens its list of children, and the next node, which is its first child or is
    # farther up, closes the lists in between. So a part needs the depth of one other node only, and
    # the parts one after the other, with `close_tree`, are the tree.
    pieces: list[bytes] = []
    for node, document in zip(nodes, documents, strict=True):
        if before is not None and node.depth <= before.depth:
            pieces.append(_CLOSE * (before.depth - node.depth + 1) + b",")
        pieces += (body_of(document)[:-1], b',"children":[')
        before = node
    return b"".join(pieces)


def close_tree(last: TreeNode) -> bytes:
    """Return the end of a tree after its last node."""
    return _CLOSE * (last.depth + 1)


_CLOSE = b"]}"


_NO_LISTS: Mapping[str, Any] = MappingProxyType({"intervals": []})


@dataclass(frozen=True)
class Tree:
    """A way down the hierarchy, with forecasts and previous sales of its nodes.

    Attributes:
        values: forecasts in units, shape (nodes,).
        previous: units sold in the previous period, shape (nodes,); NaN where a day of it is not
            delivered, None where the period is not known.
        way: levels from the total to the bottom.
        statistical: forecasts without overrides, shape (nodes,); None where `values` have none.
    """

    hierarchy: Hierarchy
    values: NDArray[np.float64]
    previous: NDArray[np.float64] | None
    way: Way
    statistical: NDArray[np.float64] | None = None

    def document(self, row: int, lists: Mapping[str, Any] = _NO_LISTS) -> NodeDocument:
        """Return a node without its children.

        Args:
            lists: its intervals and quantiles, as `lists_builder` builds them.
        """
        node = self.hierarchy.nodes[row]
        at = self.way.index(node.level)
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
            **lists,
        }

    def _name_of(self, node: Node, above: str) -> str:
        """Return the values of a node, but those that its parent on the way has too."""
        levels = self.hierarchy.levels
        pairs = zip(levels[node.level], node.key, strict=True)
        return " ".join(value for column, value in pairs if column not in levels[above]) or TOTAL
