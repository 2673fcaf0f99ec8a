"""Generates the tables of the online shop."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from examples.demand import (
    Days,
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

FIRST, PAST = date(2023, 3, 1), 600
WAREHOUSES, ARTICLES = ("Nord", "Süd"), 30
YEARS = (2023, 2024, 2025)
SEASON, SEASON_DAYS = "Herbstaktion", 21
LOCAL, LOCAL_WAREHOUSE = "Lagerverkauf", "Süd"
RETURN_SHARE = 0.03
"""Share of days on which more comes back than leaves."""

_WEEK = (1.2, 1.1, 1.0, 0.95, 0.85, 0.85, 1.1)
_SEASON_LIFT, _LOCAL_LIFT = 1.5, 2.0


def make_tables(scale: float, draw: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Return the tables by name; `scale` multiplies the number of articles."""
    days, articles = Days(FIRST, PAST), count_of(ARTICLES, scale, least=3)
    number = len(WAREHOUSES) * articles
    warehouses = [name for name in WAREHOUSES for _ in range(articles)]
    mean = _compute_means(days, warehouses, articles, draw)
    units: NDArray[np.int64] = draw_counts(mean, 0.2, draw)
    sent_back = draw.random(units.shape) < RETURN_SHARE
    units = np.where(sent_back, -1 - draw.poisson(mean * 0.4), units)
    started = np.arange(len(days)) >= draw_starts(days, number, 0.15, draw)[:, None]
    keys: dict[str, list[str] | list[int]] = {
        "Lager": warehouses,
        "Artikel": [f"A{article + 100}" for _ in WAREHOUSES for article in range(articles)],
    }
    listed = started & (units != 0)
    return {
        "sales": make_rows(days, keys, listed, {"Menge": units}, date_column="Datum"),
        "ereignisse": _make_events(),
    }


def _season_days(year: int) -> list[date]:
    return [date(year, 10, 1) + timedelta(day) for day in range(SEASON_DAYS)]


def _local_days(year: int) -> list[date]:
    return [date(year, 6, 14), date(year, 6, 15)]


def _compute_means(
    days: Days, warehouses: list[str], articles: int, draw: np.random.Generator
) -> Floats:
    number = len(warehouses)
    level = np.tile(draw.lognormal(1.6, 0.7, articles), len(WAREHOUSES))[:, None]
    taste = draw.lognormal(0, 0.2, (number, 1))
    weeks = draw_weeks(_WEEK, number, draw)[:, days.weekday]
    season = make_season(days, peak=340, height=0.15)
    trends = draw_trends(days, number, 0.08, draw) * draw_shocks(days, number, 0.03, draw)
    lift = np.ones((number, len(days)))
    of_local = np.array([name == LOCAL_WAREHOUSE for name in warehouses])[:, None]
    for year in YEARS:
        lift *= np.where(days.among(*_season_days(year)), _SEASON_LIFT, 1.0)
        lift *= np.where(of_local & days.among(*_local_days(year)), _LOCAL_LIFT, 1.0)
    return np.asarray(level * taste * weeks * season * trends * lift)


def _make_events() -> pl.DataFrame:
    """Return the events of all years; one without a warehouse holds for both."""
    rows = [(day, SEASON, None) for year in YEARS for day in _season_days(year)]
    local = [(day, LOCAL, LOCAL_WAREHOUSE) for year in YEARS for day in _local_days(year)]
    schema = {"Datum": pl.Date, "name": pl.String, "Lager": pl.String}
    return pl.DataFrame([*rows, *local], schema=schema, orient="row")
