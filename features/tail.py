"""The days up to an origin, with sums over trailing windows.

Sums are accumulated in float64: float32 rolling statistics drift.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

TAIL_DAYS = 2 * 364 + 56
"""Days up to an origin from which features of the past are computed: two years and 8 weeks."""

Values = dict[str, NDArray[np.float64]]


class Tail:
    """Values of the days up to an origin, with means over trailing windows."""

    def __init__(self, values: NDArray[np.float64], age: NDArray[np.int64]) -> None:
        """Take `values` of shape (nodes, days), the origin last, and ages in days since opening."""
        self.values = values
        self.age = age
        self.sums = running_sums(values)

    def mean(self, days: int, *, ago: int = 0) -> NDArray[np.float64]:
        """Return the mean over `days` days that end `ago` days before the origin; (nodes,).

        Days before the opening (first sale) do not count; 0 where the node had not opened by then.
        """
        end = self.sums.shape[1] - 1 - ago
        total = self.sums[:, end] - self.sums[:, max(end - days, 0)]
        lived = np.clip(self.age - ago, 1, days)
        mean: NDArray[np.float64] = np.where(self.age > ago, total / lived, 0.0)
        return mean


def weighted_sums(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted sums over the days, shape (nodes,).

    Args:
        values: shape (nodes, days).
        weights: of the days, shape (days,).
    """
    # Not a matrix product: BLAS adds the days of a node up in an order that depends on how many
    # nodes there are, and so would give a node of a part other bits than among all.
    return np.asarray(np.einsum("nd,d->n", values, weights))


def running_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums of the first 0, 1, 2, … days; shape (nodes, days + 1).

    Args:
        values: shape (nodes, days).
    """
    # The additions of a cumulative sum in the same order, hence the same bits, but one day of all
    # nodes at a time. Along one series each addition waits for the one before; across nodes they
    # are independent and vectorise. Another order of summation would change features in their
    # last bits and so the golden rows of bundles.
    sums = np.zeros((values.shape[1] + 1, values.shape[0]))
    for day, of_day in enumerate(values.T):
        np.add(sums[day], of_day, out=sums[day + 1])
    return sums.T


def pad_front(
    values: NDArray[np.floating], days: int, mode: Literal["constant", "mean"] = "constant"
) -> NDArray[np.float64]:
    """Pad before the data begin, so that every window has its full width.

    Args:
        mode: whether to pad with zeros, or with the mean of the days that there are.
    """
    missing = days - values.shape[1]
    return np.pad(np.asarray(values, dtype=np.float64), ((0, 0), (missing, 0)), mode)
