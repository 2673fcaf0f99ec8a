"""The task `favorita_stores_1D` of fev-bench, rebuilt from the Kaggle tables.

Sources: O. Shchur et al., "fev-bench: A Realistic Benchmark for Time Series Forecasting"
(arXiv 2509.26468, 2025), and the definition of the task in the package `fev`. Daily sales by store
and product family, forecast for 28 days from ten origins, with the promotions and holidays of those
days known. A day without a row counts as zero sales. The Kaggle tables end before the last windows
do, depending on their edition: the windows whose days are all known can be scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from errors import InputError
from features.data.specification import FAVORITA
from features.data.tables import Tables

Values = NDArray[np.float64]

HORIZON = 28
"""Days that each window forecasts."""
WINDOWS = 10
LAST_DAY = date(2017, 8, 15)
"""Last day of the last window."""
_SEASONED_DAYS = 730
"""A series takes part if it sold anything before the last so many days up to `LAST_DAY`."""
DECILES = np.arange(1, 10) / 10


class Scores(NamedTuple):
    """Measures of the task; smaller is better.

    Attributes:
        wape: sum of absolute errors over the units sold.
        mase: mean absolute error in the series' own scale.
        wql: mean pinball loss of the deciles, times two, over the mean units sold.
        sql: the same in the series' own scale.
    """

    wape: float
    mase: float
    wql: float | None = None
    sql: float | None = None


PUBLISHED: Mapping[str, Scores] = {
    "Chronos-2": Scores(0.1383, 1.140, 0.1111, 0.916),
    "Toto-2.0-2.5B": Scores(0.1437, 1.182, 0.1168, 0.957),
    "TimesFM-2.5": Scores(0.1452, 1.168, 0.1184, 0.949),
    "TabPFN-TS": Scores(0.1461, 1.187, None, 0.964),
    "CatBoost": Scores(0.1568, 1.217),
    "LightGBM, recursive and tuned": Scores(0.1605, 1.237),
    "AutoTheta": Scores(0.1835, 1.376, 0.1779, 1.273),
    "Seasonal naive": Scores(0.2520, 1.759, 0.2376, 1.690),
}
"""Results that fev-bench publishes: the means over all ten windows."""


@dataclass(frozen=True)
class Window:
    """A window of the task.

    Attributes:
        number: from 1, the oldest.
        first: the first day that is forecast; the day before it is the origin.
    """

    number: int
    first: date

    @property
    def origin(self) -> date:
        return self.first - timedelta(1)


@dataclass(frozen=True)
class Panel:
    """The sales of the task's series.

    Attributes:
        sales: units, shape (series, days); zero where the table has no row.
        first: the first day.
        series: store and family of each.
    """

    sales: Values
    first: date
    series: tuple[tuple[str, ...], ...]

    @classmethod
    def of_tables(cls, tables: Tables) -> Panel:
        """Make the panel of the task.

        Raises:
            InputError: the tables are not the task's: another retailer's, or of other days.
        """
        if tables.specification.series != FAVORITA.series:
            raise InputError(
                "the benchmark favorita_stores_1D needs the tables of Kaggle's competition "
                "store-sales-time-series-forecasting: one row a day, store_nbr and family"
            )
        keys = list(FAVORITA.series)
        series = tables.train.select(keys).unique().sort(keys).with_row_index("row")
        rows = tables.train.join(series, on=keys, how="left")
        dates = rows["date"].to_numpy().astype("datetime64[D]")
        first = dates.min()
        sales = np.zeros((len(series), int((dates.max() - first).astype(int)) + 1))
        sales[rows["row"].to_numpy(), (dates - first).astype(int)] = rows["sales"].to_numpy()
        begin = first.astype(date)
        before = (LAST_DAY - timedelta(_SEASONED_DAYS - 1) - begin).days
        chosen = (sales[:, : max(before, 0)] > 0).any(axis=1)
        of_series = series.filter(pl.Series(chosen)).select(keys).cast(pl.String).rows()
        panel = cls(sales[chosen], begin, tuple(of_series))
        if not panel.windows:
            raise InputError(
                f"the tables hold the sales of {begin} to {panel.last}, and no window of the "
                f"benchmark favorita_stores_1D, the first of which is {all_windows()[0].first} to "
                f"{all_windows()[1].origin}"
            )
        return panel

    @property
    def last(self) -> date:
        return self.first + timedelta(self.sales.shape[1] - 1)

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """Windows whose days are all known, and before which series have sold."""
        if not self.series:
            return ()
        known = (each for each in all_windows() if each.first + timedelta(HORIZON - 1) <= self.last)
        return tuple(known)

    def select(self, numbers: Sequence[int]) -> tuple[Window, ...]:
        """Return the windows of some numbers; all whose days are known if there are none.

        Raises:
            InputError: the days of one are not known.
        """
        known = {window.number: window for window in self.windows}
        if strange := [number for number in numbers if number not in known]:
            raise InputError(
                f"there is no window {strange[0]} in these tables, which end on {self.last}; "
                f"windows {min(known)} to {max(known)} can be scored"
            )
        return tuple(known[number] for number in sorted(set(numbers) or known))

    def score(self, window: Window, point: Values, deciles: Values | None = None) -> Scores:
        """Score the forecasts of a window.

        Args:
            point: units, shape (series, 28).
            deciles: units, shape (9, series, 28); None leaves their measures out.
        """
        days = self._days_of(window)
        actual, past = self.sales[:, days], self.sales[:, : days.start]
        scale = np.abs(past[:, 7:] - past[:, :-7]).mean(axis=1, keepdims=True)
        scale = np.where(scale == 0, np.nan, scale)
        error = np.abs(actual - point)
        wape, mase = error.mean() / actual.mean(), np.nanmean(error / scale)
        if deciles is None:
            return Scores(float(wape), float(mase))
        missed = actual - deciles
        share = DECILES[:, None, None]
        loss = 2 * np.maximum(share * missed, (share - 1) * missed)
        wql, sql = loss.mean() / actual.mean(), np.nanmean(loss / scale)
        return Scores(float(wape), float(mase), float(wql), float(sql))

    def ratio(self, window: Window, point: Values) -> float:
        """Return the sum of the forecasts of a window over the units sold."""
        return float(point.sum() / self.sales[:, self._days_of(window)].sum())

    def _days_of(self, window: Window) -> slice:
        """Return the positions of a window's days in the sales."""
        first = (window.first - self.first).days
        return slice(first, first + HORIZON)


def all_windows() -> list[Window]:
    """Return the ten windows, the oldest first."""
    firsts = (LAST_DAY - timedelta(HORIZON * back - 1) for back in range(WINDOWS, 0, -1))
    return [Window(number, first) for number, first in enumerate(firsts, 1)]


def tables_as_of(tables: Tables, window: Window) -> Tables:
    """Return the tables as they were known on the origin of a window.

    They hold no sales after it, and no values of other tables of days, such as the oil price, but
    the promotions of the 28 days. Holidays are known long before.
    """
    day, last = pl.col("date"), window.first + timedelta(HORIZON - 1)
    ahead = tables.train.filter(day.is_between(window.first, last)).drop("sales")
    return replace(
        tables,
        train=tables.train.filter(day <= window.origin),
        test=ahead,
        others=dict(_cut(tables.others, window.origin)),
    )


def _cut(others: Mapping[str, pl.DataFrame], origin: date) -> Iterator[tuple[str, pl.DataFrame]]:
    for name, table in others.items():
        yield name, table.filter(pl.col("date") <= origin) if "date" in table.columns else table


def means(scores: Mapping[int, Scores]) -> Scores:
    """Return the mean of each measure over windows; None where a window has none."""
    columns = zip(*scores.values(), strict=True)
    values = [None if None in column else float(np.mean(column)) for column in columns]
    return Scores(*values)  # type: ignore[arg-type]
