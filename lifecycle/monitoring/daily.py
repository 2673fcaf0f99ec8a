"""Sums over the scored forecasts of each day, by group and by days ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.data.calendar import Dates


@dataclass(frozen=True)
class DailySums:
    """Sums over the forecasts of all vintages of a bundle whose sales are known.

    Attributes:
        days: ascending, shape (days,); a day of which nothing is known may be absent.
        groups: names of levels, and ids of single nodes above the series.
        buckets: names of the spans of days ahead, as `Buckets.names`.
        sums: by name, each of shape (days, groups, buckets), 0 where nothing is known: `known`
            (number of values), `sold`, `forecast`, `absolute` (error), `excess` (of the forecast
            over what was sold), `within_80` and `within_95` (values in their intervals); others
            are not read here.
    """

    days: Dates
    groups: tuple[str, ...]
    buckets: tuple[str, ...]
    sums: Mapping[str, NDArray[np.float64]]
