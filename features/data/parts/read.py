"""Reads the tables of a folder: sales and days ahead in one piece, or in parts by sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from features.data.checks.spans import count_days
from features.data.findings import Report
from features.data.parts.memory import Memory
from features.data.parts.part import PARTED, Parted, StoredPart, TablePart, WholePart
from features.data.parts.plan import Plan, make_plan
from features.data.parts.runner import HERE, PartRunner
from features.data.reading.layout import TableLayout
from features.data.reading.reader import ReadTable, TableReader, read_table
from features.data.reading.schema import TableSchema, schemas_of
from features.data.specification import Specification

_PART = "_part"


def read_parted(
    folder: Path,
    specification: Specification,
    layout: TableLayout,
    report: Report,
    memory: Memory | None,
    progress: Callable[[int, int], object] = lambda done, total: None,
    runner: PartRunner = HERE,
) -> tuple[Parted, dict[str, ReadTable]]:
    """Return the sales and the days ahead in parts, and all other tables.

    Tables of which nothing can be used are left out (reported).

    Args:
        memory: that is available; unlimited if None.
        runner: what will run the functions of the parts, and has the place of their files.

    Raises:
        MemoryLimitError: not even the rows of one site fit.
    """
    schemas = schemas_of(specification)
    plan, scratch, splitting = None, None, None
    if memory is not None:
        plan = make_plan(folder, specification, layout, memory, runner.least_parts)
    if plan is not None and plan.n_parts > 1:
        scratch = runner.make_scratch(plan.scratch_bytes)
    if scratch is not None and plan is not None:
        splitting = _Splitting(scratch.path, specification.site, plan, progress)
    others: dict[str, ReadTable] = {}
    read: dict[str, ReadTable] = {}
    counts: dict[str, pl.DataFrame] = {}
    for name, schema in schemas.items():
        if name in PARTED and splitting is not None:
            split = splitting.split(folder, name, schema, layout, report)
            if split is not None:
                read[name], counts[name] = split
        elif table := read_table(folder, name, schema, layout, report):
            (read if name in PARTED else others)[name] = table
    if scratch is not None and plan is not None:
        parts: list[TablePart] = [
            StoredPart(scratch.path / f"part-{number:06}", read) for number in range(plan.n_parts)
        ]
        return Parted(parts, read, counts, scratch, runner), others
    counts = {name: count_days(table.frame) for name, table in read.items()}
    return Parted([WholePart(read)], _clear(read), counts), others


def _clear(tables: Mapping[str, ReadTable]) -> dict[str, ReadTable]:
    return {name: table.cleared() for name, table in tables.items()}


class _Splitting:
    """Writes the rows of a table into a file for each batch and part, in one pass over its files.

    A data set of files that hold few sites each is written in long runs; one that is sorted by
    date is sorted into parts here once, and not read again for each part.
    """

    def __init__(
        self, folder: Path, site: str, plan: Plan, progress: Callable[[int, int], object]
    ) -> None:
        self._folder, self._site, self._plan = folder, site, plan
        self._progress, self._read = progress, 0

    def split(
        self, folder: Path, name: str, schema: TableSchema, layout: TableLayout, report: Report
    ) -> tuple[ReadTable, pl.DataFrame] | None:
        """Return the table without rows, and the rows of each day; None if nothing can be used."""
        reader = TableReader(folder, name, schema, layout, report)
        part_of = pl.DataFrame(
            self._plan.part_of_site,
            schema={self._site: self._plan.site_dtype, _PART: pl.UInt32},
            orient="row",
        )
        counts: list[pl.DataFrame] = []
        blank, rows = None, 0
        for number, frame in enumerate(reader.read(self._plan.batch_rows)):
            blank, rows = frame.clear(), rows + frame.height
            if frame.is_empty():
                continue
            counts = [count_days(*counts, frame)]
            placed = frame.join(part_of, on=self._site, how="left", maintain_order="left")
            for (part,), own in placed.partition_by(
                _PART, as_dict=True, include_key=False, maintain_order=True
            ).items():
                path = self._folder / f"part-{part:06}" / name
                path.mkdir(parents=True, exist_ok=True)
                own.write_parquet(path / f"{number:06}.parquet", compression="lz4")
            self._read += frame.height
            self._progress(self._read, 2 * self._plan.n_rows)  # the checks are the other half
        if blank is None:
            return None
        reader.check_height(rows)
        return (reader.table_of(blank), counts[0]) if rows else None
