"""Plans into how many parts tables are cut, from counts of their rows and series by site."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from features.data.findings import Report
from features.data.parts.memory import MIB, Memory, MemoryLimitError
from features.data.parts.part import PARTED
from features.data.reading.columns import convert_columns, to_date
from features.data.reading.files import TableFile, find_table
from features.data.reading.layout import TableLayout
from features.data.reading.parquet import count_rows, group_rows
from features.data.reading.schema import DATE, SALES, Column, TableSchema, schemas_of
from features.data.specification import Specification

# Peaks of memory, measured (docs/how-to/size.md): of the process itself, for each series of
# the whole (names, hierarchy), and for each row and each cell (a series on a day) of one part.
BASE = 400 * MIB
PER_SERIES = 2_000
PER_ROW, PER_CELL = 75, 60
PER_CELL_COVARIATE = 8
LEAST_PART = 32 * MIB
"""A part may take so much whatever the limit: small tables are read on small machines too."""
_CSV_TIMES = 4
"""Bytes in memory for each byte of a table as CSV."""
_GZIP_LENGTH = 4
_SCRATCH_PER_ROW = 40
_BATCH_SHARE, _BATCH_ROWS = 0.1, (50_000, 4_000_000)
_BATCH_BYTES_PER_ROW = 250


@dataclass(frozen=True)
class Plan:
    """The parts of tables.

    Attributes:
        part_of_site: site and number of its part, in the order of the sites.
        site_dtype: of the sites.
        n_parts: number of parts.
        n_rows: rows of all tables that are cut.
        batch_rows: rows that are read at once.
    """

    part_of_site: Sequence[tuple[object, int]]
    site_dtype: pl.DataType
    n_parts: int
    n_rows: int
    batch_rows: int

    @property
    def scratch_bytes(self) -> int:
        """About the bytes of the files of all parts."""
        return self.n_rows * _SCRATCH_PER_ROW


def make_plan(
    folder: Path,
    specification: Specification,
    layout: TableLayout,
    memory: Memory,
    least_parts: int = 1,
) -> Plan | None:
    """Return how sales and days ahead are cut; None for tables that cannot be.

    These are tables as CSV, tables that cannot be read, and those with nothing usable: reading them
    in one piece reports why.

    Args:
        least_parts: into which they are cut even if fewer would fit, if there are so many sites.

    Raises:
        MemoryLimitError: the rows of one site do not fit, or tables as CSV as a whole.
    """
    schemas = schemas_of(specification)
    every = {
        name: find_table(folder, schema.stem, Report(), optional=True)
        for name, schema in schemas.items()
    }
    tables = {name: files for name, files in every.items() if name in PARTED}
    if not tables.get(SALES):
        return None
    if any(not file.is_parquet for files in tables.values() for file in files):
        _check_whole([file for files in every.values() for file in files], memory)
        return None
    counts = [
        count
        for name, files in tables.items()
        for part in files
        if (count := _count_part(part, schemas[name], specification, layout)) is not None
    ]
    if not counts:
        return None
    sites = _join_sites(counts, specification)
    if sites.is_empty():
        return None
    n_days = _count_steps([count.days for count in counts], specification)
    whole = sum(_size_in_memory(f) for n, files in every.items() if n not in PARTED for f in files)
    return _cut(sites, n_days, specification, memory, whole=whole, least_parts=least_parts)


def _check_whole(files: Sequence[TableFile], memory: Memory) -> None:
    """Refuse tables as CSV, which are read in one piece, if they do not fit.

    Raises:
        MemoryLimitError: they take more than may be used.
    """
    sizes = {file.name: _size_in_memory(file) for file in files}
    needed = sum(sizes.values())
    if needed > max(memory.limit - BASE, LEAST_PART):
        largest = max((file.name for file in files if not file.is_parquet), key=sizes.__getitem__)
        raise MemoryLimitError(
            f"{largest} is read in one piece, as all tables as CSV are, which takes about "
            f"{(BASE + needed) / MIB:,.0f} MiB of memory, and {memory.limit / MIB:,.0f} MiB may be "
            "used; write it as Parquet, which is read in parts, or set MEMORY_MIB to more"
        )


def _size_in_memory(part: TableFile) -> int:
    """Return about the bytes that a file takes when it is read whole."""
    if part.is_parquet:
        return count_rows(part) * PER_ROW
    return _text_size(part.path) * _CSV_TIMES


def _text_size(path: Path) -> int:
    """Return the bytes of a text file, decompressed; of more than 4 GiB of gzip, a lower bound."""
    try:
        size = path.stat().st_size
        if path.suffix == ".gz" and size > _GZIP_LENGTH:
            with path.open("rb") as file:  # ends with the length modulo 2**32 (RFC 1952)
                file.seek(-_GZIP_LENGTH, os.SEEK_END)
                size = max(size, int.from_bytes(file.read(), "little"))
    except OSError:  # reading it reports why
        return 0
    return size


@dataclass(frozen=True)
class _Count:
    """Rows of each series of a file, and its days."""

    series: pl.DataFrame
    days: pl.Series


def _count_part(
    part: TableFile, schema: TableSchema, specification: Specification, layout: TableLayout
) -> _Count | None:
    by_name = {column.name: column for column in schema.columns}
    keys = [by_name[name] for name in specification.series]
    rows = group_rows(part, [column.title for column in keys], layout)
    dates = group_rows(part, [by_name[DATE].title], layout)
    if rows is None or dates is None:
        return None
    typed = _convert(rows, keys, layout)
    days = to_date(dates[by_name[DATE].title], layout).values.drop_nulls()
    return _Count(typed, days)


def _convert(rows: pl.DataFrame, keys: Sequence[Column], layout: TableLayout) -> pl.DataFrame:
    numbered = rows.with_row_index("_row")
    typed = convert_columns(numbered, "", tuple(keys), layout, Report())
    return typed.with_columns(_rows=rows["_rows"].gather(typed["_row"])).drop("_row")


def _join_sites(counts: Iterable[_Count], specification: Specification) -> pl.DataFrame:
    """Return series and rows of each site, in order."""
    keys = list(specification.series)
    series = pl.concat([count.series for count in counts])
    series = series.group_by(keys).agg(pl.col("_rows").sum())
    counts_of_site = (pl.len().alias("_series"), pl.col("_rows").sum())
    of_site = series.group_by(specification.site).agg(counts_of_site)
    return of_site.sort(specification.site)


def _count_steps(days: Sequence[pl.Series], specification: Specification) -> int:
    """Return about how many steps the days span; a single wrong date does not count."""
    distinct = pl.concat(days).unique()
    distinct = distinct.filter(distinct.is_between(date(1990, 1, 1), date(2100, 1, 1)))
    if distinct.is_empty():
        return specification.horizon
    first, last = distinct.min(), distinct.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    span = (last - first).days // specification.step.days + 1
    return min(span, 4 * distinct.len()) + specification.horizon


def _cut(
    sites: pl.DataFrame,
    n_days: int,
    specification: Specification,
    memory: Memory,
    *,
    whole: int,
    least_parts: int,
) -> Plan:
    """Return the parts that fit beside the tables that are read whole."""
    series = sites["_series"].to_numpy().astype(np.float64)
    rows = sites["_rows"].to_numpy().astype(np.float64)
    per_cell = PER_CELL + PER_CELL_COVARIATE * len(specification.covariates)
    needed = rows * PER_ROW + series * n_days * per_cell
    fixed = BASE + series.sum() * PER_SERIES + whole
    n_parts = memory.parts or _count_parts(needed, max(memory.limit - fixed, LEAST_PART))
    if not n_parts:
        largest = int(needed.argmax())
        wanted, n_series = fixed + needed[largest], sites["_series"][largest]
        raise MemoryLimitError(
            f"{specification.site} {sites[specification.site][largest]} alone, with "
            f"{sites['_rows'][largest]:,} rows of {n_series:,} series, takes about "
            f"{wanted / MIB:,.0f} MiB of memory to read, {whole / MIB:,.0f} MiB of it for the "
            f"tables that are read whole, and {memory.limit / MIB:,.0f} MiB may be used; set "
            "MEMORY_MIB to more, or use a larger machine"
        )
    part = _assign(needed, min(max(n_parts, least_parts), len(needed)))
    site = sites[specification.site]
    batch = int(memory.limit * _BATCH_SHARE / _BATCH_BYTES_PER_ROW)
    return Plan(
        part_of_site=list(zip(site.to_list(), part.tolist(), strict=True)),
        site_dtype=site.dtype,
        n_parts=int(part.max()) + 1,
        n_rows=int(rows.sum()),
        batch_rows=memory.batch_rows or min(max(batch, _BATCH_ROWS[0]), _BATCH_ROWS[1]),
    )


def _count_parts(needed: np.ndarray[tuple[int], np.dtype[np.float64]], limit: float) -> int:
    """Return the least number of parts of which each fits; 0 if a site alone does not."""
    if needed.max() > limit:
        return 0
    n_parts = max(int(np.ceil(needed.sum() / limit)), 1)
    while n_parts < len(needed):
        part = _assign(needed, n_parts)
        if np.bincount(part, weights=needed).max() <= limit:
            break
        n_parts += 1
    return min(n_parts, len(needed))


def _assign(
    needed: np.ndarray[tuple[int], np.dtype[np.float64]], n_parts: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the part of each site: neighbours, of about equal needs, and no part empty."""
    middle = np.cumsum(needed) - needed / 2
    part = np.minimum((middle / needed.sum() * n_parts).astype(np.int64), n_parts - 1)
    return np.unique(part, return_inverse=True)[1]
