"""Parts of the series: whole sites, and sums that are carried from one into the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.carried_sums import CarriedSums
from features.data.series_part import Part
from features.data.snapshot import Snapshot
from tests.support.retailer import RETAILERS, snapshot_of


def sites_of(snapshot: Snapshot, part: Part) -> set[str]:
    return set(snapshot.hierarchy.bottoms[snapshot.specification.site][part.bottoms])


@pytest.mark.parametrize("size", [1, 5, 11, 24, 1000])
def test_parts_are_consecutive_and_of_whole_sites(snapshot: Snapshot, size: int) -> None:
    parts = snapshot.split(size)
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == snapshot.hierarchy.n_bottom
    of_parts = [sites_of(snapshot, part) for part in parts]
    assert sum(map(len, of_parts)) == len(set().union(*of_parts))
    for part, sites in zip(parts, of_parts, strict=True):
        assert len(part) <= size or len(sites) == 1


def test_a_part_has_as_many_sites_as_fit(snapshot: Snapshot) -> None:
    first, second = snapshot.split(1)[:2]
    assert snapshot.split(len(first) + len(second))[0] == Part(0, second.stop)
    assert snapshot.split(len(first) + len(second) - 1)[0] == first


def test_series_of_a_site_that_are_apart_stay_in_one_part() -> None:
    snapshot = snapshot_of(RETAILERS["no level between"])
    bottoms = {**snapshot.hierarchy.bottoms, "shop": ("b", "a", "b", "a", "c", "c", "d", "d")}
    items = ("tea", "rice", "rice", "tea", "tea", "rice", "tea", "rice")
    apart = type(snapshot.hierarchy)({**bottoms, "item": items}, snapshot.specification)
    parts = replace(snapshot, hierarchy=apart).split(1)
    assert parts == [Part(0, 4), Part(4, 6), Part(6, 8)]


@pytest.mark.parametrize("announced", [False, True], ids=["all sold", "some are announced"])
@pytest.mark.parametrize("name", RETAILERS)
def test_a_carried_sum_has_the_bits_of_one_sum(
    name: str, announced: bool, draw: np.random.Generator
) -> None:
    """Sums of the parts, added up at the end, would not: that is checked too."""
    snapshot = snapshot_of(RETAILERS[name])
    upper, count = snapshot.hierarchy.n_upper, snapshot.hierarchy.n_bottom
    if announced:
        snapshot = replace(snapshot, begins=np.arange(count) % 2)
    values = draw.lognormal(0, 9, (count, 400)).astype(np.float32)
    parts = snapshot.split(1)
    sums = CarriedSums(snapshot, 400)
    for part in parts:
        sums.add(part, values[part.bottoms])
    for covariate in snapshot.specification.known_ahead:
        whole = snapshot.of_nodes(covariate, values)[:upper]
        assert sums.of_nodes(covariate).tobytes() == whole.tobytes(), covariate.name
    separate = sum(
        snapshot.upper_summing[:, each.bottoms] @ values[each.bottoms].astype(np.float64)
        for each in snapshot.split(count // 2)
    )
    assert (separate != snapshot.hierarchy.aggregate(values)[:upper]).any()
