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

from collections.abc import Mapping, Sequence
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
from features.data.checks.run import Progress
from features.data.closures import (
    CLOSED,
    LONG_SHUT,
    NOT_STATED,
    OPEN,
    OUTLIER,
    find_long_shuts,
    find_selling_days,
)
from features.data.delivery import undelivered_days
from features.data.hierarchy import Hierarchy
from features.data.history import Cells, with_estimates
from features.data.outliers import (
    judge_counts,
    sales_outliers,
    suspected,
    value_outliers,
    values_of,
)
from features.data.parts.part import TablePart, WholePart
from features.data.parts.plan import check_disk
from features.data.parts.rows import (
    copy_rows,
    create_rows,
    read_rows,
    scatter_rows,
    write_rows,
    write_sums,
)
from features.data.reading.reader import ReadTable
from features.data.reading.schema import FUTURE, SALES
from features.data.returns import without_returns
from features.data.snapshot import SnapshotFacts
from features.data.snapshot_files import dump_rows
from features.data.specification import Covariate, Kind, Missing, Specification
from features.data.step import Step
from features.data.table_report import write_report
from features.data.tables import CheckedTables, Tables
from storage.artifacts import Artifact, seal, staging


def build_snapshot(
    tables: Tables,
    destination: Path,
    *,
    demo: bool = False,
    progress: Progress = lambda done, total: None,
) -> Artifact:
    """Write the snapshot of `tables` into the folder `destination`.

    The series are those that occur in the sales or in the table of the days ahead, ordered by their
    columns. The same tables make the same snapshot, byte for byte, in however many parts they were
    read; the findings of their check are part of it.

    Args:
        demo: whether the tables are the built-in demo's; recorded in the manifest.
        progress: called with the number of parts that are written, and that of all.

    Raises:
        MemoryLimitError: the disk is too small.
    """
    whole = _make_whole(tables)
    specification, hierarchy = tables.specification, whole.hierarchy
    with staging(destination) as folder:
        check_disk(destination, whole.size, "ARTIFACTS_DIR")
        results = []
        tasks = _list_tasks(tables, whole, folder)
        for number, task in enumerate(tasks):
            results.append(write_part(task))
            progress(number + 1, len(tasks))
        begins = _finish_arrays(whole, folder, results)
        covariates = [each for each in specification.used if not _is_parted(each, specification)]
        for covariate in covariates:
            np.save(folder / layout.covariate_file(covariate.name), whole.past_only(covariate))
        if begins.any():
            np.save(folder / layout.BEGINS_FILE, begins)
        holidays = tables.holidays_events.unique().sort(pl.all()).to_dicts()
        dump_rows(folder / layout.HOLIDAYS_FILE, [Holiday(**row) for row in holidays])
        (folder / layout.HIERARCHY_FILE).write_bytes(orjson.dumps({"bottoms": hierarchy.bottoms}))
        (folder / layout.SPECIFICATION_FILE).write_text(
            specification.model_dump_json(), encoding="utf-8"
        )
        if isinstance(tables, CheckedTables):
            write_report(folder, tables.report, tables.layout, tables.outliers)
        facts = SnapshotFacts(
            first_date=whole.first,
            origin=whole.origin,
            known_through=whole.date_at(max(result.last_known for result in results)),
            demo=demo,
        )
        manifest_facts = facts.model_dump(mode="json", exclude_defaults=True)
        return seal(folder, kind=layout.KIND, label=whole.origin.isoformat(), facts=manifest_facts)


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


@dataclass(frozen=True)
class _Whole:
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
            _values_of(covariate),
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


def _make_whole(tables: Tables) -> _Whole:
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
    return _Whole(
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
        scan.select(*specification.series, "date", *_counted(specification, ahead=True))
        for part in _parts_of(tables)
        for scan in _within_reach(part, specification, origin).values()
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


def _counted(specification: Specification, *, ahead: bool) -> list[str]:
    """Return the columns of the counts of the sales, or of those that are known ahead too."""
    return [
        each.source
        for each in specification.covariates
        if each.kind is Kind.COUNT
        and each.table == specification.sales
        and (each.known_ahead or not ahead)
    ]


def _parts_of(tables: Tables) -> Sequence[TablePart]:
    """Return the parts in which tables are stored, or all of them as one."""
    if tables.stored is not None:
        return tables.stored.parted.parts
    frames = {SALES: tables.train} | ({} if tables.test is None else {FUTURE: tables.test})
    return [WholePart({name: ReadTable(name, frame, ()) for name, frame in frames.items()})]


def _within_reach(
    part: TablePart, specification: Specification, origin: date
) -> dict[str, pl.DataFrame | pl.LazyFrame]:
    """Return the sales of a part, and the days ahead that a forecast reaches."""
    last = origin + pl.duration(days=specification.horizon * specification.step.days)
    scans = {SALES: part.scan(SALES)}
    if FUTURE in part.names:
        scans[FUTURE] = part.scan(FUTURE).filter(pl.col("date") <= last)
    return scans


@dataclass(frozen=True)
class PartTask:
    """A part to be written; it may be sent to another process that sees the same files.

    Attributes:
        start, stop: range of its series among all.
        folder: of the arrays, whose rows of other parts may be written at the same time.
    """

    part: TablePart
    whole: _Whole
    start: int
    stop: int
    folder: Path


@dataclass(frozen=True)
class PartResult:
    """Facts of a part that was written, from which those of the whole follow.

    Attributes:
        has_estimates: whether features read other sales than those of the tables.
        has_status: whether some day does not count.
        sells: whether each of its sites sold something on a day; shape (sites, days).
        begins: as in a snapshot, of its series.
        last_known: last day on which any covariate known ahead has a value; -1 without one.
    """

    start: int
    stop: int
    has_estimates: bool
    has_status: bool
    sells: NDArray[np.bool_]
    begins: NDArray[np.int64]
    last_known: int


def _list_tasks(tables: Tables, whole: _Whole, folder: Path) -> list[PartTask]:
    """Create the files of the arrays, and return the parts to be written into them."""
    specification, hierarchy = whole.specification, whole.hierarchy
    nodes, bottoms = len(hierarchy), hierarchy.n_bottom
    shapes: dict[str, tuple[tuple[int, int], type[np.generic]]] = {
        layout.SALES_FILE: ((nodes, whole.n_days), np.float64),
        layout.ESTIMATED_FILE: ((nodes, whole.n_days), np.float64),
        layout.STATUS_FILE: ((bottoms, whole.reach), np.uint8),
    }
    for each in specification.used:
        if _is_parted(each, specification):
            days = whole.reach if each.known_ahead else whole.n_days
            shapes[layout.covariate_file(each.name)] = ((bottoms, days), np.float32)
    for file, (shape, dtype) in shapes.items():
        create_rows(folder / file, shape, np.dtype(dtype))
    parts = _parts_of(tables)
    if len(parts) == 1:
        return [PartTask(parts[0], whole, 0, bottoms, folder)]
    tasks, start = [], 0
    for part in parts:
        stop = start + list_series_of(part, specification).height
        tasks.append(PartTask(part, whole, start, stop, folder))
        start = stop
    return tasks


def list_series_of(part: TablePart, specification: Specification) -> pl.DataFrame:
    """Return the series of the rows of a part, in the order of their columns."""
    keys = list(specification.series)
    parts = [part.scan(name).lazy().select(keys).unique() for name in part.names]
    return pl.concat(parts).unique().sort(keys).collect()


def _is_parted(covariate: Covariate, specification: Specification) -> bool:
    """Return whether a covariate has a row for each series."""
    return covariate.known_ahead or covariate.table == specification.sales


def write_part(task: PartTask) -> PartResult:
    """Build the rows of a part, and write them into the arrays of a snapshot.

    A pure function of its task and the files of the part: parts may be written in any order, and at
    the same time.
    """
    panel, folder = _Panel(task), task.folder
    whole, specification = task.whole, task.whole.specification
    bottoms, history, status = panel.sales()
    first = whole.hierarchy.n_upper + task.start
    write_rows(folder / layout.SALES_FILE, first, bottoms)
    has_estimates = history is not bottoms
    if has_estimates:
        write_rows(folder / layout.ESTIMATED_FILE, first, history)
    has_status = bool(status.any())
    if has_status:
        write_rows(folder / layout.STATUS_FILE, task.start, status)
    sells = find_selling_days(bottoms, panel.site)
    del bottoms, history, status
    last_known = -1
    for covariate in specification.used:
        if not _is_parted(covariate, specification):
            continue
        values, file = panel.covariate(covariate), folder / layout.covariate_file(covariate.name)
        if covariate.known_ahead:
            write_rows(file, task.start, values)
            last_known = max(last_known, panel.last_known(values))
        else:  # groups of series are numbered by their natural order, rows of the panel are not
            order = whole.hierarchy.group_of(*specification.series)[task.start : task.stop]
            scatter_rows(file, order, values)
    return PartResult(
        task.start, task.stop, has_estimates, has_status, sells, panel.begins(), last_known
    )


def _finish_arrays(whole: _Whole, folder: Path, results: Sequence[PartResult]) -> NDArray[np.int64]:
    """Write the sums of the upper nodes, and what depends on all sites; return `begins`."""
    hierarchy = whole.hierarchy
    sales, estimated = folder / layout.SALES_FILE, folder / layout.ESTIMATED_FILE
    write_sums(sales, hierarchy)
    if any(result.has_estimates for result in results):
        for result in results:
            if not result.has_estimates:
                rows = slice(hierarchy.n_upper + result.start, hierarchy.n_upper + result.stop)
                copy_rows(sales, estimated, rows)
        write_sums(estimated, hierarchy)
    else:
        estimated.unlink()
    has_status = any(result.has_status for result in results)
    if whole.specification.missing is Missing.ZERO:
        shut = _join_shuts(whole, results)
        if shut.any():
            has_status = True
            _mark_shuts(whole, folder / layout.STATUS_FILE, shut)
    if not has_status:
        (folder / layout.STATUS_FILE).unlink()
    return np.concatenate([result.begins for result in results])


def _join_shuts(whole: _Whole, results: Sequence[PartResult]) -> NDArray[np.bool_]:
    """Return the long shuts of all sites, in the order of the series; shape (sites, days)."""
    return find_long_shuts(
        np.concatenate([result.sells for result in results]), step=whole.specification.step
    )


def _mark_shuts(whole: _Whole, file: Path, shut: NDArray[np.bool_]) -> None:
    """Mark the long shuts of sites in the status of their series, on days that would count."""
    site = _number_sites(whole.series[whole.specification.site])
    for number in np.flatnonzero(shut.any(axis=1)):
        members = np.flatnonzero(site == number)
        rows = slice(int(members[0]), int(members[-1]) + 1)
        status = read_rows(file, rows)
        known = status[:, : whole.n_days]
        known[:] = np.where(shut[number] & (known == OPEN), LONG_SHUT, known)
        write_rows(file, rows.start, status)


def _number_sites(sites: pl.Series) -> NDArray[np.intp]:
    """Return the number of each series' site; those of a site are neighbours."""
    return np.asarray(sites.rle_id().to_numpy(), dtype=np.intp)


class _Panel:
    """The rows of a part on a dense grid of its series and days."""

    def __init__(self, task: PartTask) -> None:
        whole = task.whole
        self._whole, self._rows = whole, slice(task.start, task.stop)
        self._specification = specification = whole.specification
        self._step, self.n_days, self._reach = specification.step, whole.n_days, whole.reach
        self._series = whole.series[self._rows].with_row_index("_series")
        self.site = _number_sites(self._series[specification.site])
        self._late = self._locate(whole.late)
        scans = _within_reach(task.part, specification, whole.origin)
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
        whole, value = self._whole, _values_of(covariate)
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
        _fill(out, self._known[:1], _values_of(covariate))
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
