"""Generates the tables of the departments."""

from __future__ import annotations

from datetime import date, timedelta

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

FIRST, PAST, AHEAD = date(2014, 1, 1), 800, 42
STORES = {"CA_1": "CA", "CA_2": "CA", "CA_3": "CA", "TX_1": "TX", "TX_2": "TX", "WI_1": "WI"}
DEPARTMENTS = {"FOODS_1": 8, "FOODS_2": 12, "HOUSEHOLD_1": 6, "HOUSEHOLD_2": 6}
DEPARTMENTS |= {"HOBBIES_1": 4, "HOBBIES_2": 4}
"""Items of each department."""
EVENTS = {
    "NewYear": ((date(2014, 1, 1), date(2015, 1, 1), date(2016, 1, 1)), 0.6),
    "SuperBowl": ((date(2014, 2, 2), date(2015, 2, 1), date(2016, 2, 7)), 1.25),
    "ValentinesDay": ((date(2014, 2, 14), date(2015, 2, 14), date(2016, 2, 14)), 1.1),
    "Easter": ((date(2014, 4, 20), date(2015, 4, 5), date(2016, 3, 27)), 0.8),
    "IndependenceDay": ((date(2014, 7, 4), date(2015, 7, 4)), 0.95),
    "LaborDay": ((date(2014, 9, 1), date(2015, 9, 7)), 1.15),
    "Halloween": ((date(2014, 10, 31), date(2015, 10, 31)), 0.9),
    "Thanksgiving": ((date(2014, 11, 27), date(2015, 11, 26)), 0.5),
    "Christmas": ((date(2014, 12, 25), date(2015, 12, 25)), 0.0),
}
"""Dates of each event, and the factor of its day."""
SNAP_DAYS = {
    "CA": tuple(range(1, 11)),
    "TX": (1, 3, 5, 6, 7, 9, 11, 12, 13, 15),
    "WI": (2, 3, 5, 6, 8, 9, 11, 12, 14, 15),
}
"""Days of the month on which food stamps are paid."""

_WEEK = (0.9, 0.85, 0.85, 0.88, 1.0, 1.27, 1.25)
_LEVELS = {"FOODS": 2.4, "HOUSEHOLD": 0.9, "HOBBIES": 0.6}
_ELASTICITY, _REDUCTION, _REDUCED_WEEKS = -2.0, 0.82, 0.12
_SNAP_LIFT = 1.15
_RUN_OUT, _RETURN = 0.004, 0.12
"""Chances that an item runs out on a day, and that it is back on the next."""


def make_tables(scale: float, draw: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Return the tables by name; `scale` multiplies the number of items."""
    days = Days(FIRST, PAST, AHEAD)
    items = [
        (f"{department}_{number + 1:03}", department)
        for department, count in DEPARTMENTS.items()
        for number in range(count_of(count, scale))
    ]
    pairs = [(store, item, department) for store in STORES for item, department in items]
    categories = [department.split("_")[0] for *_, department in pairs]
    prices, ratios = _draw_prices(days, len(pairs), draw)
    food = np.array([category == "FOODS" for category in categories])[:, None]
    snap = {state: np.isin(days.day_of_month, paid) for state, paid in SNAP_DAYS.items()}
    of_series = np.stack([snap[STORES[store]] for store, *_ in pairs])
    mean = _compute_means(days, pairs, draw) * ratios**_ELASTICITY
    mean *= np.where(food & of_series, _SNAP_LIFT, 1.0)
    units = draw_counts(mean * _draw_on_shelf(days, len(pairs), draw), 0.35, draw)
    listed = np.arange(len(days)) >= draw_starts(days, len(pairs), 0.2, draw)[:, None]
    keys: dict[str, list[str] | list[int]] = {
        "store_id": [store for store, *_ in pairs],
        "item_id": [item for _, item, _ in pairs],
    }
    return {
        "sales": make_rows(days, keys, listed[:, : days.past], {"sales": units}),
        "prices": make_rows(days, keys, listed, {"sell_price": prices}),
        "calendar": _make_calendar(days),
        "snap": pl.concat(
            pl.DataFrame({"date": days.dates, "state_id": state, "snap": flags.astype(np.int64)})
            for state, flags in snap.items()
        ),
        "stores": pl.DataFrame({"store_id": list(STORES), "state_id": list(STORES.values())}),
        "items": pl.DataFrame(
            {
                "item_id": [item for item, _ in items],
                "dept_id": [department for _, department in items],
                "cat_id": [department.split("_")[0] for _, department in items],
            }
        ),
    }


def _draw_prices(days: Days, number: int, draw: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw prices, and their ratios to the first; shape (series, days)."""
    weeks = int(days.week[-1]) + 1
    rises = np.cumprod(np.where(draw.random((number, weeks)) < 0.01, 1.05, 1.0), axis=1)
    reduced = np.where(draw.random((number, weeks)) < _REDUCED_WEEKS, _REDUCTION, 1.0)
    usual = draw.lognormal(1.2, 0.6, (number, 1))
    prices = np.maximum(np.round(usual * (rises * reduced)[:, days.week], 2), 0.25)
    return prices, np.asarray(prices / usual)


def _compute_means(
    days: Days, pairs: list[tuple[str, str, str]], draw: np.random.Generator
) -> Floats:
    number = len(pairs)
    names = sorted({item for _, item, _ in pairs})
    popularity = dict(zip(names, draw.lognormal(0, 0.9, len(names)), strict=True))
    size = dict(zip(STORES, draw.lognormal(0, 0.35, len(STORES)), strict=True))
    level = np.array(
        [
            _LEVELS[department.split("_")[0]] * popularity[item] * size[store]
            for store, item, department in pairs
        ]
    )[:, None]
    taste = draw.lognormal(0, 0.3, (number, 1))
    weeks = draw_weeks(_WEEK, number, draw)[:, days.weekday]
    season = make_season(days, peak=210, height=0.1)
    trends = draw_trends(days, number, 0.06, draw) * draw_shocks(days, number, 0.04, draw)
    events = np.ones(len(days))
    for dates, factor in EVENTS.values():
        events[days.among(*dates)] = factor
    return np.asarray(level * taste * weeks * season * trends * events)


def _draw_on_shelf(days: Days, number: int, draw: np.random.Generator) -> Flags:
    """Draw on which days items are on the shelf, shape (series, days)."""
    chance = draw.random((number, len(days)))
    on_shelf = np.ones(chance.shape, dtype=np.bool_)
    for day in range(1, len(days)):
        before = on_shelf[:, day - 1]
        on_shelf[:, day] = np.where(before, chance[:, day] >= _RUN_OUT, chance[:, day] < _RETURN)
    return on_shelf


def _make_calendar(days: Days) -> pl.DataFrame:
    """Return a row for each day, with the name of its event or none."""
    names = {day: name for name, (dates, _) in EVENTS.items() for day in dates}
    listed = [days.first + timedelta(number) for number in range(len(days))]
    return pl.DataFrame({"date": listed, "event_name": [names.get(day) for day in listed]})
