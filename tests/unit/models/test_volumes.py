"""Nodes of large levels are divided into thirds by what they have sold of late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM, TOTAL
from models.volumes import NO_VOLUME, VOLUMES, volumes_of


def test_the_series_are_divided_into_thirds(snapshot: Snapshot) -> None:
    rows = snapshot.hierarchy.slices[BOTTOM]
    classes = volumes_of(snapshot)[rows]
    sold = snapshot.first_sale[rows] < snapshot.n_days
    units = snapshot.sales[rows, -28:].sum(axis=1)
    counts = [np.count_nonzero(classes == number) for number in range(len(VOLUMES))]
    assert max(counts) - min(counts) <= 1
    assert units[classes == 0].max() <= units[classes == 1].min()
    assert units[classes == 1].max() <= units[classes == 2].min()
    assert set(classes[sold]) == {0, 1, 2}


def test_small_levels_are_not_divided(snapshot: Snapshot) -> None:
    assert set(volumes_of(snapshot)[snapshot.hierarchy.slices[TOTAL]]) == {NO_VOLUME}


def test_series_that_never_sold_have_no_class(snapshot: Snapshot) -> None:
    row = snapshot.hierarchy.slices[BOTTOM].start
    sales = snapshot.sales.copy()
    sales[row] = 0
    assert volumes_of(replace(snapshot, sales=sales, estimated=None))[row] == NO_VOLUME
