"""Horizon buckets: spans of days ahead by which intervals are calibrated and errors reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from features.data.specification import Specification
from features.data.step import Step

Values = NDArray[np.float64]

_LASTS: Mapping[Step, tuple[int, ...]] = {
    Step.DAY: (7, 16, 30, 60, 90, 180, 365),
    Step.WEEK: (2, 4, 8, 13, 26, 52, 104),
}


@dataclass(frozen=True)
class Buckets:
    """Consecutive spans of the days ahead.

    Attributes:
        spans: first and last day after the origin of each bucket.
    """

    spans: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.spans)

    @property
    def horizon(self) -> int:
        """The last day after the origin."""
        return self.spans[-1][1]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of each bucket, such as ``8-16``."""
        return tuple(f"{first}-{last}" for first, last in self.spans)

    def of(self, horizons: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the number of each horizon's bucket."""
        return np.searchsorted([last for _, last in self.spans], horizons)

    @cached_property
    def weights(self) -> Values:
        """Weights of the buckets at each horizon, shape (horizons, buckets).

        A product with it interpolates values of the buckets linearly between the buckets' centres,
        so that widths do not jump at a bucket's border. Before the first and after the last centre
        the values are constant.
        """
        centres = np.array([(first + last) / 2 for first, last in self.spans])
        every_day = np.arange(1, self.horizon + 1)
        return np.stack(
            [np.interp(every_day, centres, unit) for unit in np.eye(len(self.spans))], axis=1
        )

    def at_days(self, values: Values) -> Values:
        """Return values of the buckets, shape (n, buckets), at every horizon: (n, horizons)."""
        # added bucket by bucket: the bits of a row of a product depend on how many rows it has
        days = np.zeros((len(values), self.horizon))
        for of_bucket, weights in zip(values.T, self.weights.T, strict=True):
            days += of_bucket[:, None] * weights
        return days


@lru_cache(maxsize=16)
def _make_buckets(step: Step, horizon: int) -> Buckets:
    lasts = [*(last for last in _LASTS[step] if last < horizon), horizon]
    firsts = [1, *(last + 1 for last in lasts[:-1])]
    return Buckets(tuple(zip(firsts, lasts, strict=True)))


def buckets_of(specification: Specification) -> Buckets:
    """Return the buckets of the horizon of a specification."""
    return _make_buckets(specification.step, specification.horizon)
