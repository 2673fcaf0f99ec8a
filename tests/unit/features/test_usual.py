"""Holidays and brief shuts leave the levels of sales as they usually are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.state import state_at
from features.usual import mark_brief_shuts, replace_unusual, site_nodes

ORIGIN = 900
WEEK = 7


def flags(days: int, *marked: int) -> np.ndarray:
    result = np.zeros((1, days), dtype=np.bool_)
    result[0, list(marked)] = True
    return result


@pytest.mark.parametrize(
    ("unusual", "expected"),
    [
        pytest.param((21,), (7 + 14 + 28 + 35) / 4, id="all four neighbours"),
        pytest.param((21, 28), (7 + 14 + 35) / 3, id="one of them unusual too"),
        pytest.param((21, 7, 14, 28, 35), 21, id="no neighbour: stays as it is"),
        pytest.param((41,), (27 + 34) / 2, id="none after the last day"),
    ],
)
def test_an_unusual_day_is_the_mean_of_the_same_weekdays_around(
    unusual: tuple[int, ...], expected: float
) -> None:
    values = np.arange(42.0)[None]
    marked = flags(42, *unusual)
    result = replace_unusual(values, marked, np.ones_like(marked), week=WEEK)
    assert result[0, unusual[0]] == pytest.approx(expected)
    np.testing.assert_array_equal(result[~marked], values[~marked])
    assert values[0, unusual[0]] == unusual[0], "the values stay as they were"


def test_days_before_the_opening_neither_change_nor_stand_for_others() -> None:
    values, opened = np.full((1, 42), 5.0), np.ones((1, 42), dtype=np.bool_)
    values[0, :18], opened[0, :18] = 0, False
    result = replace_unusual(values, flags(42, 10, 21), opened, week=WEEK)
    assert result[0, 10] == 0
    assert result[0, 21] == 5


# --- brief shuts --------------------------------------------------------------------------------


def shut(snapshot: Snapshot, store: str, *days: int) -> Snapshot:
    """Return the snapshot with a store that sells nothing on some days."""
    sales, upper = snapshot.sales.copy(), snapshot.hierarchy.n_upper
    of_store = upper + np.flatnonzero(np.array(snapshot.hierarchy.bottoms["store_nbr"]) == store)
    sales[np.ix_(of_store, days)] = 0
    return replace(snapshot, sales=snapshot.hierarchy.aggregate(sales[upper:]))


@pytest.mark.parametrize(
    ("back", "marked"),
    [
        pytest.param((5,), (5,), id="a day"),
        pytest.param((5, 6), (5, 6), id="two days"),
        pytest.param((5, 6, 7), (), id="three days may be the new usual"),
        pytest.param((0,), (), id="the last day may be the first of many"),
    ],
)
def test_a_shut_of_at_most_two_days_that_has_ended_is_brief(
    snapshot: Snapshot, back: tuple[int, ...], marked: tuple[int, ...]
) -> None:
    closed = shut(snapshot, "1", *(ORIGIN - day for day in back))
    every = slice(0, len(closed.hierarchy))
    brief = mark_brief_shuts(closed, slice(ORIGIN - 20, ORIGIN + 1))[site_nodes(closed, every)]
    index = snapshot.hierarchy.index
    expected = flags(21, *(20 - day for day in marked))[0]
    for node in ("store:1", "store:1/family:DAIRY"):
        np.testing.assert_array_equal(brief[index[node]], expected, err_msg=node)
    for node in ("total", "family:DAIRY", "store:2", "store:2/family:DAIRY"):
        assert not brief[index[node]].any(), node


def test_a_day_on_which_a_store_was_shut_hardly_moves_its_levels(snapshot: Snapshot) -> None:
    node = snapshot.hierarchy.index["store:1/family:DAIRY"]
    before = state_at(snapshot, ORIGIN).node["mean_7"][node]
    after = state_at(shut(snapshot, "1", ORIGIN - 3), ORIGIN).node["mean_7"][node]
    assert after == pytest.approx(before, abs=0.05)


def test_a_store_that_stays_shut_loses_its_level(snapshot: Snapshot) -> None:
    """It must not be forecast to sell as before."""
    node = snapshot.hierarchy.index["store:1/family:DAIRY"]
    before = state_at(snapshot, ORIGIN).node["mean_7"][node]
    closed = shut(snapshot, "1", *range(ORIGIN - 6, ORIGIN + 1))
    assert state_at(closed, ORIGIN).node["mean_7"][node] == 0
    assert before > 1
