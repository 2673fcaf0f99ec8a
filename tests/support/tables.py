"""Tables in other forms: the frames of checked ones, and later ones."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from features.data.reading.schema import FUTURE, HOLIDAYS, SALES
from features.data.tables import Tables


def frames_of(tables: Tables) -> dict[str, pl.DataFrame]:
    """Return the frames from which `Tables.of_frames` makes the same tables."""
    frames = {SALES: tables.train, HOLIDAYS: tables.holidays_events, **tables.others}
    return frames if tables.test is None else {**frames, FUTURE: tables.test}


def add_days(folder: Path, days: int = 1) -> None:
    """Append days of sales, each a copy of the one a week before, to tables of one file each."""
    train, test = (pl.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    for _ in range(days):
        week = pl.col("date") == pl.lit(train["date"].max()).dt.offset_by("-6d")
        train = pl.concat(
            (train, train.filter(week).with_columns(pl.col("date").dt.offset_by("7d")))
        )
    train.write_parquet(folder / "train.parquet")
    test.filter(pl.col("date") > train["date"].max()).write_parquet(folder / "test.parquet")
