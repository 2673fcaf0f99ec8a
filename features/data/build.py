"""Builds a snapshot from checked tables: the dense series × days panel and its covariates.

What a day without a row means (25 December, a store before it opened, a closed one) is stated by
the specification: by default a day without sales, zero. Days at the end that have not been
delivered yet (see `features.data.delivery`) are not known: NaN. Covariates of days ahead come from
the table of the days ahead, or from one of their own; a day that it does not list is not known
(NaN), which is not the same as no promotion (0).

Outliers (see `features.data.outliers`, and `features.data.screening` where what it lists is to be
replaced) stay in the sales as they were delivered. The model learns neither from them nor from days
that are not known or closed: `features.data.history` makes the sales that features read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from features.data import snapshot_files as layout
from features.data.calendar import Holiday
from features.data.closures import (
    CLOSED,
    LONG_SHUT,
    NOT_STATED,
    OPEN,
    OUTLIER,
    find_long_shuts,
)
from features.data.delivery import undelivered_days
from features.data.hierarchy import Hierarchy
from features.data.history import Cells, with_estimates
from features.data.outliers import plan_outliers, sales_outliers, value_outliers
from features.data.returns import without_returns
from features.data.snapshot import SnapshotFacts
from features.data.snapshot_files import dump_rows
from features.data.specification import Covariate, Kind, Missing
from features.data.step import Step
from features.data.table_report import write_report
from features.data.tables import CheckedTables, Tables
from storage.artifacts import Artifact, seal, staging


def build_snapshot(tables: Tables, destination: Path, *, demo: bool = False) -> Artifact:
    """Write the snapshot of `tables` into the folder `destination`.

    The series are those that occur in the sales or in the table of the days ahead, ordered by their
    columns. The same tables make the same snapshot, byte for byte; the findings of their check are
    part of it.

    Args:
        demo: whether the tables are the built-in demo's; recorded in the manifest.
    """
    panel = _Panel(tables)
    specification, hierarchy = tables.specification, panel.hierarchy
    bottoms, history, status = panel.sales()
    covariates = {each.name: panel.covariate(each) for each in specification.used}
    with staging(destination) as folder:
        np.save(folder / layout.SALES_FILE, hierarchy.aggregate(bottoms))
        if history is not bottoms:
            np.save(folder / layout.ESTIMATED_FILE, hierarchy.aggregate(history))
        if status.any():
            np.save(folder / layout.STATUS_FILE, status)
        if (begins := panel.begins()).any():
            np.save(folder / layout.BEGINS_FILE, begins)
        for name, values in covariates.items():
            np.save(folder / layout.covariate_file(name), values)
        holidays = tables.holidays_events.unique().sort(pl.all()).to_dicts()
        dump_rows(folder / layout.HOLIDAYS_FILE, [Holiday(**row) for row in holidays])
        (folder / layout.HIERARCHY_FILE).write_bytes(orjson.dumps({"bottoms": hierarchy.bottoms}))
        (folder / layout.SPECIFICATION_FILE).write_text(
            specification.model_dump_json(), encoding="utf-8"
        )
        if isinstance(tables, CheckedTables):
            write_report(folder, tables.report, tables.layout, tables.outliers)
        ahead = [covariates[each.name] for each in specification.known_ahead]
        facts = SnapshotFacts(
            first_date=panel.first,
            origin=panel.origin,
            known_through=panel.date_at(max(map(panel.last_known, ahead), default=-1)),
            demo=demo,
        )
        manifest_facts = facts.model_dump(mode="json", exclude_defaults=True)
        return seal(folder, kind=layout.KIND, label=panel.origin.isoformat(), facts=manifest_facts)


def build_hierarchy(tables: Tables) -> Hierarchy:
    """Return the hierarchy of all series, in the order of their columns."""
    specification = tables.specification
    described = list_series(tables)
    for name in dict.fromkeys(each.table for each in specification.attributes):
        attributes = [each for each in specification.attributes if each.table == name]
        by = list(attributes[0].by)
        values = tables.table(name).select(*by, *(each.name for each in attributes))
        values = values.unique(by, keep="first", maintain_order=True)
        described = described.join(values, on=by, how="left", maintain_order="left")
    columns = {
        name: described[name].cast(pl.String).fill_null("").to_list()
        for name in specification.described
    }
    return Hierarchy(columns, specification)


def list_series(tables: Tables) -> pl.DataFrame:
    """Return the series of the sales and of the days ahead, in the order of their columns."""
    keys = list(tables.specification.series)
    parts = [tables.train] if tables.test is None else [tables.train, tables.test]
    return pl.concat([part.select(keys).unique() for part in parts]).unique().sort(keys)


class _Panel:
    """The tables on a dense grid of series and days."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._specification = specification = tables.specification
        self.first, self.origin = _find_span(tables.train)
        self._step = specification.step
        self.n_days = (self.origin - self.first).days // self._step.days + 1
        self._reach = self.n_days + specification.horizon
        keys = list(specification.series)
        self._series = list_series(tables).with_row_index("series")
        self.hierarchy = build_hierarchy(tables)
        late = undelivered_days(tables.train, keys, step=self._step)
        if specification.missing is Missing.CLOSED:  # a late row looks like a closed day
            late = late.clear()
        self._late = self._locate(late)
        self._known = self._list_tables()

    def date_at(self, index: int) -> date:
        """Return the date of an index, and that of the origin for an earlier one."""
        days = max(index, self.n_days - 1) * self._step.days
        return date.fromordinal(self.first.toordinal() + days)

    def begins(self) -> NDArray[np.int64]:
        """Return the steps to the first row of each series without sales; 0 for the others."""
        begins = np.zeros(self._series.height, dtype=np.int64)
        if self._tables.test is not None:
            series, day = self._locate_rows(self._tables.test)
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
        specification, train = self._specification, self._tables.train
        absent, late = self._find_absent_days(), self._late
        bottoms = np.zeros((self._series.height, self.n_days))
        _fill(bottoms, self._known[:1], "sales")
        if specification.missing is Missing.UNKNOWN:
            bottoms[absent] = np.nan
        bottoms[late] = np.nan
        bottoms = without_returns(bottoms, specification.returns)
        status = self._find_status(absent)
        known = status[:, : self.n_days]
        if specification.missing is Missing.ZERO:
            sites = self.hierarchy.group_of(specification.site)
            rows, days = find_long_shuts(bottoms, sites, step=self._step)
            known[rows, days] = np.where(known[rows, days] == OPEN, LONG_SHUT, known[rows, days])
        outliers = self._locate(sales_outliers(train, specification.series))
        known[outliers] = OUTLIER
        if "sales" in self._tables.replaced:
            known[self._locate(self._tables.replaced["sales"])] = OUTLIER
        rows, days = np.nonzero(np.isnan(bottoms) | np.isin(known, (CLOSED, OUTLIER)))
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

    def _list_tables(self) -> list[_Placed]:
        """Return the sales, and the days ahead that a forecast reaches, with their cells."""
        tables = [self._tables.train]
        if self._tables.test is not None:
            last = self.origin + pl.duration(days=self._specification.horizon * self._step.days)
            tables.append(self._tables.test.filter(pl.col("date") <= last))
        return [_Placed(table, self._locate_rows(table)) for table in tables]

    def covariate(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return the values of a covariate, of the shape that a snapshot holds them in."""
        if not covariate.known_ahead:
            return self._past_only(covariate)
        if covariate.table == self._specification.sales:
            return self._read_planned(covariate)
        return self._read_dated(covariate)

    def _read_planned(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return a covariate of the tables of sales and of days ahead, shape (series, days)."""
        pooled, value = self._specification.pooled, _values_of(covariate)
        out = np.full((self._series.height, self._reach), np.nan, dtype=np.float32)
        if covariate.kind.adds_up:
            out[:, : self.n_days] = 0  # a day without a row is one without promotion
            out[self._late] = np.nan
        tables = [part.rows.select(*pooled, value) for part in self._known]
        for part, table in zip(self._known, tables, strict=True):
            _fill(out, [part], value)
            if covariate.kind is Kind.COUNT:
                wrong = plan_outliers(
                    table.with_row_index("_row"), *tables, value=covariate.name, keys=pooled
                )["_row"]
                out[tuple(axis[wrong.to_numpy()] for axis in part.cells)] = np.nan
        if covariate.source in self._tables.replaced:
            out[self._locate(self._tables.replaced[covariate.source])] = np.nan
        return out

    def _read_dated(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return a covariate of a table of its own that is known ahead, shape (series, days)."""
        grid = self._grid(covariate, self._reach)
        if covariate.kind.adds_up:
            grid = self._fill_gaps(covariate, grid)
        group = self.hierarchy.group_of(*covariate.by)
        return np.asarray(grid[group], dtype=np.float32)

    def _past_only(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return a covariate of which only the past is known, shape (groups, days)."""
        if covariate.table != self._specification.sales:
            grid = self._grid(covariate, self.n_days)
            return grid if covariate.value is None else self._fill_gaps(covariate, grid)
        out = np.full((self._series.height, self.n_days), np.nan, dtype=np.float32)
        _fill(out, self._known[:1], _values_of(covariate))
        # groups of series are numbered by their natural order, rows of the panel are not
        ordered = np.empty_like(out)
        ordered[self.hierarchy.group_of(*self._specification.series)] = out
        return ordered

    def _fill_gaps(self, covariate: Covariate, grid: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a grid with 0 on the days without a row, up to the last day of the table."""
        last = self._tables.table(covariate.table).select(self._day_of_row.max()).item()
        gaps = np.isnan(grid) & (np.arange(grid.shape[1]) <= last)
        return np.where(gaps, 0, grid).astype(np.float32)

    def _grid(self, covariate: Covariate, n_days: int) -> NDArray[np.float32]:
        """Return the values of a table of its own, shape (groups, days); NaN where it has none."""
        table, keys = self._tables.table(covariate.table), list(covariate.by)
        if covariate.kind is Kind.COUNT:
            wrong = value_outliers(table, value=covariate.source, keys=keys)
            table = table.join(wrong, on=["date", *keys], how="anti")
        if covariate.value is not None:  # a day may have several texts
            table = table.filter(pl.col(covariate.source) == covariate.value)
        rows = table.with_columns(
            _values_of(covariate),
            *(pl.col(key).cast(pl.String) for key in keys),
            day=self._day_of_row,
        )
        group = self.hierarchy.group_of(*keys)
        groups = pl.DataFrame(
            {key: self.hierarchy.bottoms[key] for key in keys} | {"group": group}
        ).unique()
        rows = self._within_steps(covariate, rows.filter(pl.col("day").is_between(0, n_days - 1)))
        out = np.full((int(group.max()) + 1, n_days), np.nan, dtype=np.float32)
        # a row without a value in a key column holds for all of its values
        whole = rows.filter(pl.all_horizontal(pl.col(keys).is_null())) if keys else rows
        out[:, whole["day"].to_numpy()] = whole[covariate.name].to_numpy()
        if keys:
            placed = rows.join(groups, on=keys)
            values = placed[covariate.name].to_numpy()
            out[placed["group"].to_numpy(), placed["day"].to_numpy()] = values
        return out

    def _within_steps(self, covariate: Covariate, rows: pl.DataFrame) -> pl.DataFrame:
        """Return one row for each step, of a table whose rows may be nearer to each other."""
        if self._step is Step.DAY:
            return rows
        value = pl.col(covariate.name)
        of_week = {Kind.COUNT: value.sum(), Kind.FLAG: value.max()}.get(
            covariate.kind, value.mean()
        )
        return rows.group_by(*covariate.by, "day", maintain_order=True).agg(of_week)

    def _locate_rows(self, frame: pl.DataFrame) -> Cells:
        """Return the series and the day of each row."""
        placed = frame.select(*self._specification.series, "date").join(
            self._series, on=list(self._specification.series), maintain_order="left"
        )
        return placed["series"].to_numpy().astype(np.intp), self._index_days(placed)

    def _locate(self, frame: pl.DataFrame) -> Cells:
        """Return series and day of each row; a row with the site alone stands for all of it."""
        keys = list(self._specification.series)
        site, *others = keys
        parts = [frame.join(self._series, on=keys)]
        if others:
            whole = frame.filter(pl.all_horizontal(pl.col(others).is_null()))
            parts.insert(0, whole.drop(others).join(self._series, on=site))
        placed = pl.concat([part.select("series", "date") for part in parts])
        placed = placed.unique(maintain_order=True)
        return placed["series"].to_numpy().astype(np.intp), self._index_days(placed)

    def _index_days(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        return frame.select(self._day_of_row).to_series().to_numpy()

    @property
    def _day_of_row(self) -> pl.Expr:
        """Index of the date of each row."""
        days = (pl.col("date") - self.first).dt.total_days()
        return (days + self._specification.shift) // self._step.days


@dataclass(frozen=True)
class _Placed:
    """A table with the cells of its rows on the grid of series and days."""

    rows: pl.DataFrame
    cells: Cells


def _fill(out: NDArray[Any], tables: Sequence[_Placed], value: str | pl.Expr) -> None:
    """Copy the values of tables into `out` (series × days), in place."""
    for table in tables:
        out[table.cells] = table.rows.select(value).to_series().to_numpy()


def _values_of(covariate: Covariate) -> pl.Expr:
    """Return the values of a covariate as numbers, under its name."""
    source = pl.col(covariate.source)
    if covariate.value is not None:
        source = (source == covariate.value).cast(pl.Float64).fill_null(0)
    return source.alias(covariate.name)


def _find_span(frame: pl.DataFrame) -> tuple[date, date]:
    first, last = frame["date"].min(), frame["date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first, last
