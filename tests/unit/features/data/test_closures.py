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
    find_selling_days,
    usually_closed,
)

DAYS = 120
SITES = np.array([0, 0, 1])


def panel() -> np.ndarray:
    return np.ones((3, DAYS))


def shuts(sales: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return site and day of the long shuts."""
    return np.nonzero(find_long_shuts(find_selling_days(sales, SITES)))


def test_a_long_shut_of_a_site_is_found() -> None:
    sales = panel()
    sales[:2, 20 : 20 + LONG_SHUT_DAYS] = 0
    sites, days = shuts(sales)
    assert set(sites.tolist()) == {0}
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
    assert not len(shuts(sales)[0])


def test_days_that_are_not_known_are_days_without_sales_for_a_long_shut() -> None:
    sales = panel()
    sales[:2, 30:70] = np.nan
    assert len(shuts(sales)[0]) == 40


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
