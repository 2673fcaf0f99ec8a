"""Generates the tables of the hypermarkets."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from examples.demand import (
    Days,
    Floats,
    count_of,
    draw_shocks,
    draw_trends,
    make_season,
)

FIRST, PAST, AHEAD = date(2010, 1, 30), 143, 39
"""First day, a Saturday, and weeks with sales and ahead."""
STORES, DEPARTMENTS = 10, 12
TYPES = {"A": 1.4, "B": 1.0, "C": 0.5}
"""Types of stores, and their size beside the others."""
HOLIDAYS = {
    "Super Bowl": (
        (date(2010, 2, 12), date(2011, 2, 11), date(2012, 2, 10), date(2013, 2, 8)),
        1.1,
    ),
    "Labor Day": ((date(2010, 9, 10), date(2011, 9, 9), date(2012, 9, 7)), 1.05),
    "Thanksgiving": ((date(2010, 11, 26), date(2011, 11, 25), date(2012, 11, 23)), 1.55),
    "Christmas": ((date(2010, 12, 24), date(2011, 12, 23), date(2012, 12, 21)), 1.8),
}
"""Last day of each week with a holiday, and the factor of its sales in a department of gifts."""

_WEEK = 7
_MARKDOWN_WEEKS, _MARKDOWN_LIFT = 0.25, 0.06
_CLOSED, _RETURNED = 0.01, 0.003
"""Shares of weeks without a row, and with more returns than sales."""


def make_tables(scale: float, draw: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Return the tables by name; `scale` multiplies the number of stores and departments."""
    days = Days(FIRST, _WEEK * PAST, _WEEK * AHEAD)
    weeks = days.dates[_WEEK - 1 :: _WEEK]
    stores = [str(number + 1) for number in range(count_of(STORES, scale, least=2))]
    departments = [str(number + 1) for number in range(count_of(DEPARTMENTS, scale, least=3))]
    types = [list(TYPES)[number % len(TYPES)] for number in range(len(stores))]
    pairs = [(store, department) for store in stores for department in departments]
    holiday = np.isin(weeks, np.array([each for dates, _ in HOLIDAYS.values() for each in dates]))
    markdowns = _draw_markdowns(len(stores), len(weeks), draw)
    store_of = np.repeat(np.arange(len(stores)), len(departments))
    size = np.array([TYPES[each] for each in types])[store_of][:, None]
    sales = _compute_means(days, len(stores), len(departments), draw) * size
    sales *= 1 + _MARKDOWN_LIFT * np.log1p(np.nan_to_num(markdowns)[store_of] / 1000)
    sales = sales * np.exp(draw.normal(0, 0.08, sales.shape))
    sales = np.where(draw.random(sales.shape) < _RETURNED, -0.02 * sales, sales)
    listed = draw.random(sales.shape) >= _CLOSED
    listed[:, PAST:] = True
    keys = {
        "Store": np.array([store for store, _ in pairs]),
        "Dept": np.array([department for _, department in pairs]),
    }
    every = _make_rows(weeks, keys, listed, np.round(sales, 2), holiday)
    ahead = pl.col("Date") > weeks[PAST - 1]
    return {
        "train": every.filter(~ahead),
        "test": every.filter(ahead).drop("Weekly_Sales"),
        "features": _make_features(weeks, stores, markdowns, draw),
        "stores": pl.DataFrame(
            {
                "Store": stores,
                "Type": types,
                "Size": [round(100_000 * TYPES[each]) for each in types],
            }
        ),
    }


def _draw_markdowns(stores: int, weeks: int, draw: np.random.Generator) -> Floats:
    """Draw sums of price reductions, shape (stores, weeks); NaN in the first year and a half."""
    reduced = draw.random((stores, weeks)) < _MARKDOWN_WEEKS
    values = np.where(reduced, draw.lognormal(8, 0.7, (stores, weeks)), 0.0)
    values[:, : weeks * 2 // 5] = np.nan
    return np.asarray(np.round(values, 2), dtype=np.float64)


def _compute_means(days: Days, stores: int, departments: int, draw: np.random.Generator) -> Floats:
    """Return mean sales, shape (stores * departments, weeks): sums over the days of each week."""
    number = stores * departments
    level = np.outer(draw.lognormal(0, 0.3, stores), draw.lognormal(7, 0.8, departments)).ravel()
    gifts = np.tile(draw.random(departments) < 0.3, stores)[:, None]
    peaks = np.tile(draw.integers(1, 366, departments), stores)
    heights = np.tile(draw.uniform(0.02, 0.25, departments), stores)
    season = np.stack(
        [
            make_season(days, peak=int(peak), height=float(height))
            for peak, height in zip(peaks, heights, strict=True)
        ]
    )
    shape = draw_trends(days, number, 0.02, draw) * draw_shocks(days, number, 0.01, draw)
    of_day = level[:, None] * season * shape
    of_week = of_day.reshape(number, -1, _WEEK).sum(axis=2)
    weeks = days.dates[_WEEK - 1 :: _WEEK]
    for dates, factor in HOLIDAYS.values():
        at = np.isin(weeks, np.array(dates, dtype="datetime64[D]"))
        lift = np.where(gifts, factor, 1 + (factor - 1) / 4)
        of_week *= np.where(at, lift, 1.0)
    return np.asarray(of_week)


def _make_rows(
    weeks: NDArray[np.datetime64],
    keys: dict[str, NDArray[np.str_]],
    listed: NDArray[np.bool_],
    sales: Floats,
    holiday: NDArray[np.bool_],
) -> pl.DataFrame:
    week, row = np.nonzero(listed.T)
    columns = {name: pl.Series(values[row]) for name, values in keys.items()}
    return pl.DataFrame(
        {
            **columns,
            "Date": pl.Series(weeks[week]),
            "Weekly_Sales": sales[row, week],
            "IsHoliday": holiday[week],
        }
    )


def _make_features(
    weeks: NDArray[np.datetime64], stores: list[str], markdowns: Floats, draw: np.random.Generator
) -> pl.DataFrame:
    """Return what is known of the weeks of each store, those ahead included."""
    shape = (len(stores), len(weeks))
    wave = np.cos(2 * np.pi * (np.arange(len(weeks)) - 24) / 52)
    temperature = 60 + 25 * wave + draw.normal(0, 4, shape)
    return pl.DataFrame(
        {
            "Store": np.repeat(np.array(stores), len(weeks)),
            "Date": np.tile(weeks, len(stores)),
            "Temperature": np.round(temperature, 2).ravel(),
            "MarkDown": markdowns.ravel(),
        }
    ).with_columns(pl.col("MarkDown").fill_nan(None))
