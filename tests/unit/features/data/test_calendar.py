"""The calendar: days off by place, and distances to paydays and days off."""

from __future__ import annotations

import calendar as months
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.data.calendar import (
    DAY_OFF_TYPES,
    EVENT,
    FAR_DAYS,
    NO_HOLIDAY,
    TRANSFER,
    WORK_DAY,
    Calendar,
    Dates,
    Holiday,
    Place,
    build_calendar,
    calendar_of_weeks,
)

DAY = date(2024, 5, 24)  # a Friday
ALDER, BROOK, COVE = PLACES = (
    Place(city="Alder", state="North"),
    Place(city="Brook", state="North"),
    Place(city="Cove", state="South"),
)
DATES = st.dates(date(1990, 1, 1), date(2099, 12, 31))


def span(first: date, days: int) -> Dates:
    return np.datetime64(first) + np.arange(days)


def holiday(day: date = DAY, **values: object) -> Holiday:
    row = {
        "type": "Holiday",
        "locale": "National",
        "locale_name": "Country",
        "description": "Founders' Day",
        "transferred": False,
    }
    return Holiday.model_validate({"date": day} | row | values)


def around(*holidays: Holiday) -> Calendar:
    """Return the calendar of the 11 days around `DAY`, which has position 5."""
    return build_calendar(span(DAY - timedelta(5), 11), holidays, PLACES)


def on(*positions: int) -> list[float]:
    return [float(position in positions) for position in range(11)]


@pytest.mark.parametrize("kind", DAY_OFF_TYPES)
def test_days_off_are_those_of_these_types(kind: str) -> None:
    calendar = around(holiday(type=kind))
    assert calendar.day["national_day_off"].tolist() == on(5)
    assert not calendar.day["event"].any()
    assert not calendar.day["work_day"].any()


@pytest.mark.parametrize(("kind", "flag"), [(EVENT, "event"), (WORK_DAY, "work_day")])
def test_events_and_work_days_are_not_days_off(kind: str, flag: str) -> None:
    calendar = around(holiday(type=kind))
    assert calendar.day[flag].tolist() == on(5)
    assert not calendar.day["national_day_off"].any()
    assert (calendar.day["days_to_day_off"] == FAR_DAYS).all()


def test_transferred_holiday_is_no_day_off_and_keeps_its_name() -> None:
    calendar = around(holiday(transferred=True))
    plain = around()
    for name, values in calendar.day.items():
        assert values.tolist() == plain.day[name].tolist(), name
    assert calendar.names[5] == "Founders' Day"
    assert set(calendar.names) == {NO_HOLIDAY, "Founders' Day"}


def test_transfer_is_the_day_off_and_named_as_one() -> None:
    """Shops that close on the holiday need not close on the day it was moved to."""
    moved = DAY + timedelta(3)
    calendar = around(
        holiday(transferred=True),
        holiday(moved, type="Transfer", description="Traslado Founders' Day"),
    )
    assert calendar.day["national_day_off"].tolist() == on(8)
    assert calendar.day["days_to_day_off"][5] == 3
    assert calendar.names[8] == TRANSFER
    assert calendar.names[5] == "Founders' Day"


@pytest.mark.parametrize("kind", [EVENT, "Holiday"])
def test_another_holiday_name_wins_over_that_of_a_transfer(kind: str) -> None:
    rows = [holiday(type=kind), holiday(type=TRANSFER, description="Traslado Harvest Day")]
    assert around(*rows).names[5] == around(*rows[::-1]).names[5] == "Founders' Day"


@pytest.mark.parametrize(
    ("locale", "where", "observed_by"),
    [
        pytest.param("Regional", "North", {ALDER, BROOK}, id="state"),
        pytest.param("Regional", "South", {COVE}, id="other state"),
        pytest.param("Regional", "Alder", set(), id="a state is not a city"),
        pytest.param("Local", "Alder", {ALDER}, id="city"),
        pytest.param("Local", "North", set(), id="a city is not a state"),
        pytest.param("Local", "Elsewhere", set(), id="no store there"),
    ],
)
def test_regional_and_local_holidays_apply_to_their_stores_only(
    locale: str, where: str, observed_by: set[Place]
) -> None:
    calendar = around(holiday(locale=locale, locale_name=where))
    for place, flags in zip(PLACES, calendar.site["local_day_off"], strict=True):
        assert flags.tolist() == (on(5) if place in observed_by else on())
    assert not calendar.day["national_day_off"].any()
    assert (calendar.day["days_to_day_off"] == FAR_DAYS).all()
    assert set(calendar.names) == {NO_HOLIDAY}


def test_national_holiday_is_no_local_day_off() -> None:
    assert not around(holiday()).site["local_day_off"].any()


def test_transferred_local_holiday_is_an_ordinary_day() -> None:
    calendar = around(holiday(locale="Local", locale_name="Alder", transferred=True))
    assert not calendar.site["local_day_off"].any()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.city)
def test_national_holidays_apply_to_every_store(place: Place) -> None:
    assert place.observes(holiday())


@pytest.mark.parametrize(
    ("kind", "description", "name"),
    [
        ("Holiday", "Founders' Day", "Founders' Day"),
        ("Additional", "Founders' Day-2", "Founders' Day-2"),
        ("Event", "Flood+10", "Flood"),
        ("Event", "Flood-1", "Flood"),
        (TRANSFER, "Traslado Founders' Day", TRANSFER),
        ("Event", "Harbour Cup: North-South", "Harbour Cup"),
        ("Holiday", "Mid-Winter", "Mid-Winter"),
    ],
)
def test_the_name_is_the_recurring_part(kind: str, description: str, name: str) -> None:
    assert holiday(type=kind, description=description).name == name


def test_a_day_off_wins_the_name_over_an_event() -> None:
    event = holiday(type=EVENT, description="Black Friday")
    for rows in ([event, holiday()], [holiday(), event]):
        calendar = around(*rows)
        assert calendar.names[5] == "Founders' Day"
        assert calendar.day["event"][5] == calendar.day["national_day_off"][5] == 1
    assert around(event).names[5] == "Black Friday"


@pytest.mark.parametrize(
    ("day", "to_payday", "since_payday"),
    [
        (date(2024, 1, 1), 14, 1),
        (date(2024, 1, 14), 1, 14),
        (date(2024, 1, 15), 0, 0),
        (date(2024, 1, 16), 15, 1),
        (date(2024, 1, 30), 1, 15),
        (date(2024, 1, 31), 0, 0),
        (date(2024, 2, 28), 1, 13),
        (date(2024, 2, 29), 0, 0),
        (date(2024, 3, 1), 14, 1),
        (date(2023, 2, 28), 0, 0),
        (date(2023, 3, 1), 14, 1),
        (date(2023, 4, 30), 0, 0),
        (date(1900, 2, 28), 0, 0),
        (date(2000, 2, 28), 1, 13),
    ],
    ids=str,
)
def test_paydays_are_the_15th_and_the_last_of_the_month(
    day: date, to_payday: int, since_payday: int
) -> None:
    calendar = build_calendar(span(day, 1), [], PLACES)
    assert calendar.day["days_to_payday"].tolist() == [to_payday]
    assert calendar.day["days_since_payday"].tolist() == [since_payday]


@given(day=DATES)
def test_fields_of_a_date_are_those_of_the_standard_library(day: date) -> None:
    def is_payday(other: date) -> bool:
        last = months.monthrange(other.year, other.month)[1]
        return other.day in (15, last)

    steps = range(32)
    to_payday = next(step for step in steps if is_payday(day + timedelta(step)))
    since_payday = next(step for step in steps if is_payday(day - timedelta(step)))
    calendar = build_calendar(span(day, 1), [], PLACES)
    assert calendar.weekday.tolist() == [day.weekday()]
    assert calendar.day["day_of_month"].tolist() == [day.day]
    assert calendar.day["month"].tolist() == [day.month]
    assert calendar.day["day_of_year"].tolist() == [day.timetuple().tm_yday]
    assert calendar.day["days_to_payday"].tolist() == [to_payday]
    assert calendar.day["days_since_payday"].tolist() == [since_payday]


def test_weekdays_follow_each_other_from_monday() -> None:
    calendar = build_calendar(span(date(2024, 5, 20), 9), [], PLACES)
    assert calendar.weekday.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_distances_to_days_off_are_zero_on_the_day() -> None:
    calendar = around(holiday(DAY - timedelta(3)), holiday(DAY + timedelta(2)))
    assert calendar.day["days_to_day_off"].tolist()[:8] == [2, 1, 0, 4, 3, 2, 1, 0]
    assert calendar.day["days_since_day_off"].tolist()[2:] == [0, 1, 2, 3, 4, 0, 1, 2, 3]


def test_distances_to_days_off_are_capped() -> None:
    calendar = build_calendar(span(DAY - timedelta(50), 101), [holiday()], PLACES)
    offsets = np.arange(-50, 51)
    to_next = np.where(offsets > 0, FAR_DAYS, np.minimum(-offsets, FAR_DAYS))
    since_last = np.where(offsets < 0, FAR_DAYS, np.minimum(offsets, FAR_DAYS))
    assert calendar.day["days_to_day_off"].tolist() == to_next.tolist()
    assert calendar.day["days_since_day_off"].tolist() == since_last.tolist()


def test_holidays_outside_the_span_count_for_distances_only() -> None:
    calendar = around(holiday(DAY - timedelta(7)), holiday(DAY + timedelta(9)))
    assert calendar.day["days_since_day_off"].tolist() == list(range(2, 13))
    assert calendar.day["days_to_day_off"].tolist() == list(range(14, 3, -1))
    assert not calendar.day["national_day_off"].any()
    assert set(calendar.names) == {NO_HOLIDAY}


@given(
    offsets=st.lists(st.integers(-60, 100), max_size=6),
    start=st.integers(0, 30),
    length=st.integers(1, 10),
)
def test_the_values_of_a_day_do_not_depend_on_the_span(
    offsets: list[int], start: int, length: int
) -> None:
    holidays = [holiday(DAY + timedelta(offset)) for offset in offsets]
    wide = build_calendar(span(DAY, 40), holidays, PLACES)
    narrow = build_calendar(span(DAY + timedelta(start), length), holidays, PLACES)
    part = slice(start, start + length)
    for name, values in narrow.day.items():
        assert values.tolist() == wide.day[name][part].tolist(), name
    assert narrow.names.tolist() == wide.names[part].tolist()
    assert narrow.weekday.tolist() == wide.weekday[part].tolist()


def test_values_have_the_stated_shapes_and_dtypes() -> None:
    calendar = around(holiday())
    assert {(values.shape, values.dtype.name) for values in calendar.day.values()} == {
        ((11,), "float32")
    }
    assert {(values.shape, values.dtype.name) for values in calendar.site.values()} == {
        ((3, 11), "float32")
    }


def event(day: date, name: str, **values: object) -> Holiday:
    return holiday(day, type=EVENT, description=name, **values)


def events_on(first: date, days: int, name: str) -> list[Holiday]:
    return [event(first + timedelta(day), name) for day in range(days)]


YEAR = span(date(2023, 1, 1), 730)
START = date(2023, 3, 1)


def test_rows_that_repeat_a_day_do_not_make_an_event_long() -> None:
    calendar = build_calendar(YEAR, [event(START, "Sale")] * 8, PLACES)
    assert not calendar.singular.any()


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(7, 0, id="a week is learnt from"),
        pytest.param(8, 8, id="a long event is not"),
        pytest.param(90, 90, id="nor is a season"),
        pytest.param(91, 0, id="a longer one is ordinary"),
        pytest.param(600, 0, id="such as a lockdown"),
    ],
)
def test_days_of_long_events_are_excluded_from_training(days: int, expected: int) -> None:
    calendar = build_calendar(YEAR, events_on(START, days, "Lockdown"), PLACES)
    assert calendar.singular.sum() == expected
    n_days_with_name = 0 if days > 90 else days
    assert np.count_nonzero(calendar.names != NO_HOLIDAY) == n_days_with_name
    assert calendar.day["event"].sum() == days


def test_a_standing_event_is_standing_in_the_year_before_too() -> None:
    lockdown = events_on(date(2023, 12, 1), 300, "Lockdown")
    assert not build_calendar(YEAR, lockdown, PLACES).singular.any()


def test_long_events_on_a_quarter_of_the_days_are_ordinary() -> None:
    events = [
        row
        for number in range(4)
        for row in events_on(START + timedelta(100 * number), 60, f"Wave {'abcd'[number]}")
    ]
    assert build_calendar(YEAR, events[:120], PLACES).singular.sum() == 120
    assert not build_calendar(YEAR, events, PLACES).singular.any()


def test_a_holiday_within_a_standing_event_keeps_its_name() -> None:
    rows = [*events_on(START, 200, "Lockdown"), holiday(START + timedelta(10))]
    names = build_calendar(YEAR, rows, PLACES).names
    assert names[names != NO_HOLIDAY].tolist() == ["Founders' Day"]


def test_future_days_do_not_decide_which_events_are_standing() -> None:
    """A scenario with ninety days of an event keeps all ninety."""
    rows = [event(START, "Sale"), *events_on(YEAR[500].astype(date), 95, "Sale")]
    calendar = build_calendar(YEAR, rows, PLACES, known=500)
    assert np.count_nonzero(calendar.names == "Sale") == 96
    assert np.count_nonzero(build_calendar(YEAR, rows, PLACES).names == "Sale") == 0


def test_a_week_has_the_holidays_of_its_days() -> None:
    """Its name is the first, its flags are counts, its distances the least."""
    rows = [
        Holiday(
            date=day,
            type="Holiday",
            locale="National",
            locale_name="Here",
            description=name,
            transferred=False,
        )
        for day, name in ((date(2024, 12, 25), "Christmas"), (date(2024, 12, 26), "Boxing Day"))
    ]
    daily = build_calendar(span(date(2024, 12, 16), 21), rows, PLACES)
    weeks = calendar_of_weeks(span(date(2024, 12, 16), 21)[::7], daily)
    assert weeks.names.tolist() == ["", "Christmas", ""]
    assert weeks.weekday.tolist() == [0, 0, 0]
    assert weeks.day["national_day_off"].tolist() == [0, 2, 0]
    assert weeks.day["days_to_day_off"].tolist() == [3, 0, 30]
    assert weeks.day["day_of_month"].tolist() == [16, 23, 30]
    assert weeks.site["local_day_off"].shape == (len(PLACES), 3)
