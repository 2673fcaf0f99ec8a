"""Sums over the scored forecasts of each day, by group and by days ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.data.calendar import Dates
from features.data.hierarchy import Hierarchy
from features.data.specification import TOTAL
from models.buckets import buckets_of
from storage.performance import Performance

_READ = ("known", "sold", "forecast", "absolute", "within_80", "within_95")


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


def list_groups(hierarchy: Hierarchy) -> tuple[str, ...]:
    """Return the names of the levels, and the ids of the nodes above the series but the total."""
    nodes = [node.id for node in hierarchy.nodes[: hierarchy.n_upper] if node.level != TOTAL]
    return (*hierarchy.levels, *nodes)


def arrange_daily(rows: Sequence[Performance], hierarchy: Hierarchy) -> DailySums:
    """Arrange the sums of the days of a bundle in arrays.

    Args:
        rows: of whole levels, and of the own forecasts of single nodes; others are left out.
    """
    groups, buckets = list_groups(hierarchy), buckets_of(hierarchy.specification).names
    at_group = {name: at for at, name in enumerate(groups)}
    at_bucket = {name: at for at, name in enumerate(buckets)}
    level_of = {node.id: node.level for node in hierarchy.nodes[: hierarchy.n_upper]}
    days = sorted({row.day for row in rows})
    at_day = {day: at for at, day in enumerate(days)}
    sums = {name: np.zeros((len(days), len(groups), len(buckets))) for name in _READ}
    for row in rows:
        if row.node and level_of.get(row.node) != row.level:  # of the series below the node
            continue
        group, bucket = at_group.get(row.node or row.level), at_bucket.get(row.days_ahead)
        if group is None or bucket is None:  # of the total once more, or of an earlier hierarchy
            continue
        for name, values in sums.items():
            values[at_day[row.day], group, bucket] = row.sums[name]
    sums["excess"] = sums["forecast"] - sums["sold"]
    return DailySums(np.array(days, dtype="datetime64[D]"), groups, buckets, sums)
