"""A forecast against the year before, with and without the series that are new since."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from models.year_before import topmost, year_before
from tests.support.retailer import BY_REGION, snapshot_of

YEAR = 364
STEPS = 28
SOUTH = [2, 3, 4, 5]
"""Series of the shops 10 and 9."""


@pytest.fixture
def snapshot() -> Snapshot:
    """A retailer whose region South opened 100 days before the newest day."""
    whole = snapshot_of(BY_REGION)
    sales = whole.sales[whole.hierarchy.n_upper :].copy()
    sales[SOUTH, :-100] = 0
    return replace(whole, sales=whole.hierarchy.aggregate(sales))


@pytest.fixture
def mean(snapshot: Snapshot) -> np.ndarray:
    return np.asarray(snapshot.sales[:, -STEPS:])


def rows_of(snapshot: Snapshot, *nodes: str) -> list[int]:
    return [snapshot.hierarchy.index[node] for node in nodes]


def test_the_same_weekdays_of_the_year_before_are_compared(
    snapshot: Snapshot, mean: np.ndarray
) -> None:
    year = year_before(snapshot, mean, snapshot.n_days)
    assert year is not None
    assert year.start == snapshot.n_days - YEAR
    np.testing.assert_allclose(year.prediction, mean.sum(axis=1))
    before = snapshot.sales[:, year.start : year.start + STEPS]
    np.testing.assert_allclose(year.previous, before.sum(axis=1))


def test_series_that_had_not_sold_are_told_apart(snapshot: Snapshot, mean: np.ndarray) -> None:
    year = year_before(snapshot, mean, snapshot.n_days)
    assert year is not None
    total, north, south = rows_of(snapshot, "total", "region:North", "region:South")
    assert year.comparable_prediction[total] == pytest.approx(year.prediction[north])
    assert year.comparable_previous[total] == pytest.approx(year.previous[total])
    assert year.comparable_prediction[south] == year.comparable_previous[south] == 0


def test_new_series_are_named_by_the_largest_nodes_that_they_make_up(
    snapshot: Snapshot, mean: np.ndarray
) -> None:
    year = year_before(snapshot, mean, snapshot.n_days)
    assert year is not None
    total, north, south = rows_of(snapshot, "total", "region:North", "region:South")
    assert year.new_nodes(total) == year.new_nodes(south) == [south]
    assert year.new_nodes(north) == []


def test_new_nodes_are_those_of_which_something_is_forecast(
    snapshot: Snapshot, mean: np.ndarray
) -> None:
    year = year_before(snapshot, np.zeros_like(mean), snapshot.n_days)
    assert year is not None
    assert year.new_nodes(0) == []


def test_a_day_that_is_not_delivered_is_not_known(snapshot: Snapshot, mean: np.ndarray) -> None:
    sales = snapshot.sales[snapshot.hierarchy.n_upper :].copy()
    sales[0, -YEAR] = np.nan
    missing = replace(snapshot, sales=snapshot.hierarchy.aggregate(sales))
    year = year_before(missing, mean, snapshot.n_days)
    assert year is not None
    total, south = rows_of(snapshot, "total", "region:South")
    assert np.isnan(year.previous[total])
    assert np.isnan(year.comparable_previous[total])
    assert year.previous[south] == 0


@pytest.mark.parametrize(
    ("days", "known"), [pytest.param(YEAR, True, id="a year"), pytest.param(YEAR - 1, False)]
)
def test_data_must_reach_back_a_year(days: int, known: bool) -> None:
    short = snapshot_of(BY_REGION, days=days)
    assert (year_before(short, short.sales[:, -STEPS:], short.n_days) is not None) is known


def test_a_horizon_of_more_than_a_year_is_compared_for_52_weeks(snapshot: Snapshot) -> None:
    ahead = np.ones((len(snapshot.hierarchy), YEAR + 1))
    year = year_before(snapshot, ahead, snapshot.n_days)
    assert year is not None
    assert year.prediction[0] == YEAR
    assert year_before(snapshot, ahead, snapshot.n_days + 1) is None


def test_nodes_within_a_larger_one_are_left_out(snapshot: Snapshot) -> None:
    upper = snapshot.hierarchy.n_upper
    (south,) = rows_of(snapshot, "region:South")
    assert topmost(snapshot.hierarchy, [upper + 2, south, upper]) == [south, upper]
    assert topmost(snapshot.hierarchy, []) == []
