"""The grid of the newest days of all series, of which each part has stored its own.

A screening reads the values of all series on the newest days, those of a year of the few that it
suspects, and of all days before these only the largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.panel import Cells, Panel, SalesGrid, Spans, Timeline, panel_of
from features.data.parts.part import StoredPart
from features.data.reading.reader import Place
from features.data.reading.schema import OPEN, SALES, UNITS
from features.data.screening.new_days import first_day_read
from features.data.specification import Kind, Specification

_FILE, _ROW = "_file", "_row"


@dataclass(frozen=True)
class StoredGrid:
    """The newest days of the series of a part, as array files.

    Attributes:
        series: the columns of the series.
        spans: first and last day with a row of each series.
        sells: whether any of the series sells something on a day.
        most: the largest value of each series before the new days, by column.
        first: first day of the arrays.
        timeline: of the whole; its series are those of the part.
    """

    folder: Path
    source: StoredPart
    series: pl.DataFrame
    spans: Spans
    sells: NDArray[np.bool_]
    most: Mapping[str, NDArray[np.float64]]
    first: int
    timeline: Timeline

    def read(self, column: str, series: NDArray[np.intp], days: slice) -> NDArray[np.float64]:
        """Return the values of some series on some days."""
        if days.start >= self.first:
            stored = self._open(column)
            return np.asarray(stored[series, days.start - self.first : days.stop - self.first])
        whole = self.timeline  # values that are on record may be of any day
        panel = panel_of(
            self.source.tables()[SALES],
            self.series.columns,
            step=whole.step,
            first=whole.first,
            n_days=whole.n_days,
        )
        return panel.values(column, (series, days))

    def place(self, series: int, day: int) -> Place | None:
        """Return the place of a cell's row; None where there is none."""
        cell = (series, day - self.first)
        row = int(self._open(_ROW)[cell])
        return (int(self._open(_FILE)[cell]), row) if row else None

    def _open(self, column: str) -> NDArray[np.float64]:
        array: NDArray[np.float64] = np.load(_file_of(self.folder, column), mmap_mode="r")
        return array


Grid = Panel | StoredGrid


def store_grid(
    panel: Panel, folder: Path, source: StoredPart, specification: Specification, first_new: int
) -> StoredGrid:
    """Write what a screening reads of the series of a part into an empty folder."""
    first = first_day_read(first_new, panel.step)
    window: Cells = (slice(None), slice(first, None))
    counted = [
        each
        for each in specification.known_ahead
        if each.table == specification.sales
        and each.value is None
        and each.kind in (Kind.COUNT, Kind.FLAG)
    ]
    opened = [OPEN] if specification.open is not None else []
    for column in (UNITS, *opened, *(each.source for each in counted)):
        np.save(_file_of(folder, column), panel.values(column, window))
    rows = panel.row[window]
    for column in (_FILE, _ROW):  # rows are counted from 1: 0 is none
        places = panel.sales.frame[column].to_numpy()[np.maximum(rows, 0)]
        np.save(_file_of(folder, column), np.where(rows < 0, 0, places))
    every = np.arange(panel.series.height)
    most = {
        each.source: panel.largest(each.source, every, first_new)
        for each in counted
        if each.kind is Kind.COUNT
    }
    timeline = Timeline(source.blank[SALES], panel.series, panel.first, panel.step, panel.n_days)
    return StoredGrid(folder, source, panel.series, panel.spans, panel.sells, most, first, timeline)


def _file_of(folder: Path, column: str) -> Path:
    return folder / f"{column.encode().hex()}.npy"


@dataclass(frozen=True)
class JoinedGrid(SalesGrid):
    """The grids of all parts as one, which reads what is asked of it."""

    parts: Sequence[StoredGrid]

    @cached_property
    def _begins(self) -> NDArray[np.intp]:
        """First series of each part, and the number of all."""
        return np.cumsum([0, *(part.series.height for part in self.parts)])

    @cached_property
    def spans(self) -> Spans:
        first, last = zip(*(part.spans for part in self.parts), strict=True)
        return np.concatenate(first), np.concatenate(last)

    @cached_property
    def sells(self) -> NDArray[np.bool_]:
        return np.asarray(np.logical_or.reduce([part.sells for part in self.parts]))

    def place(self, series: int, day: int) -> Place | None:
        at = int(np.searchsorted(self._begins, series, side="right")) - 1
        return self.parts[at].place(series - int(self._begins[at]), day)

    def largest(self, column: str, series: NDArray[np.intp], end: int) -> NDArray[np.float64]:
        """Return the largest value of each series before the new days, which begin at `end`."""
        del end
        return np.concatenate([part.most[column] for part in self.parts])[series]

    def values(self, column: str, cells: Cells) -> NDArray[np.float64]:
        """Return a column on some cells, NaN where there is no row."""
        series = np.arange(self.series.height)[cells[0]]
        days = slice(*cells[1].indices(self.n_days))
        result = np.empty((len(series), max(days.stop - days.start, 0)))
        owner = np.searchsorted(self._begins, series, side="right") - 1
        for at in np.unique(owner):
            own = owner == at
            result[own] = self.parts[at].read(column, series[own] - self._begins[at], days)
        return result


def join_grids(timeline: Timeline, grids: Sequence[Grid]) -> SalesGrid:
    """Return the grids of all parts, in order, as one."""
    if len(grids) == 1 and isinstance(grids[0], Panel):
        return grids[0]
    stored = [grid for grid in grids if isinstance(grid, StoredGrid)]
    series = pl.concat([grid.series for grid in stored])
    return JoinedGrid(
        timeline.sales, series, timeline.first, timeline.step, timeline.n_days, stored
    )
