"""Windows: which origin and which days a date and a horizon mean."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from api.schemas.requests import HORIZONS
from api.windows import ForecastWindow, window_of
from errors import Code, Problem
from features.snapshot import MAX_HORIZON, Snapshot
from features.state import MIN_HISTORY_DAYS

every_length = pytest.mark.parametrize("days", [1, *HORIZONS])


@pytest.fixture
def newest(snapshot: Snapshot) -> date:
    return snapshot.facts.origin


@pytest.fixture
def first_day(snapshot: Snapshot) -> date:
    """The first that has enough days before it."""
    return snapshot.facts.first_date + timedelta(MIN_HISTORY_DAYS)


def dates_of(snapshot: Snapshot, window: ForecastWindow) -> list[date]:
    return [snapshot.date_at(int(day)) for day in window.days]


def from_day(first: date, days: int) -> list[date]:
    return [first + timedelta(number) for number in range(days)]


@every_length
def test_without_a_date_the_window_follows_the_newest_origin(
    snapshot: Snapshot, newest: date, days: int
) -> None:
    window = window_of(snapshot, None, days)
    assert snapshot.date_at(window.origin) == newest
    assert dates_of(snapshot, window) == from_day(newest + timedelta(1), days)
    assert window.horizons.tolist() == list(range(1, days + 1))


@every_length
def test_the_day_after_the_newest_origin_means_the_same(
    snapshot: Snapshot, newest: date, days: int
) -> None:
    given = window_of(snapshot, newest + timedelta(1), days)
    left_out = window_of(snapshot, None, days)
    assert given.origin == left_out.origin
    np.testing.assert_array_equal(given.horizons, left_out.horizons)


@every_length
@pytest.mark.parametrize("ago", [0, 1, 15, 400], ids=lambda days: f"{days} days ago")
def test_a_past_day_is_forecast_from_the_day_before_it(
    snapshot: Snapshot, newest: date, ago: int, days: int
) -> None:
    """As it would have been then: nothing that was sold on it or after it is used."""
    asked = newest - timedelta(ago)
    window = window_of(snapshot, asked, days)
    assert snapshot.date_at(window.origin) == asked - timedelta(1)
    assert dates_of(snapshot, window) == from_day(asked, days)
    assert window.horizons[0] == 1


@pytest.mark.parametrize(("ahead", "days"), [(2, 1), (2, 15), (31, 60), (76, 15), (90, 1)])
def test_a_later_day_is_forecast_from_the_newest_origin(
    snapshot: Snapshot, newest: date, ahead: int, days: int
) -> None:
    window = window_of(snapshot, newest + timedelta(ahead), days)
    assert snapshot.date_at(window.origin) == newest
    assert window.horizons.tolist() == list(range(ahead, ahead + days))


@every_length
def test_the_first_day_that_can_be_asked_has_just_enough_history(
    snapshot: Snapshot, first_day: date, days: int
) -> None:
    window = window_of(snapshot, first_day, days)
    assert window.origin == MIN_HISTORY_DAYS - 1
    assert dates_of(snapshot, window) == from_day(first_day, days)


@every_length
def test_the_last_day_that_can_be_asked_ends_where_forecasts_end(
    snapshot: Snapshot, newest: date, days: int
) -> None:
    window = window_of(snapshot, newest + timedelta(MAX_HORIZON - days + 1), days)
    assert window.horizons[-1] == MAX_HORIZON
    assert len(window.horizons) == days


@every_length
@pytest.mark.parametrize(
    "outside",
    [
        pytest.param("before", id="a day too early"),
        pytest.param("after", id="a day too late"),
        pytest.param("min", id="the first of all days"),
        pytest.param("max", id="the last of all days"),
    ],
)
def test_other_days_are_refused_with_those_that_would_do(
    snapshot: Snapshot, newest: date, first_day: date, outside: str, days: int
) -> None:
    last_day = newest + timedelta(MAX_HORIZON - days + 1)
    asked = {
        "before": first_day - timedelta(1),
        "after": last_day + timedelta(1),
        "min": date.min,
        "max": date.max,
    }[outside]
    with pytest.raises(Problem) as refusal:
        window_of(snapshot, asked, days)
    assert refusal.value.code is Code.INVALID_DATE
    length = "one day" if days == 1 else f"{days} days"
    assert refusal.value.detail == (
        f"A forecast of {length} may begin from {first_day} to {last_day}, not on {asked}."
    )
    assert [error.pointer for error in refusal.value.errors] == ["/date"]


def test_a_refusal_points_to_where_the_date_was_given(snapshot: Snapshot) -> None:
    """A query parameter is named, and not pointed to."""
    with pytest.raises(Problem) as refusal:
        window_of(snapshot, date.max, 1, pointer="date")
    assert [error.pointer for error in refusal.value.errors] == ["date"]
