"""Sales as a dense grid of series and days, with the row that each cell came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.keys import dense_codes
from features.data.reading.reader import ReadTable
from features.data.step import Step

MAX_CELLS = 200_000_000


@dataclass(frozen=True)
class Panel:
    """The rows of sales.

    Attributes:
        series: the columns of the series, in their order.
        first: first day.
        step: time from one day of the grid to the next.
        row: position of a cell's row in the table, -1 where there is none; (series, days).
    """

    sales: ReadTable
    series: pl.DataFrame
    first: date
    step: Step
    row: NDArray[np.int32]

    @property
    def present(self) -> NDArray[np.bool_]:
        return self.row >= 0

    @property
    def n_days(self) -> int:
        days: int = self.row.shape[1]
        return days

    def name(self, series: int) -> str:
        """Return the columns of a series with their values, for a message."""
        row = self.series.row(series, named=True)
        return ", ".join(f"{column} {value}" for column, value in row.items())

    def day(self, index: int) -> date:
        return self.first + timedelta(int(index) * self.step.days)

    def index_of(self, day: date) -> int:
        return (day - self.first).days // self.step.days

    def values(
        self, column: str, cells: tuple[slice | NDArray[np.intp], slice] | None = None
    ) -> NDArray[np.float64]:
        """Return a column on the grid, NaN where there is no row.

        Args:
            cells: series and days that are wanted; all by default.
        """
        row = self.row if cells is None else self.row[cells]
        values = self.sales.frame[column].to_numpy()[np.maximum(row, 0)].astype(np.float64)
        values[row < 0] = np.nan
        return values


def panel_of(sales: ReadTable, columns: Sequence[str], *, step: Step = Step.DAY) -> Panel | None:
    """Return the rows of sales as a panel; None where their span is too long to be one.

    Args:
        columns: of the series.
    """
    frame = sales.frame
    day, n_days = dense_codes(frame["date"])
    day, n_days = day // step.days, (n_days - 1) // step.days + 1
    code = np.zeros(frame.height, dtype=np.int64)
    for column in columns:
        part, count = dense_codes(frame[column])
        # compact numbers after each column, so that their product cannot overflow
        code = _compact(code * count + part)
    count = int(code.max()) + 1
    if count * n_days > MAX_CELLS:
        return None
    row = np.full((count, n_days), -1, dtype=np.int32)
    series = code
    row[series, day] = np.arange(frame.height, dtype=np.int32)
    members = np.empty(count, dtype=np.int64)
    members[series] = np.arange(frame.height)
    first = frame["date"].min()
    assert isinstance(first, date)
    return Panel(sales, frame[members].select(columns), first, step, row)


def _compact(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return codes of equal order without gaps, from 0."""
    if int(codes.max()) > MAX_CELLS:
        return np.unique(codes, return_inverse=True)[1]
    used = np.zeros(int(codes.max()) + 1, dtype=np.bool_)
    used[codes] = True
    compacted: NDArray[np.int64] = (np.cumsum(used) - 1)[codes]
    return compacted
