"""Windows: the origin and the days that a date and a horizon select."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from api.forecasts.windows import ForecastWindow, window_of
from api.schemas.requests import HORIZONS
from errors import Code, Problem
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.data.step import Step
from features.state import MIN_HISTORY_DAYS

every_length = pytest.mark.parametrize("days", [1, *HORIZONS[Step.DAY]])


@pytest.fixture
def newest(snapshot: Snapshot) -> date:
    return snapshot.facts.origin


@pytest.fixture
def first_day(snapshot: Snapshot) -> date:
    """Return the first day with enough history before it."""
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
def test_the_day_after_the_newest_origin_equals_no_date(
    snapshot: Snapshot, newest: date, days: int
) -> None:
    explicit = window_of(snapshot, newest + timedelta(1), days)
    implicit = window_of(snapshot, None, days)
    assert explicit.origin == implicit.origin
    np.testing.assert_array_equal(explicit.horizons, implicit.horizons)


@every_length
@pytest.mark.parametrize("ago", [0, 1, 15, 400], ids=lambda days: f"{days} days ago")
def test_a_past_day_is_forecast_from_the_day_before_it(
    snapshot: Snapshot, newest: date, ago: int, days: int
) -> None:
    """The forecast uses no sales of that day or later."""
    requested = newest - timedelta(ago)
    window = window_of(snapshot, requested, days)
    assert snapshot.date_at(window.origin) == requested - timedelta(1)
    assert dates_of(snapshot, window) == from_day(requested, days)
    assert window.horizons[0] == 1


@pytest.mark.parametrize(("ahead", "days"), [(2, 1), (2, 15), (31, 60), (76, 15), (90, 1)])
def test_a_later_day_is_forecast_from_the_newest_origin(
    snapshot: Snapshot, newest: date, ahead: int, days: int
) -> None:
    window = window_of(snapshot, newest + timedelta(ahead), days)
    assert snapshot.date_at(window.origin) == newest
    assert window.horizons.tolist() == list(range(ahead, ahead + days))


@every_length
def test_the_first_possible_day_has_just_enough_history(
    snapshot: Snapshot, first_day: date, days: int
) -> None:
    window = window_of(snapshot, first_day, days)
    assert window.origin == MIN_HISTORY_DAYS - 1
    assert dates_of(snapshot, window) == from_day(first_day, days)


@every_length
def test_the_last_possible_day_ends_at_the_maximum_horizon(
    snapshot: Snapshot, newest: date, days: int
) -> None:
    window = window_of(snapshot, newest + timedelta(FAVORITA.horizon - days + 1), days)
    assert window.horizons[-1] == FAVORITA.horizon
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
def test_other_days_are_refused_with_the_possible_range(
    snapshot: Snapshot, newest: date, first_day: date, outside: str, days: int
) -> None:
    last_day = newest + timedelta(FAVORITA.horizon - days + 1)
    requested = {
        "before": first_day - timedelta(1),
        "after": last_day + timedelta(1),
        "min": date.min,
        "max": date.max,
    }[outside]
    with pytest.raises(Problem) as refusal:
        window_of(snapshot, requested, days)
    assert refusal.value.code is Code.INVALID_DATE
    length = "one day" if days == 1 else f"{days} days"
    assert refusal.value.detail == (
        f"A forecast of {length} may begin from {first_day} to {last_day}, not on {requested}."
    )
    assert [error.pointer for error in refusal.value.errors] == ["/date"]


def test_a_refusal_points_to_where_the_date_was_given(snapshot: Snapshot) -> None:
    """A query parameter is given by its name, not by a JSON pointer."""
    with pytest.raises(Problem) as refusal:
        window_of(snapshot, date.max, 1, pointer="date")
    assert [error.pointer for error in refusal.value.errors] == ["date"]
