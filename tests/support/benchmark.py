"""Tables in the days of the public benchmark: the demo's, moved back by whole weeks."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from features.data.specification import FAVORITA
from features.data.tables import Tables
from training.demo.generator import LAST, demo_tables
from training.evaluation.benchmark.task import Window

FIRST_WINDOW = Window(1, date(2016, 11, 9))
_WEEKS = (LAST - date(2016, 12, 8)) // timedelta(weeks=1)
_STORES = ("1", "2")
_FAMILIES = ("DAIRY", "PRODUCE", "BOOKS")


def made_tables() -> Tables:
    """Return tables of a few series, whose days hold one window of the benchmark.

    One of the seven, NEW of store 2, begins too late to take part.
    """
    demo = demo_tables()
    few = demo.train.filter(
        pl.col("store_nbr").cast(pl.String).is_in(_STORES) & pl.col("family").is_in(_FAMILIES)
    )
    late = few.filter(
        (pl.col("store_nbr").cast(pl.String) == "2")
        & (pl.col("family") == "DAIRY")
        & (pl.col("date") > LAST - timedelta(400))
    ).with_columns(family=pl.lit("NEW"))
    return Tables(
        train=_move(pl.concat([few, late]).sort(*FAVORITA.series, "date")),
        holidays_events=_move(demo.holidays_events),
        others={name: _move(table) for name, table in demo.others.items()},
    )


def _move(table: pl.DataFrame) -> pl.DataFrame:
    if "date" not in table.columns:
        return table
    return table.with_columns(pl.col("date") - pl.duration(weeks=_WEEKS))
