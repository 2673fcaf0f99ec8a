"""The arrays of a part, computed by a pure function of paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data import snapshot_files as layout
from features.data.building.panel import PartPanel
from features.data.building.whole import WholeTables, is_parted
from features.data.closures import find_selling_days
from features.data.parts.part import TablePart
from features.data.parts.rows import scatter_rows, write_rows
from features.data.specification import Specification


@dataclass(frozen=True)
class PartTask:
    """A part to be written; it may be sent to another process that sees the same files.

    Attributes:
        start, stop: range of its series among all.
        folder: of the arrays, whose rows of other parts may be written at the same time.
    """

    part: TablePart
    whole: WholeTables
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


def list_series_of(part: TablePart, specification: Specification) -> pl.DataFrame:
    """Return the series of the rows of a part, in the order of their columns."""
    keys = list(specification.series)
    parts = [part.scan(name).lazy().select(keys).unique() for name in part.names]
    return pl.concat(parts).unique().sort(keys).collect()


def write_part(task: PartTask) -> PartResult:
    """Build the rows of a part, and write them into the arrays of a snapshot.

    A pure function of its task and the files of the part: parts may be written in any order, and at
    the same time.
    """
    panel = PartPanel(task.part, task.whole, slice(task.start, task.stop))
    folder = task.folder
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
        if not is_parted(covariate, specification):
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
