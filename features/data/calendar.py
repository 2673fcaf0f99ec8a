"""Calendar covariates, known in advance for any date: weekday, payday, holidays and events.

A holiday is national, regional (one state) or local (one city). A transferred holiday is not a
day off; the row of type Transfer is the day it was moved to. A Work Day is a make-up weekend.
Days off are those of type Holiday, Additional, Transfer and Bridge.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

TRANSFER = "Transfer"
DAY_OFF_TYPES = ("Holiday", "Additional", TRANSFER, "Bridge")
EVENT = "Event"
WORK_DAY = "Work Day"
HOLIDAY_TYPES = (*DAY_OFF_TYPES, EVENT, WORK_DAY)
NATIONAL, REGIONAL, LOCAL = LOCALES = ("National", "Regional", "Local")
NO_HOLIDAY = ""

LONG_EVENT_DAYS = 7
"""An event of more days in a year is *long*: its days teach nothing about other days."""
STANDING_EVENT_DAYS = 90
"""An event of more days in a year is *standing*: its days are ordinary days."""
STANDING_SHARE = 0.25
"""Long events count as standing if their days are more than this share of the calendar."""
FAR_DAYS = 30
"""Cap of the distances to a day off, in days."""

_OFFSET = re.compile(r"[+-]\d+$")
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0

Dates = NDArray[np.datetime64]
Floats = NDArray[np.float32]


class Holiday(BaseModel):
    """One row of the retailer's holidays table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    type: str
    locale: str
    locale_name: str
    description: str
    transferred: bool

    @property
    def name(self) -> str:
        """Name by which recurrences are matched: without the opponent of a match or a day offset.

        Only an event's day offset is removed: ``Navidad-1`` is a day off of its own, whereas
        ``Terremoto Manabi+3`` is a day of one event. A day that a holiday was transferred to gets
        the common name `TRANSFER`, because it resembles other transfer days and not the holiday:
        shops close on New Year's Day even when its day off is another.
        """
        if self.type == TRANSFER:
            return TRANSFER
        name = self.description.split(":")[0].strip()
        return _OFFSET.sub("", name) if self.type == EVENT else name


@dataclass(frozen=True)
class Place:
    """Location of a site, in the names that the holidays table uses; None where not stated."""

    city: str | None = None
    state: str | None = None

    def observes(self, holiday: Holiday) -> bool:
        place = {NATIONAL: holiday.locale_name, REGIONAL: self.state, LOCAL: self.city}
        name = place[holiday.locale]
        return name is not None and name.casefold() == holiday.locale_name.casefold()


@dataclass(frozen=True)
class Calendar:
    """Calendar of a span of dates.

    Attributes:
        dates: shape (dates,), consecutive days, or one for each of consecutive weeks.
        weekday: shape (dates,), Monday 0 to Sunday 6; 0 where a date stands for a week.
        day: for each name, values that hold everywhere; shape (dates,), float32.
        site: for each name, values of each site; shape (sites, dates), float32.
        names: shape (dates,): name of the national holiday or event, or `NO_HOLIDAY`; the
            original date of a transferred holiday keeps the holiday's name.
        singular: shape (dates,): whether the day belongs to a long event, such as an
            earthquake, whose days teach nothing about other days. A standing event, such as a
            lockdown, is not singular: its days are ordinary and have no name; only ``event`` of
            `day` marks them.
    """

    dates: Dates
    weekday: NDArray[np.intp]
    day: dict[str, Floats]
    site: dict[str, Floats]
    names: NDArray[np.str_]
    singular: NDArray[np.bool_]


def build_calendar(
    dates: Dates, holidays: Sequence[Holiday], places: Sequence[Place], *, known: int | None = None
) -> Calendar:
    """Describe consecutive `dates` for the sites at `places`.

    Args:
        known: how many of the dates have passed; all by default. Only these decide which events
            are standing, so that a scenario for the days ahead does not relabel the past.
    """
    effective = [holiday for holiday in holidays if not holiday.transferred]
    off = [holiday for holiday in effective if holiday.type in DAY_OFF_TYPES]
    national_off = [holiday for holiday in off if holiday.locale == NATIONAL]
    local_off = [holiday for holiday in off if holiday.locale != NATIONAL]
    events = [holiday for holiday in effective if holiday.type == EVENT]
    work = [holiday for holiday in effective if holiday.type == WORK_DAY]
    days_to, days_since = _measure_day_off_distances(dates, national_off)
    months = dates.astype("datetime64[M]")
    day_of_month = _count_days(dates - months.astype("datetime64[D]")) + 1
    month_length = _count_days(
        (months + np.timedelta64(1, "M")).astype("datetime64[D]") - months.astype("datetime64[D]")
    )
    to_payday, since_payday = _measure_payday_distances(day_of_month, month_length)
    names = np.full(len(dates), NO_HOLIDAY, dtype=object)
    long, standing = _long_events(dates[:known], events)
    national = [
        h
        for h in holidays
        if h.locale == NATIONAL and h.type != WORK_DAY and not _is_event(h, standing)
    ]
    for holiday in sorted(national, key=_rank_name):
        if (at := _find_position(dates, holiday)) is not None:
            names[at] = holiday.name
    return Calendar(
        dates=dates,
        weekday=(dates.astype(np.int64) + _EPOCH_WEEKDAY).astype(np.intp) % 7,
        day={
            "day_of_month": day_of_month.astype(np.float32),
            "month": (months.astype(np.int64) % 12 + 1).astype(np.float32),
            "day_of_year": (_count_days(dates - dates.astype("datetime64[Y]")) + 1).astype(
                np.float32
            ),
            "days_to_payday": to_payday,
            "days_since_payday": since_payday,
            "national_day_off": _flag_days(dates, national_off),
            "event": _flag_days(dates, events),
            "work_day": _flag_days(dates, work),
            "days_to_day_off": days_to,
            "days_since_day_off": days_since,
        },
        site={
            "local_day_off": np.stack(
                [_flag_days(dates, filter(place.observes, local_off)) for place in places]
            )
        },
        names=names.astype(np.str_),
        singular=_flag_days(dates, (event for event in events if _is_event(event, long))) > 0,
    )


def calendar_of_weeks(dates: Dates, daily: Calendar) -> Calendar:
    """Return the calendar of weeks from that of their days.

    A flag becomes the number of its days in the week, a distance the least of the week; a week has
    the first name of its days, and is singular if most of its days are. Other values are those of
    the first day. There is one weekday, 0.

    Args:
        dates: that stand for the weeks, shape (weeks,).
        daily: of the days of the weeks, shape (weeks * 7,).
    """
    weeks = len(dates)

    def count(flags: Floats) -> Floats:
        of_week = flags.reshape(*flags.shape[:-1], weeks, -1)
        return np.asarray(of_week.sum(axis=-1), dtype=np.float32)

    day = {name: values.reshape(weeks, -1)[:, 0] for name, values in daily.day.items()}
    for name in ("national_day_off", "event", "work_day"):
        day[name] = count(daily.day[name])
    for name in ("days_to_day_off", "days_since_day_off"):
        day[name] = daily.day[name].reshape(weeks, -1).min(axis=1)
    names = daily.names.reshape(weeks, -1)
    first = (names != NO_HOLIDAY).argmax(axis=1)
    return Calendar(
        dates=dates,
        weekday=np.zeros(weeks, dtype=np.intp),
        day=day,
        site={name: count(values) for name, values in daily.site.items()},
        names=names[np.arange(weeks), first],
        singular=daily.singular.reshape(weeks, -1).mean(axis=1) > 0.5,
    )


def _rank_name(holiday: Holiday) -> int:
    """Return the rank of a name on a day with several: holiday over event over transfer day."""
    return {TRANSFER: 0, EVENT: 1}.get(holiday.type, 2)


Events = frozenset[tuple[str, int]]
"""Events by name and year."""


def _long_events(passed: Dates, events: Sequence[Holiday]) -> tuple[Events, Events]:
    """Return the long and the standing national events, by name and year.

    Days are counted, not rows: a table may list a day of an event several times. An event that
    is standing in one year is so in all years: it may have started at the end of a year.
    """
    days: dict[tuple[str, int], set[date]] = defaultdict(set)
    for event in events:
        if event.locale == NATIONAL:
            days[event.name, event.date.year].add(event.date)
    last = passed[-1].astype(date)
    standing_names = {
        name
        for (name, _), of in days.items()
        if sum(day <= last for day in of) > STANDING_EVENT_DAYS
    }
    standing = {key for key in days if key[0] in standing_names}
    # Long events are excluded from training and from calibration. If they cover more than
    # STANDING_SHARE of the past, excluding them would leave too few days to learn from, so all of
    # them become standing events. Both thresholds of standing events count passed days only: with
    # the days ahead included, a scenario that adds an event would change features of the past.
    long = {key for key, of in days.items() if len(of) > LONG_EVENT_DAYS} - standing
    taken = _flag_days(passed, (event for event in events if _is_event(event, long)))
    if taken.sum() > STANDING_SHARE * len(passed):
        standing, long = standing | long, set()
    return frozenset(long), frozenset(standing)


def _is_event(holiday: Holiday, events: AbstractSet[tuple[str, int]]) -> bool:
    """Return whether a row belongs to one of some national events, given by name and year."""
    national = holiday.type == EVENT and holiday.locale == NATIONAL
    return national and (holiday.name, holiday.date.year) in events


def _count_days(delta: NDArray[np.timedelta64]) -> NDArray[np.int64]:
    return delta.astype("timedelta64[D]").astype(np.int64)


def _find_position(dates: Dates, holiday: Holiday) -> int | None:
    at = int((np.datetime64(holiday.date) - dates[0]).astype(int))
    return at if 0 <= at < len(dates) else None


def _flag_days(dates: Dates, holidays: Iterable[Holiday]) -> Floats:
    flags = np.zeros(len(dates), dtype=np.float32)
    for holiday in holidays:
        if (at := _find_position(dates, holiday)) is not None:
            flags[at] = 1
    return flags


def _measure_day_off_distances(dates: Dates, holidays: Sequence[Holiday]) -> tuple[Floats, Floats]:
    """Return days to the next and since the last holiday, 0 on the day, at most `FAR_DAYS`."""
    days = np.unique(np.array([holiday.date for holiday in holidays], dtype="datetime64[D]"))
    far = np.timedelta64(FAR_DAYS, "D")
    before = np.concatenate(([dates[0] - far], days))
    after = np.concatenate((days, [dates[-1] + far]))
    to_next = _count_days(after[np.searchsorted(days, dates, side="left")] - dates)
    since_last = _count_days(dates - before[np.searchsorted(days, dates, side="right")])
    return (
        np.clip(to_next, 0, FAR_DAYS).astype(np.float32),
        np.clip(since_last, 0, FAR_DAYS).astype(np.float32),
    )


def _measure_payday_distances(
    day_of_month: NDArray[np.int64], month_length: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return days to and since payday: the 15th and the last day of the month."""
    first_half = day_of_month <= 15
    to_next = np.where(first_half, 15, month_length) - day_of_month
    since_last = np.where(day_of_month < 15, day_of_month, day_of_month - 15)
    since_last = np.where(day_of_month == month_length, 0, since_last)
    return to_next.astype(np.float32), since_last.astype(np.float32)
