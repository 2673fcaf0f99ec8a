"""Tables of a retailer that is a multiple of another, for benchmarks of size.

The stores of the demo or of Favorita are repeated under new numbers, with sales of their own, so a
model that was trained on the source can forecast them. Written copy by copy: memory is bounded by
that of the source.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

_SEED = 20170730
_STORE, _DATE = "store_nbr", "date"
_YEAR = timedelta(days=364)
_TABLES = ("train", "test", "stores", "transactions")
"""Tables that name stores; all others are copied."""


def multiply_tables(
    source: Path,
    folder: Path,
    *,
    times: int,
    days: int | None = None,
    advance: Callable[[int], object] = lambda written: None,
) -> Path:
    """Write the tables of a retailer with so many times the stores.

    Args:
        source: folder of Parquet tables with the columns of the demo's.
        days: of sales; the source's first year is repeated before it to make up for what is
            missing. As many as the source has by default.
        advance: called with the number of copies that are written.

    Returns:
        `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(_SEED)
    tables = {name: pl.read_parquet(source / f"{name}.parquet") for name in _TABLES}
    if days is not None:
        for name in ("train", "transactions"):
            tables[name] = _lengthen(tables[name], days)
    step = int(tables["stores"][_STORE].cast(pl.Int64).max()) + 1  # type: ignore[arg-type]
    for name, table in tables.items():
        parts = folder / f"{name}.parts"
        parts.mkdir()
        for copy in range(times):
            number = pl.col(_STORE).cast(pl.Int32) + copy * step
            columns = [number]
            if name == "train" and copy:
                noise = pl.Series(draw.lognormal(0, 0.1, len(table)).astype(np.float32))
                columns.append((pl.col("sales") * noise).round(2))
            table.with_columns(columns).write_parquet(parts / f"{copy:06}.parquet")
            if name == "train":
                advance(copy + 1)
        joined = pl.scan_parquet(parts / "*.parquet")
        if "id" in table.columns:
            joined = joined.drop("id").with_row_index("id")
        joined.sink_parquet(folder / f"{name}.parquet")
        shutil.rmtree(parts)
    for other in source.glob("*.parquet"):
        if other.stem not in tables:
            shutil.copyfile(other, folder / other.name)
    return folder


def _lengthen(table: pl.DataFrame, days: int) -> pl.DataFrame:
    """Return a table with rows of the first year repeated before it, from the first day wanted."""
    first, last = table[_DATE].min(), table[_DATE].max()
    wanted = last - timedelta(days - 1)  # type: ignore[operator]
    parts, begin = [table], first
    while begin > wanted:  # type: ignore[operator]
        earlier = table.filter(pl.col(_DATE) < first + _YEAR).with_columns(  # type: ignore[operator]
            pl.col(_DATE) - (first - begin) - _YEAR  # type: ignore[operator]
        )
        parts.append(earlier.filter(pl.col(_DATE) >= wanted))
        begin -= _YEAR  # type: ignore[operator]
    return pl.concat(parts).sort(_DATE, maintain_order=True)
