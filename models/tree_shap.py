"""Exact TreeSHAP of the trees of a booster, read from LightGBM's text, a few milliseconds a row.

The contributions are those of `Booster.predict(pred_contrib=True)`: path-dependent Shapley values
(Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
Nature Machine Intelligence 2, 2020). LightGBM follows one path after the other and takes three
times as long; no library that is maintained is faster than it.

How it works. A leaf of value v is reached if every feature on its path lets the row pass. For a
coalition of features, each member j passes or not, o_j = 1 or 0, and each other one passes by the
share z_j of training rows that did: the leaf's worth is v times the product of these. The Shapley
value of feature i is the integral over t from 0 to 1 of

    v (o_i - z_i)  product over all other j on the path of  (t o_j + (1 - t) z_j)

(G. Owen, "Multilinear extensions of games", Management Science 18, 1972). The integrand is a
polynomial whose degree is the number of these other features, so Gauss-Legendre quadrature gives
the integral exactly. At every point t the products are passed down from the roots and their sums
over leaves passed up again (as in Yu et al., "Linear TreeShap", NeurIPS 2022, who interpolate
instead), for one level of all trees at once: each step is one operation of numpy on thousands of
edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]

_CATEGORICAL, _LEFT = 1, 2
"""Bits of a split's `decision_type`: it compares categories; what is missing goes left."""
_NOTHING, _NAN = 0, 2
"""What is missing at a split, the other bits of its `decision_type`: nothing, or NaN."""

_POINTS_STEP = 4
"""Trees are integrated together if they need as many points, rounded up to a multiple of this: few
groups, and trees with short paths do not pay for the longest one."""


@dataclass(frozen=True)
class _Tree:
    """Splits and leaves of a tree; a child is a split, or a leaf as -1 - its number."""

    feature: Positions
    threshold: Floats
    decision: NDArray[np.int64]
    left: Positions
    right: Positions
    count: Floats
    leaf_value: Floats
    leaf_count: Floats

    @classmethod
    def read(cls, text: str) -> _Tree:
        """Read a tree from the lines below its number.

        Raises:
            ValueError: it compares categories, is linear, or treats zeros as missing.
        """
        lines = text.partition("\n\n")[0].split("\n")
        fields = dict(line.split("=", 1) for line in lines if "=" in line)

        def values(name: str, dtype: type[Any]) -> NDArray[Any]:
            return np.array(fields.get(name, "").split(), dtype=dtype)

        tree = cls(
            feature=values("split_feature", np.intp),
            threshold=values("threshold", np.float64),
            decision=values("decision_type", np.int64),
            left=values("left_child", np.intp),
            right=values("right_child", np.intp),
            count=values("internal_count", np.float64),
            leaf_value=values("leaf_value", np.float64),
            leaf_count=values("leaf_count", np.float64),
        )
        if fields.get("is_linear", "0") != "0" or (tree.decision & _CATEGORICAL).any():
            raise ValueError("a tree is linear or compares categories")
        if not np.isin(tree.decision >> 2, (_NOTHING, _NAN)).all():
            raise ValueError("a tree treats zeros as missing")
        return tree

    @property
    def mean(self) -> float:
        """Mean of the leaves over the rows of the training."""
        if not len(self.feature):
            return float(self.leaf_value[0])
        return float(self.leaf_count @ self.leaf_value / self.leaf_count.sum())


@dataclass(frozen=True)
class _Level:
    """The edges from the splits at one depth of all trees to their children.

    The first half lead left, the second half right, from the same splits in the same order. Edges
    are numbered through all levels.

    Attributes:
        start, stop: numbers of the first, and after the last.
        inner: numbers of those that lead to splits, which are the next level's.
        leaf_values: of those that lead to leaves, else 0.
        repeated: numbers of those whose feature is on the path to their split as well.
        above: the nearest edge on the path with the feature of each that is repeated.
    """

    start: int
    stop: int
    inner: Positions
    leaf_values: Floats
    repeated: Positions
    above: Positions


class _Forest:
    """Trees by levels.

    Attributes:
        path_features: the most features on a path of each tree.
    """

    def __init__(self, trees: Sequence[_Tree], columns: int) -> None:
        # `last_edge` holds, for each split of a level, the number of the edge above it that was
        # the last to ask for each feature, -1 for none: what finds the repeated ones.
        splits = np.array([len(tree.feature) for tree in trees], dtype=np.intp)
        leaves = np.array([len(tree.leaf_value) for tree in trees], dtype=np.intp)
        split_at, leaf_at = np.cumsum(splits) - splits, np.cumsum(leaves) - leaves
        children = np.concatenate(
            [
                np.where(child >= 0, child + split, child - leaf)
                for tree, split, leaf in zip(trees, split_at, leaf_at, strict=True)
                for child in (np.stack((tree.left, tree.right)),)
            ],
            axis=1,
        )
        feature, count = _join(trees, "feature"), _join(trees, "count")
        leaf_value, leaf_count = _join(trees, "leaf_value"), _join(trees, "leaf_count")
        tree_of = np.repeat(np.arange(len(trees)), splits)

        self.path_features = np.zeros(len(trees), dtype=np.intp)
        self._levels: list[_Level] = []
        features: list[Positions] = []
        order: list[Positions] = []
        self._cover = np.empty(2 * len(feature))
        current = split_at[splits > 0]
        last_edge = np.full((len(current), columns), -1, dtype=np.int32)
        on_path = np.zeros(len(current), dtype=np.intp)
        start = 0
        while len(current):
            stop = start + 2 * len(current)
            child = children[:, current].ravel()
            at = np.tile(np.arange(len(current)), 2)
            of_edge = feature[current][at]
            is_leaf = child < 0
            leaf = np.where(is_leaf, -1 - child, 0)
            rows = np.where(is_leaf, leaf_count[leaf], count[np.where(is_leaf, 0, child)])
            above = last_edge[at, of_edge].astype(np.intp)
            repeated = np.flatnonzero(above >= 0)
            inner = np.flatnonzero(~is_leaf)
            cover = self._cover[start:stop]
            cover[:] = rows / count[current][at]
            cover[repeated] *= self._cover[above[repeated]]
            on_path = on_path[at] + (above < 0)
            np.maximum.at(self.path_features, tree_of[current][at], on_path)
            features.append(of_edge)
            order.append(current)
            self._levels.append(
                _Level(
                    *(start, stop, start + inner),
                    leaf_values=np.where(is_leaf, leaf_value[leaf], 0.0),
                    repeated=start + repeated,
                    above=above[repeated],
                )
            )
            last_edge = last_edge[at[inner]]
            last_edge[np.arange(len(inner)), of_edge[inner]] = start + inner
            on_path, current, start = on_path[inner], child[inner], stop

        self._edges = start
        by_level = np.concatenate(order) if order else np.empty(0, dtype=np.intp)
        self._edge_feature = np.concatenate(features) if features else by_level
        self._feature = feature[by_level]
        self._threshold = _join(trees, "threshold")[by_level]
        decision = _join(trees, "decision")[by_level]
        # a split that knew no missing values in training reads NaN as 0
        self._nan_left = np.where(
            decision >> 2 == _NAN, decision & _LEFT != 0, self._threshold >= 0
        )
        points, weights = np.polynomial.legendre.leggauss(max(self._points, 1))
        self._inside, self._weights = (points[:, None] + 1) / 2, weights / 2

    @property
    def _points(self) -> int:
        """Points at which a polynomial of the degree of the longest path is integrated exactly."""
        longest = int(self.path_features.max(initial=0))
        return -(-longest // 2)

    def contributions(self, row: NDArray[np.float32]) -> Floats:
        """Return the contribution of each column of a row, shape (columns,)."""
        if not self._edges:
            return np.zeros(len(row))
        passes = self._find_passed(row)
        factors, products = self._pass_down(passes)
        of_edges = self._pass_up(passes, factors, products)
        return np.bincount(self._edge_feature, of_edges, len(row)).astype(np.float64)

    def _find_passed(self, row: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Mark the edges that the row passes, as it does the edges above with their feature."""
        values = row.astype(np.float64)[self._feature]
        left = (values <= self._threshold) | (np.isnan(values) & self._nan_left)
        passes = np.empty(self._edges, dtype=np.bool_)
        for level in self._levels:
            middle = (level.start + level.stop) // 2
            of_splits = slice(level.start // 2, level.stop // 2)
            passes[level.start : middle] = left[of_splits]
            np.logical_not(left[of_splits], out=passes[middle : level.stop])
            passes[level.repeated] &= passes[level.above]
        return passes

    # Arrays have a row for each point and a column for each edge, so that the innermost loops of
    # numpy run over thousands of edges; `take` would copy a part of such an array before it reads
    # it, so it reads whole ones. A feature that is repeated on a path has one factor, that
    # of its last edge, whose cover is the product of them all; hence the division by the former.

    def _pass_down(self, passes: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return the factor of each edge, and the product of the factors down to it."""
        inside, outside = self._inside, 1 - self._inside
        factors = np.empty((len(inside), self._edges))
        products = np.empty_like(factors)
        above: Floats | None = None
        for level in self._levels:
            edges, half = slice(level.start, level.stop), (level.stop - level.start) // 2
            factor, product = factors[:, edges], products[:, edges]
            np.multiply(outside, self._cover[edges], out=factor)
            factor += inside * passes[edges].astype(np.float64)  # many times faster than `where=`
            if above is None:
                product[:] = factor
            else:
                np.multiply(above, factor[:, :half], out=product[:, :half])
                np.multiply(above, factor[:, half:], out=product[:, half:])
            if len(level.repeated):
                repeated = products.take(level.repeated, axis=1)
                repeated /= factors.take(level.above, axis=1)
                products[:, level.repeated] = repeated
            above = products.take(level.inner, axis=1)
        return factors, products

    def _pass_up(self, passes: NDArray[np.bool_], factors: Floats, products: Floats) -> Floats:
        """Return the contribution of each edge; overwrite the products."""
        surplus = passes - self._cover
        of_edges = np.empty(self._edges)
        below: Floats | None = None
        for level in reversed(self._levels):
            edges, half = slice(level.start, level.stop), (level.stop - level.start) // 2
            sums = products[:, edges]
            sums *= level.leaf_values
            if below is not None:
                products[:, level.inner] = below
            below = sums[:, :half] + sums[:, half:]
            repeated = products.take(level.repeated, axis=1)
            sums /= factors[:, edges]
            of_edges[edges] = surplus[edges] * (self._weights @ sums)
            if len(level.repeated):  # below this edge its feature has another factor
                repeated /= factors.take(level.above, axis=1)
                of_edges[level.repeated] -= surplus[level.above] * (self._weights @ repeated)
        return of_edges


def _join(trees: Sequence[_Tree], field: str) -> NDArray[Any]:
    return np.concatenate([getattr(tree, field) for tree in trees])


class TreeShap:
    """The trees of one booster, ready to explain rows. Threads may share it.

    Args:
        text: of the booster, as LightGBM writes it.
        columns: of the rows.

    Attributes:
        base: mean score of the training rows.

    Raises:
        ValueError: the trees are of a kind that is not supported; see `_Tree.read`.
    """

    def __init__(self, text: str, columns: int) -> None:
        trees = [_Tree.read(tree) for tree in text.split("\nTree=")[1:]]
        self.base = float(sum(tree.mean for tree in trees))
        points = -(-_Forest(trees, columns).path_features // (2 * _POINTS_STEP))
        self._forests = [
            _Forest([tree for tree, of in zip(trees, points, strict=True) if of == group], columns)
            for group in np.unique(points)
        ]

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """Return the contributions of rows of shape (n, columns).

        Returns:
            Shape (n, columns + 1): one column for each feature, then the base; a row's sum is its
            score.
        """
        outputs = np.zeros((len(rows), rows.shape[1] + 1))
        outputs[:, -1] = self.base
        for output, row in zip(outputs, rows, strict=True):
            for forest in self._forests:
                output[:-1] += forest.contributions(row)
        return outputs
