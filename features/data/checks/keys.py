"""Rows of one table that repeat the key of another row."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.reading.reader import ReadTable

_MAX_CELLS = 100_000_000


def check_keys(table: ReadTable, report: Report) -> None:
    """Report every row whose key an earlier row has."""
    keys = table.keys
    if not keys or table.frame.is_empty():
        return
    codes = _encode_rows(table.frame.select(keys))
    if not _has_repeats(codes):
        return
    numbered = pl.DataFrame({"code": codes}).with_row_index("at")
    first = pl.col("at").min().over("code").alias("first")
    repeated = numbered.with_columns(first).filter(pl.col("at") != pl.col("first"))
    findings = []
    for at, earlier in repeated.select("at", "first").head(MAX_FINDINGS).rows():
        row = table.frame.row(at, named=True)
        key_text = ", ".join(f"{key} {row[key]}" for key in keys)
        other = table.frame.row(earlier, named=True)
        where = f"row {other['_row']}"
        if other["_file"] != row["_file"]:
            where += f" of {table.files[other['_file']]}"
        message = f"repeats {where} ({key_text})"
        advice = "keep one of the two; add them up if both are part of the day"
        findings.append(
            table.find(
                Severity.ERROR, "repeated-row", message, at=at, column=keys[-1], advice=advice
            )
        )
    report.add(*findings, total=repeated.height)


def _encode_rows(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Return an integer code for each row; equal rows have equal codes."""
    # A mixed-radix number of the columns' dense codes, which is far faster to test for repeats
    # than the rows themselves. Before it could overflow 64 bits, hashes replace it.
    code = np.zeros(frame.height, dtype=np.int64)
    size = 1
    for column in frame:
        part, count = dense_codes(column)
        size *= count
        if size > np.iinfo(np.int64).max // 2:
            return frame.hash_rows().to_numpy().astype(np.int64)
        code = code * count + part
    return code


def _has_repeats(codes: NDArray[np.int64]) -> bool:
    size = int(codes.max()) + 1 if codes.min() >= 0 else _MAX_CELLS + 1
    if size <= _MAX_CELLS:
        seen = np.zeros(size, dtype=np.bool_)
        seen[codes] = True
        return int(np.count_nonzero(seen)) < len(codes)
    return len(np.unique(codes)) < len(codes)


def dense_codes(column: pl.Series) -> tuple[NDArray[np.int64], int]:
    """Return codes from 0 in the order of a column's values, and the number of codes."""
    if column.dtype == pl.Date:
        days = column.to_physical().to_numpy().astype(np.int64)
        return days - days.min(), int(days.max() - days.min()) + 1
    distinct = column.unique().sort()
    if column.dtype == pl.String:
        codes = column.cast(pl.Enum(distinct)).to_physical().to_numpy()
    else:
        codes = np.searchsorted(distinct.to_numpy(), column.to_numpy())
    return codes.astype(np.int64), distinct.len()
