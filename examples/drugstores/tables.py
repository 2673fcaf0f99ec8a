"""Generates the tables of the drugstores."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from examples.demand import (
    Days,
    Flags,
    Floats,
    count_of,
    draw_shocks,
    draw_starts,
    draw_trends,
    draw_weeks,
    make_rows,
    make_season,
)

FIRST, PAST, AHEAD = date(2013, 1, 1), 900, 42
STORES, REBUILT = 60, 10
REBUILDING = date(2014, 7, 1), date(2014, 12, 31)
EASTER = {2013: date(2013, 3, 31), 2014: date(2014, 4, 20), 2015: date(2015, 4, 5)}
PUBLIC = ((1, 1), (5, 1), (10, 3))
CHRISTMAS = ((12, 25), (12, 26))
SCHOOL_HOLIDAYS = (((7, 20), (8, 31)), ((10, 7), (10, 19)), ((12, 22), (12, 31)))

_SATURDAY, _SUNDAY = 5, 6
_WEEK = (1.15, 1.0, 0.95, 0.95, 1.05, 0.9, 1.0)
_OPEN_ON_SUNDAYS = 30
"""One of so many stores is at a station, and open on Sundays."""
_BASKET = 9.5


def make_tables(scale: float, draw: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Return the tables by name; `scale` multiplies the number of stores."""
    days, number = Days(FIRST, PAST, AHEAD), count_of(STORES, scale, least=6)
    holiday = np.broadcast_to(_list_holidays(days), (number, len(days)))
    school = _draw_school_holidays(days, number, draw)
    promo = np.broadcast_to((days.week % 2 == 0) & (days.weekday < _SATURDAY), holiday.shape)
    sundays = (np.arange(number) % _OPEN_ON_SUNDAYS == 1)[:, None]
    opened = (holiday == "0") & ((days.weekday != _SUNDAY) | sundays)
    sales = _draw_sales(days, opened, promo, school, draw)
    customers = np.round(sales / _BASKET * np.exp(draw.normal(0, 0.05, sales.shape)))
    listed = _mark_listed(days, number, draw)
    keys: dict[str, list[str] | list[int]] = {"Store": list(range(1, number + 1))}
    weekday = np.broadcast_to(days.weekday + 1, holiday.shape)
    history = {"Sales": sales, "Customers": customers.astype(np.int64)}
    known = {
        "Open": opened.astype(np.int64),
        "Promo": promo.astype(np.int64),
        "StateHoliday": holiday,
        "SchoolHoliday": school.astype(np.int64),
    }
    ahead = np.zeros_like(listed)
    ahead[:, days.past :] = True
    values = {"DayOfWeek": weekday, **history, **known}
    return {
        "train": make_rows(days, keys, listed[:, : days.past], values, date_column="Date"),
        "test": make_rows(days, keys, ahead, {"DayOfWeek": weekday, **known}, date_column="Date"),
        "store": _draw_stores(number, draw),
    }


def _list_holidays(days: Days) -> NDArray[np.str_]:
    """Return the kind of each day: a public holiday a, Easter b, Christmas c, or 0."""
    kinds = np.full(len(days), "0")
    for year, easter in EASTER.items():
        others = (easter + timedelta(offset) for offset in (39, 50))  # Ascension, Whit Monday
        kinds[days.among(*(date(year, *day) for day in PUBLIC), *others)] = "a"
        kinds[days.among(*(easter + timedelta(offset) for offset in (-2, 1)))] = "b"
        kinds[days.among(*(date(year, *day) for day in CHRISTMAS))] = "c"
    return kinds


def _draw_school_holidays(days: Days, number: int, draw: np.random.Generator) -> Flags:
    """Draw school holidays, which begin some days earlier or later from store to store."""
    school = np.zeros((number, len(days)), dtype=np.bool_)
    shift = draw.integers(-10, 11, number)
    for year, easter in EASTER.items():
        spans = [(date(year, *first), date(year, *last)) for first, last in SCHOOL_HOLIDAYS]
        spans.append((easter - timedelta(9), easter + timedelta(6)))
        for row in range(number):
            for first, last in spans:
                moved = timedelta(int(shift[row]))
                school[row] |= days.within(first + moved, last + moved)
    return school & (days.weekday < _SATURDAY)


def _draw_sales(
    days: Days, opened: Flags, promo: Flags, school: Flags, draw: np.random.Generator
) -> NDArray[np.int64]:
    number = len(opened)
    level = draw.lognormal(8.6, 0.35, (number, 1))
    weeks = draw_weeks(_WEEK, number, draw)[:, days.weekday]
    lift = np.exp(promo * draw.normal(0.28, 0.08, (number, 1)) + 0.04 * school)
    season = make_season(days, peak=190, height=0.03)
    before_christmas = np.where((days.month == 12) & (days.day_of_month < 25), 1.3, 1.0)
    trends = draw_trends(days, number, 0.02, draw) * draw_shocks(days, number, 0.015, draw)
    noise = np.exp(draw.normal(0, 0.08, opened.shape))
    rush = _lift_before_closed_days(days, opened)
    mean = level * weeks * lift * season * before_christmas * trends * rush
    return np.round(mean * noise * opened).astype(np.int64)


def _lift_before_closed_days(days: Days, opened: Flags) -> Floats:
    """Return the factor of days before a closed one that is no Sunday."""
    tomorrow = np.roll(~opened, -1, axis=1) & (np.roll(days.weekday, -1) != _SUNDAY)
    return np.where(tomorrow, 1.2, 1.0)


def _mark_listed(days: Days, number: int, draw: np.random.Generator) -> Flags:
    """Return which days have rows: not before a store opened, nor while it was rebuilt."""
    starts = draw_starts(days, number, 0.07, draw)
    rebuilt = draw.permutation(number) < round(number * REBUILT / STORES)
    starts[rebuilt] = 0
    listed = np.arange(len(days)) >= starts[:, None]
    return listed & ~(rebuilt[:, None] & days.within(*REBUILDING))


def _draw_stores(number: int, draw: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "Store": range(1, number + 1),
            "StoreType": [str(kind) for kind in draw.choice(list("abcd"), number)],
            "Assortment": [str(kind) for kind in draw.choice(list("abc"), number)],
            "CompetitionDistance": (draw.lognormal(7, 1, number) // 10 * 10).astype(np.int64),
        }
    )
