"""Parts of which generated sales are made: days, profiles, seasons, noise and rows.

Arrays of sales have one row per series and one column per day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Dates = NDArray[np.datetime64]

YEAR_DAYS = 365.25
_THURSDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


@dataclass(frozen=True)
class Days:
    """Consecutive days.

    Attributes:
        first: of the days.
        past: how many of them have sales; the others are ahead.
        ahead: how many follow.
    """

    first: date
    past: int
    ahead: int = 0

    @cached_property
    def dates(self) -> Dates:
        return np.datetime64(self.first) + np.arange(self.past + self.ahead)

    @cached_property
    def weekday(self) -> Ints:
        """Monday is 0."""
        return (self.dates.astype(np.int64) + _THURSDAY) % 7

    @cached_property
    def week(self) -> Ints:
        """Number of the week, which begins on Monday."""
        weeks = (self.dates.astype(np.int64) + _THURSDAY) // 7
        return np.asarray(weeks - weeks[0])

    @cached_property
    def month(self) -> Ints:
        return self.dates.astype("datetime64[M]").astype(np.int64) % 12 + 1

    @cached_property
    def day_of_month(self) -> Ints:
        return _count_days(self.dates - self.dates.astype("datetime64[M]")) + 1

    @cached_property
    def day_of_year(self) -> Ints:
        return _count_days(self.dates - self.dates.astype("datetime64[Y]")) + 1

    @cached_property
    def years(self) -> Floats:
        """Years since the first day."""
        return np.arange(len(self.dates)) / YEAR_DAYS

    def __len__(self) -> int:
        return self.past + self.ahead

    def within(self, first: date, last: date) -> Flags:
        """Return which days lie from one date to another, both included."""
        flags: Flags = (self.dates >= np.datetime64(first)) & (self.dates <= np.datetime64(last))
        return flags

    def among(self, *dates: date) -> Flags:
        """Return which days are one of the dates."""
        return np.isin(self.dates, np.array(dates, dtype="datetime64[D]"))


def _count_days(spans: NDArray[np.timedelta64]) -> Ints:
    return spans.astype(np.int64)


def count_of(number: int, scale: float, *, least: int = 1) -> int:
    """Return a number at another scale."""
    return max(round(number * scale), least)


def draw_weeks(profile: tuple[float, ...], series: int, draw: np.random.Generator) -> Floats:
    """Draw a weekly profile of mean 1 for each series, around a common one; shape (series, 7)."""
    weeks = np.array(profile) * np.exp(draw.normal(0, 0.08, (series, 7)))
    return np.asarray(weeks / weeks.mean(axis=1, keepdims=True))


def make_season(days: Days, *, peak: int, height: float) -> Floats:
    """Return a wave over the year of mean 1, shape (days,).

    Args:
        peak: day of the year.
        height: of the peak above 1.
    """
    wave: Floats = 1 + height * np.cos(2 * np.pi * (days.day_of_year - peak) / YEAR_DAYS)
    return wave


def draw_trends(days: Days, series: int, growth: float, draw: np.random.Generator) -> Floats:
    """Draw a steady growth for each series, `growth` a year on average; shape (series, days)."""
    rates = np.log1p(growth) + draw.normal(0, 0.05, (series, 1))
    return np.asarray(np.exp(rates * days.years))


def draw_shocks(days: Days, series: int, size: float, draw: np.random.Generator) -> Floats:
    """Draw slow factors around 1 that no table explains, shape (series, days)."""
    steps = draw.normal(0, size, (series, len(days)))
    for day in range(1, len(days)):
        steps[:, day] += 0.9 * steps[:, day - 1]
    return np.exp(steps)


def draw_counts(mean: Floats, dispersion: float, draw: np.random.Generator) -> Ints:
    """Draw negative binomial counts: their variance is mean + dispersion × mean²."""
    shape = 1 / dispersion
    counts: Ints = draw.poisson(mean * draw.gamma(shape, 1 / shape, mean.shape))
    return counts


def draw_starts(days: Days, series: int, share: float, draw: np.random.Generator) -> Ints:
    """Draw the first day of each series: the first of all, but for a share that begins later."""
    late = draw.random(series) < share
    begin = draw.integers(days.past // 8, days.past // 2, series)
    return np.where(late, begin, 0)


def make_rows(
    days: Days,
    series: Mapping[str, list[str] | list[int]],
    listed: Flags,
    values: Mapping[str, NDArray[np.generic]],
    *,
    date_column: str = "date",
) -> pl.DataFrame:
    """Return a table with a row for each listed cell, by day and series.

    Args:
        series: values of each column of the series, one for each series.
        listed: which cells have a row, shape (series, days); it may have fewer days.
        values: by column, of the shape of all days or of those listed.
    """
    day, row = np.nonzero(listed.T)
    columns = {date_column: pl.Series(days.dates[day])}
    columns |= {name: pl.Series(np.array(keys)[row]) for name, keys in series.items()}
    columns |= {name: pl.Series(cells[row, day]) for name, cells in values.items()}
    return pl.DataFrame(columns)
