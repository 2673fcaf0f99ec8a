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
from pathlib import Path

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from features.data import snapshot_files as layout
from features.data.building.panel import number_sites
from features.data.building.part import PartResult, PartTask, list_series_of, place_part, write_part
from features.data.building.whole import WholeTables, describe_whole, is_parted, parts_of
from features.data.calendar import Holiday
from features.data.checks.run import Progress
from features.data.closures import (
    LONG_SHUT,
    OPEN,
    find_long_shuts,
)
from features.data.parts.memory import check_disk
from features.data.parts.rows import (
    copy_rows,
    create_rows,
    read_rows,
    write_rows,
    write_sums,
)
from features.data.parts.runner import HERE
from features.data.snapshot import SnapshotFacts
from features.data.snapshot_files import dump_rows
from features.data.specification import Missing
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
    whole = describe_whole(tables)
    specification, hierarchy = tables.specification, whole.hierarchy
    with staging(destination) as folder:
        check_disk(destination, whole.size, "ARTIFACTS_DIR")
        results: list[PartResult] = []
        runner = HERE if tables.stored is None else tables.stored.parted.runner
        tasks = _list_tasks(tables, whole, folder, apart=_scratch_of(tables))
        for result in runner.run(write_part, whole, tasks):
            place_part(whole, result, folder)
            results.append(result)
            progress(len(results), len(tasks))
        begins = _finish_arrays(whole, folder, results)
        covariates = [each for each in specification.used if not is_parted(each, specification)]
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


def _scratch_of(tables: Tables) -> Path | None:
    """Return the folder of files that parts need of their own; None if one process writes."""
    parted = None if tables.stored is None else tables.stored.parted
    if parted is None or parted.scratch is None or not parted.runner.writes_apart:
        return None
    return parted.scratch.path


def _list_tasks(
    tables: Tables, whole: WholeTables, folder: Path, *, apart: Path | None = None
) -> list[PartTask]:
    """Create the files of the arrays, and return the parts to be written into them."""
    specification, hierarchy = whole.specification, whole.hierarchy
    nodes, bottoms = len(hierarchy), hierarchy.n_bottom
    shapes: dict[str, tuple[tuple[int, int], type[np.generic]]] = {
        layout.SALES_FILE: ((nodes, whole.n_days), np.float64),
        layout.ESTIMATED_FILE: ((nodes, whole.n_days), np.float64),
        layout.STATUS_FILE: ((bottoms, whole.reach), np.uint8),
    }
    for each in specification.used:
        if is_parted(each, specification):
            days = whole.reach if each.known_ahead else whole.n_days
            shapes[layout.covariate_file(each.name)] = ((bottoms, days), np.float32)
    for file, (shape, dtype) in shapes.items():
        create_rows(folder / file, shape, np.dtype(dtype))
    parts = parts_of(tables)
    if len(parts) == 1:
        return [PartTask(parts[0], 0, 0, bottoms, folder)]
    tasks, start = [], 0
    for number, part in enumerate(parts):
        stop = start + list_series_of(part, specification).height
        tasks.append(PartTask(part, number, start, stop, folder, apart))
        start = stop
    return tasks


def _finish_arrays(
    whole: WholeTables, folder: Path, results: Sequence[PartResult]
) -> NDArray[np.int64]:
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


def _join_shuts(whole: WholeTables, results: Sequence[PartResult]) -> NDArray[np.bool_]:
    """Return the long shuts of all sites, in the order of the series; shape (sites, days)."""
    return find_long_shuts(
        np.concatenate([result.sells for result in results]), step=whole.specification.step
    )


def _mark_shuts(whole: WholeTables, file: Path, shut: NDArray[np.bool_]) -> None:
    """Mark the long shuts of sites in the status of their series, on days that would count."""
    site = number_sites(whole.series[whole.specification.site])
    for number in np.flatnonzero(shut.any(axis=1)):
        members = np.flatnonzero(site == number)
        rows = slice(int(members[0]), int(members[-1]) + 1)
        status = read_rows(file, rows)
        known = status[:, : whole.n_days]
        known[:] = np.where(shut[number] & (known == OPEN), LONG_SHUT, known)
        write_rows(file, rows.start, status)
