"""Sales as a dense grid of series and days, with the row that each cell came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.keys import dense_codes
from features.data.reading.reader import ReadTable

MAX_CELLS = 200_000_000


@dataclass(frozen=True)
class Panel:
    """The rows of train.

    Attributes:
        series: columns store_nbr and family, by store and family.
        first: first day.
        row: position of a cell's row in the table, -1 where there is none; (series, days).
    """

    train: ReadTable
    series: pl.DataFrame
    first: date
    row: NDArray[np.int32]

    @property
    def present(self) -> NDArray[np.bool_]:
        return self.row >= 0

    @property
    def n_days(self) -> int:
        days: int = self.row.shape[1]
        return days

    def day(self, index: int) -> date:
        return self.first + timedelta(int(index))

    def values(self, column: str) -> NDArray[np.float64]:
        """Return a column on the grid, NaN where there is no row."""
        values = np.append(self.train.frame[column].to_numpy(), np.nan)
        return values[self.row]


def panel_of(train: ReadTable) -> Panel | None:
    """Return the rows of train as a panel; None where their span is too long to be one."""
    frame = train.frame
    day, n_days = dense_codes(frame["date"])
    store, n_stores = dense_codes(frame["store_nbr"])
    family, n_families = dense_codes(frame["family"])
    code = store * n_families + family
    used = np.zeros(n_stores * n_families, dtype=np.bool_)
    used[code] = True
    distinct = np.flatnonzero(used)
    if len(distinct) * n_days > MAX_CELLS:
        return None
    row = np.full((len(distinct), n_days), -1, dtype=np.int32)
    series = (np.cumsum(used) - 1)[code]
    row[series, day] = np.arange(frame.height, dtype=np.int32)
    members = np.empty(len(distinct), dtype=np.int64)
    members[series] = np.arange(frame.height)
    first = frame["date"].min()
    assert isinstance(first, date)
    return Panel(train, frame[members].select("store_nbr", "family"), first, row)
