"""Sums of days are arranged in arrays, for the tests of drift."""

from __future__ import annotations

from datetime import date

import numpy as np

from features.data.snapshot import Snapshot
from lifecycle.monitoring.daily import arrange_daily, list_groups
from models.buckets import buckets_of
from storage.performance import Performance
from storage.tables import PERFORMANCE_SUMS


def sums(sold: float) -> dict[str, float]:
    return dict.fromkeys(PERFORMANCE_SUMS, 0.0) | {"sold": sold}


def test_sums_are_arranged_by_day_group_and_bucket(snapshot: Snapshot) -> None:
    hierarchy = snapshot.hierarchy
    store = hierarchy.nodes[hierarchy.slices["store"].start].id
    days = [date(2024, 7, 1), date(2024, 7, 3)]
    rows = [
        Performance(day=days[0], level="total", node="", days_ahead="1-7", sums=sums(1)),
        Performance(day=days[1], level="store", node=store, days_ahead="8-16", sums=sums(2)),
        Performance(day=days[1], level="bottom", node=store, days_ahead="1-7", sums=sums(9)),
    ]
    daily = arrange_daily(rows, hierarchy)
    assert daily.days.tolist() == days
    assert daily.groups == list_groups(hierarchy)
    sold = daily.sums["sold"]
    assert sold.shape == (2, len(daily.groups), len(buckets_of(hierarchy.specification)))
    assert sold[0, daily.groups.index("total"), 0] == 1
    assert sold[1, daily.groups.index(store), 1] == 2
    assert np.count_nonzero(sold) == 2
