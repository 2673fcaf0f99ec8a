"""The hierarchy: its nodes, their levels, and the sums between them.

A *level* is a set of columns of the bottom series; its nodes are the distinct values of those
columns. ``total`` is the level with no column, ``bottom`` the one with those of the series. Which
others there are is stated in `features.data.specification`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.data.specification import BOTTOM, FAVORITA, Specification


@dataclass(frozen=True)
class Node:
    """One member of the hierarchy; `key` holds the values of its level's columns."""

    id: str
    level: str
    key: tuple[str, ...]


class Hierarchy:
    """Nodes ordered level by level, the total first and the bottom series last.

    Args:
        bottoms: for each column, its value for every bottom series (all of equal length).
        specification: states the levels, which must begin with the total and end with the bottom.

    Invariants: `summing` has one row per node and one column per bottom series; its last rows
    are the identity; every value of a node is ``summing @ values of the bottoms``.
    """

    def __init__(
        self, bottoms: Mapping[str, Sequence[str]], specification: Specification = FAVORITA
    ) -> None:
        levels = specification.columns_of_level
        names = list(levels)
        if not names or levels[names[0]] or names[-1] != BOTTOM:
            raise ValueError("levels must begin with one of no columns and end with the bottom")
        self.specification = specification
        self.bottoms = {column: tuple(values) for column, values in bottoms.items()}
        nodes: list[Node] = []
        slices: dict[str, slice] = {}
        member_of: dict[str, NDArray[np.intp]] = {}
        for level, columns in levels.items():
            keys = self._read_keys(columns)
            # bottoms are not sorted: their order is that of the panel's rows
            distinct = keys if level == BOTTOM else sorted(set(keys), key=natural_sort_key)
            index = {key: number for number, key in enumerate(distinct)}
            if len(index) != len(distinct):
                raise ValueError("two bottom series have the same key")
            slices[level] = slice(len(nodes), len(nodes) + len(distinct))
            member_of[level] = np.array([slices[level].start + index[key] for key in keys])
            nodes.extend(Node(specification.node_id(level, key), level, key) for key in distinct)
        self.nodes = tuple(nodes)
        self.slices = slices
        self._member_of = member_of
        self._ancestors: dict[str, NDArray[np.intp]] = {}
        self._children: dict[tuple[str, str], dict[int, list[int]]] = {}

    def _read_keys(self, columns: Sequence[str]) -> list[tuple[str, ...]]:
        count = len(next(iter(self.bottoms.values())))
        if not columns:
            return [()] * count
        return list(zip(*(self.bottoms[column] for column in columns), strict=True))

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def levels(self) -> Mapping[str, tuple[str, ...]]:
        """Columns of each level, in order."""
        return self.specification.columns_of_level

    @property
    def n_bottom(self) -> int:
        return len(self.nodes) - self.n_upper

    @property
    def n_upper(self) -> int:
        """Number of nodes above the bottom level, whose rows follow theirs."""
        start: int = self.slices[BOTTOM].start
        return start

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each node by its id."""
        return {node.id: row for row, node in enumerate(self.nodes)}

    @cached_property
    def _by_key(self) -> dict[tuple[str, tuple[str, ...]], int]:
        return {(node.level, node.key): row for row, node in enumerate(self.nodes)}

    def find(self, level: str, key: tuple[str, ...]) -> int | None:
        """Return the row of a level's node by its values; None if there is none."""
        return self._by_key.get((level, key))

    @cached_property
    def level_of(self) -> NDArray[np.int64]:
        """Number of each node's level, in the order of `levels`; shape (nodes,)."""
        codes = {level: code for code, level in enumerate(self.levels)}
        return np.array([codes[node.level] for node in self.nodes], dtype=np.int64)

    @cached_property
    def summing(self) -> sparse.csr_array:
        """The summing matrix S, shape (nodes, bottoms), float64."""
        rows = np.concatenate(list(self._member_of.values()))
        columns = np.tile(np.arange(self.n_bottom), len(self.levels))
        ones = np.ones(len(rows))
        return sparse.csr_array((ones, (rows, columns)), shape=(len(self), self.n_bottom))

    def aggregate(self, bottoms: NDArray[np.floating]) -> NDArray[np.float64]:
        """Sum the bottoms to every node.

        Args:
            bottoms: shape (bottoms, ...) in units.

        Returns:
            Shape (nodes, ...), float64.
        """
        values = np.asarray(bottoms, dtype=np.float64)
        flat = self.summing @ values.reshape(self.n_bottom, -1)
        return np.asarray(flat).reshape(len(self), *values.shape[1:])

    def ancestor(self, level: str) -> NDArray[np.intp]:
        """Return the row of each node's ancestor at a level; the total if there is not exactly one.

        Shape (nodes,). A node of the level is its own ancestor.
        """
        member = self._member_of[level]
        if level in self._ancestors:
            return self._ancestors[level]
        result = np.zeros(len(self), dtype=np.intp)
        summing = self.summing
        for row in range(len(self)):
            members = np.unique(
                member[summing.indices[summing.indptr[row] : summing.indptr[row + 1]]]
            )
            if len(members) == 1:
                result[row] = members[0]
        self._ancestors[level] = result
        return result

    def divides(self, above: str, below: str) -> bool:
        """Return whether every node of a level lies within one node of another level."""
        above_of, below_of = self._member_of[above], self._member_of[below]
        return len(set(zip(above_of.tolist(), below_of.tolist(), strict=True))) == len(
            set(below_of.tolist())
        )

    @cached_property
    def dividing(self) -> Mapping[str, tuple[str, ...]]:
        """Levels between the total and the series that divide each level, in order."""
        between = self.specification.between
        return {
            above: tuple(each for each in between if each != above and self.divides(above, each))
            for above in self.levels
        }

    def children(self, level: str, below: str) -> dict[int, list[int]]:
        """Return the rows of the nodes of level `below` by the row of their ancestor at `level`."""
        if (level, below) not in self._children:
            rows = self.slices[below]
            by_parent: dict[int, list[int]] = {}
            for row, parent in enumerate(self.ancestor(level)[rows].tolist(), start=rows.start):
                by_parent.setdefault(parent, []).append(row)
            self._children[level, below] = by_parent
        return self._children[level, below]

    def group_of(self, *columns: str) -> NDArray[np.intp]:
        """Return the number of each bottom series' combination of values; shape (bottoms,).

        Combinations are numbered in their natural order: numbers by value, and before texts.
        """
        keys = self._read_keys(columns)
        numbers = {
            key: number for number, key in enumerate(sorted(set(keys), key=natural_sort_key))
        }
        return np.array([numbers[key] for key in keys], dtype=np.intp)

    def attribute(self, column: str) -> tuple[str | None, ...]:
        """Return the value of a column for each node; None where its bottoms differ."""
        values = self.bottoms[column]
        summing = self.summing
        result: list[str | None] = []
        for row in range(len(self)):
            members = summing.indices[summing.indptr[row] : summing.indptr[row + 1]]
            distinct = {values[member] for member in members}
            result.append(distinct.pop() if len(distinct) == 1 else None)
        return tuple(result)


def natural_sort_key(key: tuple[str, ...]) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that orders numbers by value, and before texts."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in key)
