"""The arrays of a part, computed by a pure function of paths."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data import snapshot_files as layout
from features.data.building.panel import PartPanel
from features.data.building.whole import WholeTables, is_parted
from features.data.closures import find_selling_days
from features.data.parts.part import TablePart
from features.data.parts.rows import scatter_rows, write_rows
from features.data.parts.runner import make_own_folder
from features.data.specification import Specification


@dataclass(frozen=True)
class PartTask:
    """A part to be written; it may be sent to another process that sees the same files.

    Attributes:
        number: of the part.
        start, stop: range of its series among all.
        folder: of the arrays of the snapshot.
        apart: folder in which to write files of its own, which `place_part` copies into the arrays;
            not that of the snapshot, which must not hold what a lost worker leaves.
    """

    part: TablePart
    number: int
    start: int
    stop: int
    folder: Path
    apart: Path | None = None


@dataclass(frozen=True)
class PartResult:
    """Facts of a part that was written, from which those of the whole follow.

    Attributes:
        has_estimates: whether features read other sales than those of the tables.
        has_status: whether some day does not count.
        sells: whether each of its sites sold something on a day; shape (sites, days).
        begins: as in a snapshot, of its series.
        last_known: last day on which any covariate known ahead has a value; -1 without one.
        folder: its arrays, if they are in files of their own.
    """

    start: int
    stop: int
    has_estimates: bool
    has_status: bool
    sells: NDArray[np.bool_]
    begins: NDArray[np.int64]
    last_known: int
    folder: Path | None = None


def list_series_of(part: TablePart, specification: Specification) -> pl.DataFrame:
    """Return the series of the rows of a part, in the order of their columns."""
    keys = list(specification.series)
    parts = [part.scan(name).lazy().select(keys).unique() for name in part.names]
    return pl.concat(parts).unique().sort(keys).collect()


def write_part(whole: WholeTables, task: PartTask) -> PartResult:
    """Build the rows of a part, and write them.

    A pure function of what it is given and of the files of the part: parts may be written in any
    order. Only one process writes into the arrays of a snapshot. Several write files of their own:
    the ranges of neighbouring parts share a page of a file, and a client of NFS may write a whole
    page back, with what the rows of the other part were when it read the page. Nor must a copy of
    a part that was thought to hang write into arrays after they were completed.
    """
    panel = PartPanel(task.part, whole, slice(task.start, task.stop))
    specification = whole.specification
    folder = None if task.apart is None else make_own_folder(task.apart, task.number)

    def write(file: str, rows: NDArray[Any]) -> None:
        if folder is None:
            _write_into(task.folder / file, rows, whole, task.start)
        else:
            np.save(folder / file, rows, allow_pickle=False)

    bottoms, history, status = panel.sales()
    write(layout.SALES_FILE, bottoms)
    has_estimates = history is not bottoms
    if has_estimates:
        write(layout.ESTIMATED_FILE, history)
    has_status = bool(status.any())
    if has_status:
        write(layout.STATUS_FILE, status)
    sells = find_selling_days(bottoms, panel.site)
    del bottoms, history, status
    last_known = -1
    for covariate in specification.used:
        if not is_parted(covariate, specification):
            continue
        values = panel.covariate(covariate)
        write(layout.covariate_file(covariate.name), values)
        if covariate.known_ahead:
            last_known = max(last_known, panel.last_known(values))
    return PartResult(
        start=task.start,
        stop=task.stop,
        has_estimates=has_estimates,
        has_status=has_status,
        sells=sells,
        begins=panel.begins(),
        last_known=last_known,
        folder=folder,
    )


def place_part(whole: WholeTables, result: PartResult, folder: Path) -> None:
    """Copy the arrays of a part that has files of its own, and remove these."""
    if result.folder is None:
        return
    for path in sorted(result.folder.iterdir()):
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
        _write_into(folder / path.name, rows, whole, result.start)
        del rows  # a mapped file is not removed on every volume
    shutil.rmtree(result.folder, ignore_errors=True)


def _write_into(path: Path, rows: NDArray[Any], whole: WholeTables, start: int) -> None:
    """Write the rows of a part into an array of a snapshot."""
    hierarchy, specification = whole.hierarchy, whole.specification
    past_only = {
        layout.covariate_file(each.name) for each in specification.used if not each.known_ahead
    }
    if path.name in (layout.SALES_FILE, layout.ESTIMATED_FILE):
        write_rows(path, hierarchy.n_upper + start, rows)
    elif path.name in past_only:
        # groups of series are numbered by their natural order, rows of the panel are not
        order = hierarchy.group_of(*specification.series)[start : start + len(rows)]
        scatter_rows(path, order, rows)
    else:
        write_rows(path, start, rows)
