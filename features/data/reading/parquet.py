"""Reads one Parquet file into the wanted columns, with the row of every value."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from features.data.findings import Finding, Report, Severity
from features.data.reading.files import Part
from features.data.reading.headers import read_header
from features.data.reading.layout import TableLayout

_ROW = "_row"
_MAGIC = b"PAR1"
_STDERR = 2
_FAILURES = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
"""Exceptions that a damaged file causes; a panic is a BaseException."""


def read_parquet(
    part: Part, wanted: Sequence[str] | None, layout: TableLayout, report: Report
) -> pl.DataFrame | None:
    """Return the wanted columns with the file's dtypes, and the number of the row as `_row`.

    Args:
        wanted: names of the columns; None for all.

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
    for name, index in header.positions.items():
        column = _read_column(part, names[index], name) if index < len(names) else None
        if index >= len(names):
            value = part.partition[[*part.partition][index - len(names)]]
            height = columns[0].len() if columns else _count_rows(part)
            columns.append(pl.repeat(value, height, dtype=pl.String, eager=True).alias(name))
        elif column is None:
            refuse(
                "unreadable", "cannot be read: it is damaged, or holds text that is not UTF-8", name
            )
        else:
            columns.append(column)
    if len(columns) < len(header.positions):
        return None
    return pl.DataFrame(columns).with_row_index(_ROW, offset=1)


def _find_format_fault(part: Part) -> str | None:
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


def _read_names(part: Part) -> list[str] | None:
    with suppress(*_FAILURES), _silence_panics():
        return pl.scan_parquet(part.path, hive_partitioning=False).collect_schema().names()
    return None


def _count_rows(part: Part) -> int:
    with suppress(*_FAILURES), _silence_panics():
        table = pl.scan_parquet(part.path, hive_partitioning=False)
        height: int = table.select(pl.len()).collect().item()
        return height
    return 0


def _read_column(part: Part, source: str, name: str) -> pl.Series | None:
    with suppress(*_FAILURES), _silence_panics():
        frame = pl.read_parquet(part.path, columns=[source], hive_partitioning=False)
        return frame.to_series().alias(name)
    return None


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
