"""Reads one Parquet file into the wanted columns, with the row of every value."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from features.data.findings import Finding, Report, Severity
from features.data.reading.files import TableFile
from features.data.reading.headers import read_header
from features.data.reading.layout import STANDARD, TableLayout

_ROW = "_row"
_MAGIC = b"PAR1"
_STDERR = 2
_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""Exceptions that a damaged file causes; a panic is a BaseException."""


@dataclass(frozen=True)
class RowRange:
    """A range of the rows of a file, the first of which is 0."""

    first: int
    length: int


def read_parquet(
    part: TableFile,
    wanted: Sequence[str] | None,
    layout: TableLayout,
    report: Report,
    rows: RowRange | None = None,
) -> pl.DataFrame | None:
    """Return the wanted columns with the file's dtypes, and the number of the row as `_row`.

    Args:
        wanted: names of the columns; None for all.
        rows: that are wanted; None for all.

    Returns:
        None if the file is not Parquet, or a column is missing or unreadable (reported).
    """

    def refuse(code: str, message: str, column: str | None = None) -> None:
        report.add(Finding(Severity.ERROR, code, part.name, message, column=column))

    if (reason := _find_format_fault(part)) is not None:
        refuse("unreadable", f"cannot be read: {reason}")
        return None
    names = _read_names(part)
    if names is None:
        refuse("unreadable", "cannot be read: it is damaged, or no parquet file")
        return None
    if both := [name for name in part.partition if name in names]:
        refuse("column-twice", "is in the file and in the name of its folder", both[0])
        return None
    present = [*names, *part.partition]
    header = read_header(present, present if wanted is None else wanted, part.name, layout, report)
    if header is None:
        return None
    columns: list[pl.Series] = []
    read = _read_columns(
        part, [names[at] for at in header.positions.values() if at < len(names)], rows
    )
    for name, index in header.positions.items():
        column = None if index >= len(names) else read.get(names[index])
        if index >= len(names):
            value = part.partition[[*part.partition][index - len(names)]]
            height = columns[0].len() if columns else _count_rows(part, rows)
            columns.append(pl.repeat(value, height, dtype=pl.String, eager=True).alias(name))
        elif column is None:
            refuse(
                "unreadable", "cannot be read: it is damaged, or holds text that is not UTF-8", name
            )
        else:
            columns.append(column.alias(name))
    if len(columns) < len(header.positions):
        return None
    return pl.DataFrame(columns).with_row_index(_ROW, offset=1 + (rows.first if rows else 0))


def count_rows(part: TableFile) -> int:
    """Return the number of rows of a file; 0 where it cannot be read."""
    return 0 if _find_format_fault(part) is not None else _count_rows(part, None)


def group_rows(part: TableFile, wanted: Sequence[str], layout: TableLayout) -> pl.DataFrame | None:
    """Return the distinct values of columns together, and how many rows have them as `_rows`.

    None where a column cannot be read.
    """
    names = None if _find_format_fault(part) is not None else _read_names(part)
    if names is None:
        return None
    header = read_header([*names, *part.partition], wanted, part.name, layout, Report())
    if header is None:
        return None
    columns = [
        pl.col(names[at]).alias(name)
        if at < len(names)
        else pl.lit(part.partition[[*part.partition][at - len(names)]], pl.String).alias(name)
        for name, at in header.positions.items()
    ]
    with suppress(*_FAILURES), _silence_panics():
        grouped = _scan(part, None).select(columns).group_by(wanted).agg(_rows=pl.len())
        return grouped.collect(engine="streaming")
    return None


def distinct_values(part: TableFile, wanted: Sequence[str]) -> dict[str, pl.Series]:
    """Return the distinct values of columns of texts or numbers that may be labels, by name.

    Columns that the file does not have, or that cannot be read, are left out.
    """
    values: dict[str, pl.Series] = {}
    positions = _label_positions(part, wanted)
    for name, source in positions.items():
        with suppress(*_FAILURES), _silence_panics():
            scan = pl.scan_parquet(part.path, hive_partitioning=False)
            distinct = scan.select(pl.col(source).unique()).collect(engine="streaming")
            values[name] = distinct.to_series().alias(name)
    return values


def _label_positions(part: TableFile, wanted: Sequence[str]) -> dict[str, str]:
    """Return the names in the file of the wanted columns, where they can be told apart."""
    names = _read_names(part)
    if names is None:
        return {}
    header = read_header([*names, *part.partition], wanted, part.name, STANDARD, Report())
    if header is None:
        return {}
    return {name: names[at] for name, at in header.positions.items() if at < len(names)}


def _find_format_fault(part: TableFile) -> str | None:
    """Return why a file cannot be Parquet, judged by its first and last bytes."""
    try:
        with part.path.open("rb") as file:
            first = file.read(4)
            file.seek(0, 2)
            if file.tell() < 12:
                return "it is too short to be a parquet file"
            file.seek(-4, 2)
            last = file.read(4)
    except OSError as error:
        return (error.strerror or "the volume failed").lower()
    if first != _MAGIC:
        return f"it is no parquet file (it begins with {first!r})"
    return None if last == _MAGIC else "it is cut short"


def _read_names(part: TableFile) -> list[str] | None:
    with suppress(*_FAILURES), _silence_panics():
        return pl.scan_parquet(part.path, hive_partitioning=False).collect_schema().names()
    return None


def _count_rows(part: TableFile, rows: RowRange | None) -> int:
    with suppress(*_FAILURES), _silence_panics():
        height: int = _scan(part, rows).select(pl.len()).collect().item()
        return height
    return 0


def _read_columns(
    part: TableFile, sources: Sequence[str], rows: RowRange | None
) -> dict[str, pl.Series]:
    """Return columns by their names in the file, without those that cannot be read."""
    with suppress(*_FAILURES), _silence_panics():
        return {column.name: column for column in _scan(part, rows).select(sources).collect()}
    if len(sources) < 2:
        return {}
    # one of them is damaged, or the file is: those that are not can still be checked
    single = (_read_columns(part, [source], rows) for source in sources)
    return {name: column for read in single for name, column in read.items()}


def _scan(part: TableFile, rows: RowRange | None) -> pl.LazyFrame:
    table = pl.scan_parquet(part.path, hive_partitioning=False)
    return table if rows is None else table.slice(rows.first, rows.length)


@contextmanager
def _silence_panics() -> Iterator[None]:
    """Suppress the backtrace that the table library writes to standard error on a panic.

    It writes to the file descriptor before it raises, so redirecting `sys.stderr` has no effect.
    """
    try:
        saved_stderr = os.dup(_STDERR)
    except OSError:  # closed
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)
        yield
    finally:
        os.dup2(saved_stderr, _STDERR)
        os.close(saved_stderr)
