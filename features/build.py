"""From checked tables to a snapshot: the dense date × store × family grid and its covariates.

Days without a row (25 December, a store before it opened) are days without sales: zeros. Oil is
filled forward only; interpolation would look ahead. Planned promotions come from the ``test``
table; where it says nothing they are not known (NaN), which is not the same as none.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from artifacts import Artifact, seal, staging
from features import snapshot as layout
from features.calendar import Holiday
from features.hierarchy import BOTTOM, DEFAULT_LEVELS, Hierarchy, Levels
from features.snapshot import MAX_HORIZON, Facts, StoreRow, dump_rows
from features.table_report import write_report
from features.tables import CheckedTables, Tables

Float = TypeVar("Float", bound=np.floating)

_SERIES = ["store_nbr", "family"]


def build_snapshot(
    tables: Tables, destination: Path, *, levels: Levels = DEFAULT_LEVELS
) -> Artifact:
    """Write the snapshot of `tables` into the folder `destination`.

    The series are those that occur in train, ordered by store and family. The same tables make
    the same snapshot, byte for byte; what their check found is part of it.
    """
    train, test = tables.train, tables.test
    first, origin = _span(train)
    n_days = (origin - first).days + 1
    series = train.select(_SERIES).unique().sort(_SERIES).with_row_index("series")
    stores = tables.stores.join(series, on="store_nbr", how="semi").sort("store_nbr")
    hierarchy = _hierarchy(series, stores, levels)

    bottoms = _place(train, series, "sales", first, np.zeros((series.height, n_days)))
    onpromotion = np.full((series.height, n_days + MAX_HORIZON), np.nan, dtype=np.float32)
    onpromotion[:, :n_days] = 0
    _place(train, series, "onpromotion", first, onpromotion)
    known_through = origin
    if test is not None:
        reached = test.filter(pl.col("date") <= origin + pl.duration(days=MAX_HORIZON))
        _place(reached, series, "onpromotion", first, onpromotion)
        known_through = _span(reached)[1] if reached.height else origin

    with staging(destination) as folder:
        np.save(folder / layout.SALES_FILE, hierarchy.aggregate(bottoms))
        np.save(folder / layout.PROMOTIONS_FILE, onpromotion)
        np.save(folder / layout.OIL_FILE, _oil(tables.oil, first, n_days))
        np.save(
            folder / layout.TRANSACTIONS_FILE,
            _transactions(tables.transactions, stores, first, n_days),
        )
        dump_rows(folder / layout.STORES_FILE, [StoreRow(**row) for row in stores.to_dicts()])
        holidays = tables.holidays_events.sort(tables.holidays_events.columns).to_dicts()
        dump_rows(folder / layout.HOLIDAYS_FILE, [Holiday(**row) for row in holidays])
        (folder / layout.HIERARCHY_FILE).write_bytes(
            orjson.dumps({"levels": hierarchy.levels, "bottoms": hierarchy.bottoms})
        )
        if isinstance(tables, CheckedTables):
            write_report(folder, tables.report, tables.layout)
        facts = Facts(first_date=first, origin=origin, promotions_known_through=known_through)
        return seal(
            folder, kind=layout.KIND, label=origin.isoformat(), facts=facts.model_dump(mode="json")
        )


def _span(frame: pl.DataFrame) -> tuple[date, date]:
    first, last = frame["date"].min(), frame["date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first, last


def _hierarchy(series: pl.DataFrame, stores: pl.DataFrame, levels: Levels) -> Hierarchy:
    described = series.join(stores, on="store_nbr", how="left", maintain_order="left")
    wanted = dict.fromkeys((*levels[BOTTOM], *stores.columns))
    columns = {name: described[name].cast(pl.String).to_list() for name in wanted}
    return Hierarchy(columns, levels)


def _place(
    frame: pl.DataFrame, series: pl.DataFrame, value: str, first: date, out: NDArray[Float]
) -> NDArray[Float]:
    """Put a column of a (date, store, family) table into the rows of `out` (series × days)."""
    placed = frame.join(series, on=_SERIES)
    out[placed["series"].to_numpy(), _day(placed, first)] = placed[value].to_numpy()
    return out


def _day(frame: pl.DataFrame, first: date) -> NDArray[np.int64]:
    return frame.select((pl.col("date") - first).dt.total_days()).to_series().to_numpy()


def _oil(oil: pl.DataFrame, first: date, n_days: int) -> NDArray[np.float64]:
    days = pl.select(date=pl.date_range(first, first + pl.duration(days=n_days - 1)))
    known = oil.drop_nulls().sort("date")
    filled = days.join_asof(known, on="date", strategy="backward")["dcoilwtico"]
    return filled.fill_null(np.nan).to_numpy()


def _transactions(
    transactions: pl.DataFrame, stores: pl.DataFrame, first: date, n_days: int
) -> NDArray[np.float32]:
    rows = stores.select("store_nbr").with_row_index("store")
    placed = transactions.join(rows, on="store_nbr").with_columns(
        day=(pl.col("date") - first).dt.total_days()
    )
    placed = placed.filter(pl.col("day").is_between(0, n_days - 1))
    out = np.full((stores.height, n_days), np.nan, dtype=np.float32)
    out[placed["store"].to_numpy(), placed["day"].to_numpy()] = placed["transactions"].to_numpy()
    return out
