"""The rows of a part on a dense grid of its series and days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.building.whole import WholeTables, covariate_values, scan_within_reach
from features.data.closures import CLOSED, NOT_STATED, OPEN, OUTLIER
from features.data.history import Cells, with_estimates
from features.data.parts.part import TablePart
from features.data.returns import without_returns
from features.data.specification import Covariate, Missing


class PartPanel:
    """The rows of a part on a dense grid of its series and days."""

    def __init__(self, part: TablePart, whole: WholeTables, rows: slice) -> None:
        """Place the rows of a part.

        Args:
            rows: range of its series among all.
        """
        self._whole, self._rows = whole, rows
        self._specification = specification = whole.specification
        self._step, self.n_days, self._reach = specification.step, whole.n_days, whole.reach
        self._series = whole.series[self._rows].with_row_index("_series")
        self.site = number_sites(self._series[specification.site])
        self._late = self._locate(whole.late)
        scans = scan_within_reach(part, specification, whole.origin)
        frames = {name: scan.lazy().collect() for name, scan in scans.items()}
        self._known = [_Placed(frame, self._locate_rows(frame)) for frame in frames.values()]

    def begins(self) -> NDArray[np.int64]:
        """Return the steps to the first row of each series without sales; 0 for the others."""
        begins = np.zeros(self._series.height, dtype=np.int64)
        if len(self._known) > 1:
            series, day = self._known[1].cells
            first = np.full(len(begins), np.iinfo(np.int64).max)
            np.minimum.at(first, series, day)
            new = np.setdiff1d(series, self._known[0].cells[0])
            begins[new] = first[new] - self.n_days + 1
        return begins

    @staticmethod
    def last_known(values: NDArray[np.float32]) -> int:
        """Return the last index on which any series has a value; -1 if there is none."""
        known = np.flatnonzero(~np.isnan(values).all(axis=0))
        return int(known[-1]) if len(known) else -1

    def sales(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
        """Return the sales of the bottom series, those that features read, and the days' status.

        The sales are of shape (series, days), the status of shape (series, days + horizon).
        """
        specification, whole = self._specification, self._whole
        absent, late = self._find_absent_days(), self._late
        bottoms = np.zeros((self._series.height, self.n_days))
        _fill(bottoms, self._known[:1], "sales")
        if specification.missing is Missing.UNKNOWN:
            bottoms[absent] = np.nan
        bottoms[late] = np.nan
        bottoms = without_returns(bottoms, specification.returns)
        status = self._find_status(absent)
        known = status[:, : self.n_days]
        known[self._locate(whole.outliers["sales"])] = OUTLIER
        if "sales" in whole.replaced:
            known[self._locate(whole.replaced["sales"])] = OUTLIER
        rows, days = np.nonzero(np.isnan(bottoms) | (known == CLOSED) | (known == OUTLIER))
        return bottoms, with_estimates(bottoms, (rows, days), step=self._step), status

    def _find_absent_days(self) -> NDArray[np.bool_]:
        """Return the days without a row since the first of each series; shape (series, days)."""
        rows = np.zeros((self._series.height, self.n_days), dtype=np.bool_)
        rows[self._known[0].cells] = True
        absent = np.maximum.accumulate(rows, axis=1) & ~rows
        absent[self._late] = False
        return absent

    def _find_status(self, absent: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return which days are stated as closed, shape (series, days + horizon)."""
        specification = self._specification
        status = np.full((len(absent), self._reach), OPEN, dtype=np.uint8)
        if specification.open is not None:
            status[:, self.n_days :] = NOT_STATED
            closed = pl.when("open").then(OPEN).otherwise(CLOSED).cast(pl.UInt8)
            _fill(status, self._known, closed)
        if specification.missing is Missing.CLOSED:
            status[:, : self.n_days][absent] = CLOSED
        return status

    def covariate(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return the values of a covariate of the series of this part."""
        if not covariate.known_ahead:
            return self._past_only(covariate)
        if covariate.table == self._specification.sales:
            return self._read_planned(covariate)
        return self._read_dated(covariate)

    def _read_planned(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return a covariate of the tables of sales and of days ahead, shape (series, days)."""
        whole, value = self._whole, covariate_values(covariate)
        out = np.full((self._series.height, self._reach), np.nan, dtype=np.float32)
        if covariate.kind.adds_up:
            out[:, : self.n_days] = 0  # a day without a row is one without promotion
            out[self._late] = np.nan
        _fill(out, self._known, value)
        if covariate.name in whole.outliers:
            out[self._locate(whole.outliers[covariate.name])] = np.nan
        if covariate.source in whole.replaced:
            out[self._locate(whole.replaced[covariate.source])] = np.nan
        return out

    def _read_dated(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return a covariate of a table of its own that is known ahead, shape (series, days)."""
        of_part = self._whole.hierarchy.group_of(*covariate.by)[self._rows]
        group = np.unique(of_part, return_inverse=True)[1].astype(np.intp)
        grid = self._whole.grid(covariate, self._reach, group, self._rows)
        if covariate.kind.adds_up:
            grid = self._whole.fill_gaps(covariate, grid)
        return np.asarray(grid[group], dtype=np.float32)

    def _past_only(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return a covariate of the sales of which only the past is known, (series, days)."""
        out = np.full((self._series.height, self.n_days), np.nan, dtype=np.float32)
        _fill(out, self._known[:1], covariate_values(covariate))
        return out

    def _locate_rows(self, frame: pl.DataFrame) -> Cells:
        """Return the series and the day of each row."""
        placed = frame.select(*self._specification.series, "date").join(
            self._series, on=list(self._specification.series), maintain_order="left"
        )
        return placed["_series"].to_numpy().astype(np.intp), self._index_days(placed)

    def _locate(self, frame: pl.DataFrame) -> Cells:
        """Return series and day of each row; a row with the site alone stands for all of it."""
        keys = list(self._specification.series)
        site, *others = keys
        parts = [frame.join(self._series, on=keys)]
        if others:
            whole = frame.filter(pl.all_horizontal(pl.col(others).is_null()))
            parts.insert(0, whole.drop(others).join(self._series, on=site))
        placed = pl.concat([part.select("_series", "date") for part in parts])
        placed = placed.unique(maintain_order=True)
        return placed["_series"].to_numpy().astype(np.intp), self._index_days(placed)

    def _index_days(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        return frame.select(self._whole.day_of_row).to_series().to_numpy()


@dataclass(frozen=True)
class _Placed:
    """A table with the cells of its rows on the grid of series and days."""

    rows: pl.DataFrame
    cells: Cells


def _fill(out: NDArray[Any], tables: Sequence[_Placed], value: str | pl.Expr) -> None:
    """Copy the values of tables into `out` (series × days), in place."""
    for table in tables:
        out[table.cells] = table.rows.select(value).to_series().to_numpy()


def number_sites(sites: pl.Series) -> NDArray[np.intp]:
    """Return the number of each series' site; those of a site are neighbours."""
    return np.asarray(sites.rle_id().to_numpy(), dtype=np.intp)
