"""Facts of all tables, with which a part of them is built by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.delivery import undelivered_days
from features.data.hierarchy import Hierarchy
from features.data.outliers import (
    judge_counts,
    sales_outliers,
    suspected,
    value_outliers,
    values_of,
)
from features.data.parts.part import TablePart, WholePart
from features.data.reading.reader import ReadTable
from features.data.reading.schema import FUTURE, SALES
from features.data.specification import Covariate, Kind, Missing, Specification
from features.data.step import Step
from features.data.tables import Tables


@dataclass(frozen=True)
class WholeTables:
    """Facts of all tables, with which a part is built by itself.

    Attributes:
        series: all series, in order, with their number.
        late: undelivered days, by series and date.
        outliers: series and date of values that are taken for mistakes: of the sales, and by the
            name of a covariate.
        others: tables that are read whole.
        replaced: as in `Tables`.
    """

    specification: Specification
    first: date
    origin: date
    hierarchy: Hierarchy
    series: pl.DataFrame
    late: pl.DataFrame
    outliers: Mapping[str, pl.DataFrame]
    others: Mapping[str, pl.DataFrame]
    replaced: Mapping[str, pl.DataFrame]

    @property
    def n_days(self) -> int:
        return (self.origin - self.first).days // self.specification.step.days + 1

    @property
    def reach(self) -> int:
        """Days up to the last that a forecast reaches."""
        return self.n_days + self.specification.horizon

    @property
    def size(self) -> int:
        """About the bytes of the arrays that are written."""
        nodes, bottoms = len(self.hierarchy), self.hierarchy.n_bottom
        covariates = 4 * len(self.specification.used)
        return 2 * 8 * nodes * self.n_days + (1 + covariates) * bottoms * self.reach

    def date_at(self, index: int) -> date:
        """Return the date of an index, and that of the origin for an earlier one."""
        days = max(index, self.n_days - 1) * self.specification.step.days
        return date.fromordinal(self.first.toordinal() + days)

    @property
    def day_of_row(self) -> pl.Expr:
        """Index of the date of each row."""
        days = (pl.col("date") - self.first).dt.total_days()
        return (days + self.specification.shift) // self.specification.step.days

    def past_only(self, covariate: Covariate) -> NDArray[np.float32]:
        """Return a covariate of a table of its own of which only the past is known.

        Shape (groups, days).
        """
        group = self.hierarchy.group_of(*covariate.by)
        grid = self.grid(covariate, self.n_days, group)
        return grid if covariate.value is None else self.fill_gaps(covariate, grid)

    def fill_gaps(self, covariate: Covariate, grid: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a grid with 0 on the days without a row, up to the last day of the table."""
        last = self.others[covariate.table].select(self.day_of_row.max()).item()
        gaps = np.isnan(grid) & (np.arange(grid.shape[1]) <= last)
        return np.where(gaps, 0, grid).astype(np.float32)

    def grid(
        self, covariate: Covariate, n_days: int, group: NDArray[np.intp], rows: slice = slice(None)
    ) -> NDArray[np.float32]:
        """Return the values of a table of its own, shape (groups, days); NaN where it has none.

        Args:
            group: number of the group of each of some series.
            rows: these series.
        """
        table, keys = self.others[covariate.table], list(covariate.by)
        if covariate.name in self.outliers:
            table = table.join(self.outliers[covariate.name], on=["date", *keys], how="anti")
        if covariate.value is not None:  # a day may have several texts
            table = table.filter(pl.col(covariate.source) == covariate.value)
        values = table.with_columns(
            covariate_values(covariate),
            *(pl.col(key).cast(pl.String) for key in keys),
            day=self.day_of_row,
        )
        groups = pl.DataFrame(
            {key: self.hierarchy.bottoms[key][rows] for key in keys} | {"group": group}
        ).unique()
        values = self._within_steps(
            covariate, values.filter(pl.col("day").is_between(0, n_days - 1))
        )
        out = np.full((int(group.max()) + 1, n_days), np.nan, dtype=np.float32)
        # a row without a value in a key column holds for all of its values
        whole = values.filter(pl.all_horizontal(pl.col(keys).is_null())) if keys else values
        out[:, whole["day"].to_numpy()] = whole[covariate.name].to_numpy()
        if keys:
            placed = values.join(groups, on=keys)
            own = placed[covariate.name].to_numpy()
            out[placed["group"].to_numpy(), placed["day"].to_numpy()] = own
        return out

    def _within_steps(self, covariate: Covariate, rows: pl.DataFrame) -> pl.DataFrame:
        """Return one row for each step, of a table whose rows may be nearer to each other."""
        if self.specification.step is Step.DAY:
            return rows
        value = pl.col(covariate.name)
        of_week = {Kind.COUNT: value.sum(), Kind.FLAG: value.max()}.get(
            covariate.kind, value.mean()
        )
        return rows.group_by(*covariate.by, "day", maintain_order=True).agg(of_week)


def describe_whole(tables: Tables) -> WholeTables:
    """Return what the parts of tables must know of all of them."""
    specification = tables.specification
    first, origin = _find_span(tables.train)
    stored = tables.stored
    if stored is None:
        late = undelivered_days(tables.train, specification.series, step=specification.step)
        outliers = {"sales": sales_outliers(tables.train, specification.series)}
    else:
        late, outliers = stored.late, {"sales": stored.outliers}
    if specification.missing is Missing.CLOSED:  # a late row looks like a closed day
        late = late.clear()
    return WholeTables(
        specification=specification,
        first=first,
        origin=origin,
        hierarchy=build_hierarchy(tables),
        series=list_series(tables),
        late=late,
        outliers=outliers | _find_outlying_counts(tables, origin),
        others=tables.others,
        replaced=tables.replaced,
    )


def _find_outlying_counts(tables: Tables, origin: date) -> dict[str, pl.DataFrame]:
    """Return keys and date of the counts that are taken for mistakes, by covariate."""
    specification = tables.specification
    mistakes = {}
    scans = [
        scan.select(*specification.series, "date", *_counted(specification))
        for part in parts_of(tables)
        for scan in scan_within_reach(part, specification, origin).values()
    ]
    for covariate in specification.covariates:
        if covariate.kind is not Kind.COUNT:
            continue
        if covariate.table != specification.sales:
            rows = value_outliers(
                tables.others[covariate.table], value=covariate.source, keys=covariate.by
            )
            mistakes[covariate.name] = rows.select("date", *covariate.by)
        elif covariate.known_ahead:
            rows = judge_counts(
                pl.concat([suspected(scan, covariate.source) for scan in scans]),
                values_of(covariate.source, *scans),
                value=covariate.source,
                keys=specification.pooled,
            )
            mistakes[covariate.name] = rows.select(*specification.series, "date")
    return mistakes


def _counted(specification: Specification) -> list[str]:
    """Return the columns of the counts of the sales that are known ahead."""
    return [
        each.source
        for each in specification.covariates
        if each.kind is Kind.COUNT and each.known_ahead and each.table == specification.sales
    ]


def parts_of(tables: Tables) -> Sequence[TablePart]:
    """Return the parts in which tables are stored, or all of them as one."""
    if tables.stored is not None:
        return tables.stored.parted.parts
    frames = {SALES: tables.train} | ({} if tables.test is None else {FUTURE: tables.test})
    return [WholePart({name: ReadTable(name, frame, ()) for name, frame in frames.items()})]


def scan_within_reach(
    part: TablePart, specification: Specification, origin: date
) -> dict[str, pl.DataFrame | pl.LazyFrame]:
    """Return the sales of a part, and the days ahead that a forecast reaches."""
    last = origin + pl.duration(days=specification.horizon * specification.step.days)
    scans = {SALES: part.scan(SALES)}
    if FUTURE in part.names:
        scans[FUTURE] = part.scan(FUTURE).filter(pl.col("date") <= last)
    return scans


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


def is_parted(covariate: Covariate, specification: Specification) -> bool:
    """Return whether a covariate has a row for each series."""
    return covariate.known_ahead or covariate.table == specification.sales


def covariate_values(covariate: Covariate) -> pl.Expr:
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
