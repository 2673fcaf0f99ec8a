"""Sales as a dense grid of series and days, with the row that each cell came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.keys import dense_codes
from features.data.reading.reader import Place, ReadTable
from features.data.step import Step

_MAX_CODES = 200_000_000

Cells = tuple[slice | NDArray[np.intp], slice]
"""Series and days of a grid."""
Spans = tuple[NDArray[np.intp], NDArray[np.intp]]
"""First and last day of each series."""


@dataclass(frozen=True)
class Timeline:
    """Series of the sales, and the days of their grid.

    Attributes:
        series: the columns of the series, in their order.
        first: first day.
        step: time from one day of the grid to the next.
        n_days: days of the grid.
    """

    sales: ReadTable
    series: pl.DataFrame
    first: date
    step: Step
    n_days: int

    def name(self, series: int) -> str:
        """Return the columns of a series with their values, for a message."""
        row = self.series.row(series, named=True)
        return ", ".join(f"{column} {value}" for column, value in row.items())

    def day(self, index: int) -> date:
        return self.first + timedelta(int(index) * self.step.days)

    def index_of(self, day: date) -> int:
        return (day - self.first).days // self.step.days


@dataclass(frozen=True)
class SalesGrid(Timeline, ABC):
    """Sales on the grid: those of a `Panel`, or of the panels of all parts together."""

    @property
    @abstractmethod
    def spans(self) -> Spans:
        """First and last day with a row of each series."""

    @property
    @abstractmethod
    def sells(self) -> NDArray[np.bool_]:
        """Days on which any series sells something; Boolean, shape (days,)."""

    @abstractmethod
    def place(self, series: int, day: int) -> Place | None:
        """Return the place of a cell's row; None where there is none."""

    @abstractmethod
    def largest(self, column: str, series: NDArray[np.intp], end: int) -> NDArray[np.float64]:
        """Return the largest value of each series before a day; at least 0."""

    @abstractmethod
    def values(self, column: str, cells: Cells) -> NDArray[np.float64]:
        """Return a column on some cells, NaN where there is no row."""


@dataclass(frozen=True)
class Panel(SalesGrid):
    """The rows of sales.

    Attributes:
        row: position of a cell's row in the table, -1 where there is none; (series, days).
    """

    row: NDArray[np.int32]

    @property
    def present(self) -> NDArray[np.bool_]:
        return self.row >= 0

    @cached_property
    def spans(self) -> Spans:
        present = self.present
        last = present.shape[1] - 1 - present[:, ::-1].argmax(axis=1)
        return present.argmax(axis=1), last

    @cached_property
    def sells(self) -> NDArray[np.bool_]:
        sold = self.sales.frame.filter(pl.col("sales") > 0)["date"].unique()
        sells = np.zeros(self.n_days, dtype=np.bool_)
        sells[[self.index_of(day) for day in sold]] = True
        return sells

    def place(self, series: int, day: int) -> Place | None:
        row = int(self.row[series, day])
        return self.sales.place(row) if row >= 0 else None

    def largest(self, column: str, series: NDArray[np.intp], end: int) -> NDArray[np.float64]:
        values = np.nan_to_num(self.values(column, (series, slice(0, end))))
        return np.asarray(values.max(axis=1, initial=0))

    def values(self, column: str, cells: Cells | None = None) -> NDArray[np.float64]:
        """Return a column on the grid, NaN where there is no row.

        Args:
            cells: series and days that are wanted; all by default.
        """
        row = self.row if cells is None else self.row[cells]
        values = self.sales.frame[column].to_numpy()[np.maximum(row, 0)].astype(np.float64)
        values[row < 0] = np.nan
        return values


def panel_of(
    sales: ReadTable,
    columns: Sequence[str],
    *,
    step: Step = Step.DAY,
    first: date | None = None,
    n_days: int | None = None,
) -> Panel:
    """Return the rows of sales as a panel.

    Args:
        columns: of the series.
        first: first day of the grid; that of the rows by default.
        n_days: days of the grid, up to the last of the rows by default.
    """
    frame = sales.frame
    if first is None:
        first = frame["date"].min()  # type: ignore[assignment]
    assert isinstance(first, date)
    physical = frame["date"].to_physical().to_numpy()
    day = (physical - (first - date(1970, 1, 1)).days) // step.days
    if n_days is None:
        n_days = int(day.max()) + 1
    code = np.zeros(frame.height, dtype=np.int64)
    for column in columns:
        part, count = dense_codes(frame[column])
        # compact numbers after each column, so that their product cannot overflow
        code = _compact(code * count + part)
    count = int(code.max()) + 1
    row = np.full((count, n_days), -1, dtype=np.int32)
    row[code, day] = np.arange(frame.height, dtype=np.int32)
    members = np.empty(count, dtype=np.int64)
    members[code] = np.arange(frame.height)
    return Panel(sales, frame[members].select(columns), first, step, n_days, row)


def _compact(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return codes of equal order without gaps, from 0."""
    if int(codes.max()) > _MAX_CODES:
        return np.unique(codes, return_inverse=True)[1]
    used = np.zeros(int(codes.max()) + 1, dtype=np.bool_)
    used[codes] = True
    compacted: NDArray[np.int64] = (np.cumsum(used) - 1)[codes]
    return compacted
