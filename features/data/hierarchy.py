"""The hierarchy: its nodes, their levels, and the sums between them.

A *level* is a set of columns of the bottom series; its nodes are the distinct values of those
columns. ``total`` is the level with no column, ``bottom`` the one with those of the series. Which
others there are is stated in `features.data.specification`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.data.specification import BOTTOM, FAVORITA, Specification

_MOST_CACHED = 65_536

Key = tuple[str, ...]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Cache(dict[_Key, _Value]):
    """Cache that holds all nodes of most retailers, and is emptied when it is full.

    Not `functools.lru_cache` of a method: it makes a cycle of references, and a worker's garbage
    collector does not look at a release any more (`gc.freeze`).
    """

    def add(self, key: _Key, value: _Value) -> _Value:
        if len(self) >= _MOST_CACHED:
            self.clear()
        self[key] = value
        return value


@dataclass(frozen=True, slots=True)
class Node:
    """One member of the hierarchy; `key` holds the values of its level's columns."""

    id: str
    level: str
    key: Key


class Nodes(Sequence[Node]):
    """The nodes of a hierarchy by row, each made when it is read.

    Args:
        keys: of the nodes of each level, in order.
    """

    def __init__(self, specification: Specification, keys: Mapping[str, Sequence[Key]]) -> None:
        self._specification = specification
        self._keys = keys
        self._levels = list(keys)
        self._starts = np.cumsum([0, *map(len, keys.values())]).tolist()
        self._cache: _Cache[int, Node] = _Cache()

    def __len__(self) -> int:
        count: int = self._starts[-1]
        return count

    @overload
    def __getitem__(self, rows: int) -> Node: ...

    @overload
    def __getitem__(self, rows: slice) -> tuple[Node, ...]: ...

    def __getitem__(self, rows: int | slice) -> Node | tuple[Node, ...]:
        if isinstance(rows, slice):
            return tuple(self[row] for row in range(*rows.indices(len(self))))
        node = self._cache.get(rows)
        return self._cache.add(rows, self._make(rows)) if node is None else node

    def __iter__(self) -> Iterator[Node]:
        node_id = self._specification.node_id
        for level, keys in self._keys.items():
            for key in keys:
                yield Node(node_id(level, key), level, key)

    def _make(self, row: int) -> Node:
        if not -len(self) <= row < len(self):
            raise IndexError(f"there is no node {row}")
        row %= len(self)
        at = bisect_right(self._starts, row) - 1
        level = self._levels[at]
        key = self._keys[level][row - self._starts[at]]
        return Node(self._specification.node_id(level, key), level, key)


class NodeIndex(Mapping[str, int]):
    """Row of each node by its id.

    A dictionary of all ids would take some 200 bytes a node in every worker. This one takes 16:
    the sorted hashes of the ids, with their rows.
    """

    def __init__(self, nodes: Nodes) -> None:
        hashes = np.fromiter((hash(node.id) for node in nodes), np.int64, len(nodes))
        self._nodes = nodes
        self._rows = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._rows]
        self._cache: _Cache[str, int] = _Cache()

    def __getitem__(self, node: str) -> int:
        row = self._cache.get(node)
        return self._cache.add(node, self._find(node)) if row is None else row

    def __iter__(self) -> Iterator[str]:
        return (node.id for node in self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def _find(self, node: str) -> int:
        hashed = hash(node)
        at = int(np.searchsorted(self._hashes, hashed))
        while at < len(self._hashes) and self._hashes[at] == hashed:
            row = int(self._rows[at])
            if self._nodes[row].id == node:
                return row
            at += 1
        raise KeyError(node)


class _BottomKeys(Sequence[Key]):
    """Values of columns of each bottom series, put together when they are read."""

    def __init__(self, columns: Sequence[Sequence[str]]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0])

    @overload
    def __getitem__(self, at: int) -> Key: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Key]: ...

    def __getitem__(self, at: int | slice) -> Key | Sequence[Key]:
        if isinstance(at, slice):
            return _BottomKeys([column[at] for column in self._columns])
        return tuple(column[at] for column in self._columns)

    def __iter__(self) -> Iterator[Key]:
        return zip(*self._columns, strict=True)


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
        self.bottoms = {column: _share(values) for column, values in bottoms.items()}
        keys: dict[str, Sequence[Key]] = {}
        slices: dict[str, slice] = {}
        member_of: dict[str, NDArray[np.intp]] = {}
        start = 0
        for level, columns in levels.items():
            if level == BOTTOM:  # not sorted: their order is that of the panel's rows
                keys[level] = _BottomKeys([self.bottoms[column] for column in columns])
                numbers = np.arange(len(keys[level]))
                if len(np.unique(self._combine(columns))) != len(numbers):
                    raise ValueError("two bottom series have the same key")
            else:
                keys[level], numbers = self._number(columns)
            slices[level] = slice(start, start + len(keys[level]))
            member_of[level] = start + numbers
            start += len(keys[level])
        self.nodes = Nodes(specification, keys)
        self.slices = slices
        self._member_of = member_of
        self._ancestors: dict[str, NDArray[np.intp]] = {}
        self._children: dict[tuple[str, str], dict[int, list[int]]] = {}
        self._rows: _Cache[tuple[str, Key], int] = _Cache()

    def _combine(self, columns: Sequence[str]) -> NDArray[np.intp]:
        """Return a number for each bottom, the same for the same values of columns."""
        numbered = [self._number([column]) for column in columns]
        sizes = [len(keys) for keys, _ in numbered]
        return np.ravel_multi_index([numbers for _, numbers in numbered], sizes)

    def _number(self, columns: Sequence[str]) -> tuple[list[Key], NDArray[np.intp]]:
        """Return the distinct combinations of values, and the number of each bottom's.

        They are in their natural order.
        """
        numbers: dict[Key, int] = {}
        first_seen = np.fromiter(
            (numbers.setdefault(key, len(numbers)) for key in self._read_keys(columns)), np.intp
        )
        keys = sorted(numbers, key=natural_sort_key)
        ordered = np.empty(len(keys), dtype=np.intp)
        ordered[[numbers[key] for key in keys]] = np.arange(len(keys))
        return keys, ordered[first_seen]

    def _read_keys(self, columns: Sequence[str]) -> Iterator[Key]:
        if not columns:
            return repeat((), len(next(iter(self.bottoms.values()))))
        return zip(*(self.bottoms[column] for column in columns), strict=True)

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
    def index(self) -> NodeIndex:
        """Row of each node by its id."""
        return NodeIndex(self.nodes)

    def find(self, level: str, key: Key) -> int | None:
        """Return the row of a level's node by its values; None if there is none."""
        row = self._rows.get((level, key))
        if row is not None:
            return row
        if len(key) != len(self.levels[level]):
            return None
        node = Node(self.specification.node_id(level, key), level, key)
        row = self.index.get(node.id)
        if row is None or self.nodes[row] != node:
            return None
        return self._rows.add((level, key), row)

    @cached_property
    def level_of(self) -> NDArray[np.int64]:
        """Number of each node's level, in the order of `levels`; shape (nodes,)."""
        sizes = [rows.stop - rows.start for rows in self.slices.values()]
        return np.repeat(np.arange(len(sizes)), sizes)

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
        least, most = self._range_over_bottoms(member)
        self._ancestors[level] = np.where(least == most, least, 0)
        return self._ancestors[level]

    def _range_over_bottoms(
        self, values: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the least and the largest value of each node's bottoms, shape (nodes,) each."""
        summing = self.summing
        of_nodes = values[summing.indices]
        starts = summing.indptr[:-1]
        return np.minimum.reduceat(of_nodes, starts), np.maximum.reduceat(of_nodes, starts)

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
        return self._number(columns)[1]

    def attribute(self, column: str) -> tuple[str | None, ...]:
        """Return the value of a column for each node; None where its bottoms differ."""
        keys, numbers = self._number([column])
        least, most = self._range_over_bottoms(numbers)
        return tuple(
            keys[number][0] if single else None
            for number, single in zip(least.tolist(), (least == most).tolist(), strict=True)
        )


def _share(values: Sequence[str]) -> tuple[str, ...]:
    """Return values of which equal ones are one object."""
    distinct: dict[str, str] = {}
    return tuple(distinct.setdefault(value, value) for value in values)


def natural_sort_key(key: tuple[str, ...]) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that orders numbers by value, and before texts."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in key)
