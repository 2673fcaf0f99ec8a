"""Days that do not count, and weekdays on which a series is closed ahead."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.closures import (
    CLOSED,
    LONG_SHUT_DAYS,
    OPEN,
    USUALLY_CLOSED_WEEKS,
    find_long_shuts,
    usually_closed,
)

DAYS = 120
SITES = np.array([0, 0, 1])


def panel() -> np.ndarray:
    return np.ones((3, DAYS))


def test_a_long_shut_of_a_site_is_found_for_all_of_its_series() -> None:
    sales = panel()
    sales[:2, 20 : 20 + LONG_SHUT_DAYS] = 0
    rows, days = find_long_shuts(sales, SITES)
    assert set(rows.tolist()) == {0, 1}
    assert (days.min(), days.max()) == (20, 20 + LONG_SHUT_DAYS - 1)


@pytest.mark.parametrize(
    ("rows", "first", "last"),
    [
        pytest.param(slice(0, 2), 20, 20 + LONG_SHUT_DAYS - 1, id="a shorter one"),
        pytest.param(slice(0, 1), 20, 80, id="one series of an open site"),
        pytest.param(slice(0, 3), 20, 80, id="all sites at once"),
        pytest.param(slice(0, 2), 0, 60, id="before the first sale"),
        pytest.param(slice(0, 2), 60, DAYS, id="after the last sale"),
    ],
)
def test_other_days_without_sales_count(rows: slice, first: int, last: int) -> None:
    sales = panel()
    sales[rows, first:last] = 0
    assert not len(find_long_shuts(sales, SITES)[0])


def test_days_that_are_not_known_are_days_without_sales_for_a_long_shut() -> None:
    sales = panel()
    sales[:2, 30:70] = np.nan
    assert len(find_long_shuts(sales, SITES)[0]) == 2 * 40


def test_a_weekday_that_was_always_closed_is_closed_ahead() -> None:
    status = np.full((2, DAYS), OPEN, dtype=np.uint8)
    origin = 100
    status[0, origin - 1 :: -7] = CLOSED  # the day before the origin, and its weekday before
    horizons = np.arange(1, 15)
    closed = usually_closed(status, origin, horizons)
    assert np.flatnonzero(closed[0]).tolist() == [5, 12]
    assert not closed[1].any()


def test_a_weekday_that_was_open_once_lately_is_not_closed_ahead() -> None:
    status = np.full((1, DAYS), OPEN, dtype=np.uint8)
    status[0, 99::-7] = CLOSED
    status[0, 99 - 7 * (USUALLY_CLOSED_WEEKS - 1)] = OPEN
    assert not usually_closed(status, 100, np.arange(1, 8)).any()


def test_days_after_the_origin_decide_nothing() -> None:
    status = np.full((1, DAYS), OPEN, dtype=np.uint8)
    status[0, 101:] = CLOSED
    assert not usually_closed(status, 100, np.arange(1, 8)).any()


def test_without_a_week_of_past_nothing_is_closed_ahead() -> None:
    status = np.full((1, 5), CLOSED, dtype=np.uint8)
    assert not usually_closed(status, 4, np.arange(1, 8)).any()
