"""Generates the tables of the restaurants."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from examples.demand import (
    Days,
    Flags,
    Floats,
    count_of,
    draw_counts,
    draw_shocks,
    draw_starts,
    draw_trends,
    draw_weeks,
    make_rows,
    make_season,
)

FIRST, PAST, AHEAD = date(2016, 1, 1), 480, 14
RESTAURANTS = 60
DATE = "visit_date"
GENRES = ("Izakaya", "Cafe", "Italian", "Japanese", "Western", "Bar", "Yakiniku")
AREAS = ("Tokyo Minato", "Tokyo Shibuya", "Osaka Kita", "Fukuoka Hakata", "Kobe Chuo")
HOLIDAYS = (
    *(date(2016, 1, 11), date(2016, 2, 11), date(2016, 3, 21), date(2016, 4, 29)),
    *(date(2016, 5, 3), date(2016, 5, 4), date(2016, 5, 5), date(2016, 7, 18)),
    *(date(2016, 8, 11), date(2016, 9, 19), date(2016, 9, 22), date(2016, 10, 10)),
    *(date(2016, 11, 3), date(2016, 11, 23), date(2016, 12, 23), date(2017, 1, 9)),
    *(date(2017, 2, 11), date(2017, 3, 20), date(2017, 4, 29), date(2017, 5, 3)),
    *(date(2017, 5, 4), date(2017, 5, 5)),
)
"""Public holidays of Japan on which restaurants are busy."""

_NEW_YEAR = ((date(2016, 1, 1), date(2016, 1, 3)), (date(2016, 12, 31), date(2017, 1, 3)))
_WEEK = (0.75, 0.8, 0.9, 0.95, 1.4, 1.3, 0.9)
_CLOSE_WEEKLY, _CLOSE_IRREGULARLY, _TAKE_BOOKINGS = 0.6, 0.02, 0.7
_BOOKED_SHARE = 0.3


def make_tables(scale: float, draw: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Return the tables by name; `scale` multiplies the number of restaurants."""
    days, number = Days(FIRST, PAST, AHEAD), count_of(RESTAURANTS, scale, least=4)
    names = [f"R{place + 1:02}" for place in range(number)]
    mean, opened = _compute_means(days, number, draw), _draw_opened(days, number, draw)
    booking = (np.arange(number) < _TAKE_BOOKINGS * number)[:, None]
    reserved = draw.poisson(mean * _BOOKED_SHARE * booking) * opened
    walk_ins = draw_counts(mean * np.where(booking, 1 - _BOOKED_SHARE, 1), 0.08, draw)
    visitors = (reserved + walk_ins) * opened
    keys = {"restaurant": names}
    past = slice(None, days.past)
    return {
        "sales": make_rows(
            days, keys, visitors[:, past] > 0, {"visitors": visitors}, date_column=DATE
        ),
        "reservations": make_rows(
            days, keys, reserved > 0, {"reserved": reserved}, date_column=DATE
        ),
        "restaurants": pl.DataFrame(
            {
                "restaurant": names,
                "genre": [GENRES[place % len(GENRES)] for place in range(number)],
                "area": [AREAS[place % len(AREAS)] for place in range(number)],
            }
        ),
    }


def _compute_means(days: Days, number: int, draw: np.random.Generator) -> Floats:
    level = draw.lognormal(3.1, 0.5, (number, 1))
    weeks = draw_weeks(_WEEK, number, draw)[:, days.weekday]
    busy = np.where(days.among(*HOLIDAYS), 1.25, 1.0)
    december = np.where(days.month == 12, 1.15, 1.0)
    season = make_season(days, peak=100, height=0.07)
    trends = draw_trends(days, number, 0.03, draw) * draw_shocks(days, number, 0.03, draw)
    return np.asarray(level * weeks * busy * december * season * trends)


def _draw_opened(days: Days, number: int, draw: np.random.Generator) -> Flags:
    """Draw on which days restaurants are open, shape (restaurants, days)."""
    starts = draw_starts(days, number, 0.2, draw)
    opened = np.arange(len(days)) >= starts[:, None]
    closing_day = draw.choice([0, 1, 2, 6], number)  # Monday to Wednesday, or Sunday
    weekly = (draw.random(number) < _CLOSE_WEEKLY)[:, None]
    opened &= ~(weekly & (days.weekday == closing_day[:, None]))
    opened &= draw.random(opened.shape) >= _CLOSE_IRREGULARLY
    for first, last in _NEW_YEAR:
        opened[:, days.within(first, last)] = False
    return opened
