"""Builds a snapshot from checked tables: the dense series × days panel and its covariates.

Days without a row (25 December, a store before it opened) are days without sales: zeros. Days at
the end that have not been delivered yet (see `features.data.delivery`) are not known: NaN. Planned
promotions come from the ``test`` table; a day that it does not list is not known (NaN), which is
not the same as no promotion (0).

Outliers (see `features.data.outliers`) stay in the sales as they were delivered. The model learns
neither from them nor from undelivered days: `features.data.history` makes the sales that features
read.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from features.data import snapshot as layout
from features.data.calendar import Holiday
from features.data.delivery import undelivered_days
from features.data.hierarchy import Hierarchy
from features.data.history import Cells, with_estimates
from features.data.outliers import promotion_outliers, sales_outliers, transaction_outliers
from features.data.snapshot import MAX_HORIZON, SnapshotFacts, dump_rows
from features.data.specification import FAVORITA, Specification
from features.data.table_report import write_report
from features.data.tables import CheckedTables, Tables
from storage.artifacts import Artifact, seal, staging

Float = TypeVar("Float", bound=np.floating)

_SERIES = ["store_nbr", "family"]


def build_snapshot(
    tables: Tables,
    destination: Path,
    *,
    specification: Specification = FAVORITA,
    demo: bool = False,
) -> Artifact:
    """Write the snapshot of `tables` into the folder `destination`.

    The series are those that occur in train, ordered by store and family. The same tables make
    the same snapshot, byte for byte; the findings of their check are part of it.

    Args:
        specification: of the tables.
        demo: whether the tables are the built-in demo's; recorded in the manifest.
    """
    train, test = tables.train, tables.test
    first, origin = _find_span(train)
    n_days = (origin - first).days + 1
    series = train.select(_SERIES).unique().sort(_SERIES).with_row_index("series")
    stores = tables.stores.join(series, on="store_nbr", how="semi").sort("store_nbr")
    hierarchy = _build_hierarchy(series, stores, specification)

    bottoms = _fill_column(train, series, "sales", first, np.zeros((series.height, n_days)))
    late = _locate_cells(undelivered_days(train), series, first)
    bottoms[late] = np.nan
    history = with_estimates(bottoms, late, _locate_cells(sales_outliers(train), series, first))
    onpromotion = np.full((series.height, n_days + MAX_HORIZON), np.nan, dtype=np.float32)
    onpromotion[:, :n_days] = 0
    onpromotion[late] = np.nan
    known_through = origin
    reached = None
    if test is not None:
        reached = test.filter(pl.col("date") <= origin + pl.duration(days=MAX_HORIZON))
        known_through = _find_span(reached)[1] if reached.height else origin
    _place_promotions([train] if reached is None else [train, reached], series, first, onpromotion)

    with staging(destination) as folder:
        np.save(folder / layout.SALES_FILE, hierarchy.aggregate(bottoms))
        if history is not bottoms:
            np.save(folder / layout.ESTIMATED_FILE, hierarchy.aggregate(history))
        np.save(folder / layout.covariate_file("onpromotion"), onpromotion)
        np.save(
            folder / layout.covariate_file("transactions"),
            _grid_transactions(tables.transactions, stores, first, n_days),
        )
        holidays = tables.holidays_events.unique().sort(pl.all()).to_dicts()
        dump_rows(folder / layout.HOLIDAYS_FILE, [Holiday(**row) for row in holidays])
        (folder / layout.HIERARCHY_FILE).write_bytes(orjson.dumps({"bottoms": hierarchy.bottoms}))
        (folder / layout.SPECIFICATION_FILE).write_text(
            specification.model_dump_json(), encoding="utf-8"
        )
        if isinstance(tables, CheckedTables):
            write_report(folder, tables.report, tables.layout)
        facts = SnapshotFacts(
            first_date=first, origin=origin, known_through=known_through, demo=demo
        )
        manifest_facts = facts.model_dump(mode="json", exclude_defaults=True)
        return seal(folder, kind=layout.KIND, label=origin.isoformat(), facts=manifest_facts)


def _find_span(frame: pl.DataFrame) -> tuple[date, date]:
    first, last = frame["date"].min(), frame["date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return first, last


def _build_hierarchy(
    series: pl.DataFrame, stores: pl.DataFrame, specification: Specification
) -> Hierarchy:
    described = series.join(stores, on="store_nbr", how="left", maintain_order="left")
    columns = {name: described[name].cast(pl.String).to_list() for name in specification.columns}
    return Hierarchy(columns, specification)


def _fill_column(
    frame: pl.DataFrame, series: pl.DataFrame, value: str, first: date, out: NDArray[Float]
) -> NDArray[Float]:
    """Copy a column of a (date, store, family) table into `out` (series × days), in place."""
    placed = frame.join(series, on=_SERIES)
    out[placed["series"].to_numpy(), _index_days(placed, first)] = placed[value].to_numpy()
    return out


def _place_promotions(
    tables: list[pl.DataFrame], series: pl.DataFrame, first: date, out: NDArray[np.float32]
) -> None:
    """Copy the promotions of all tables into `out`; an outlier becomes NaN (not known)."""
    for table in tables:
        _fill_column(table, series, "onpromotion", first, out)
        out[_locate_cells(promotion_outliers(table, *tables), series, first)] = np.nan


def _locate_cells(frame: pl.DataFrame, series: pl.DataFrame, first: date) -> Cells:
    """Return series and day of each row; a row without a family stands for the whole store."""
    whole = frame.filter(pl.col("family").is_null()).drop("family").join(series, on="store_nbr")
    placed = pl.concat(
        [part.select("series", "date") for part in (whole, frame.join(series, on=_SERIES))]
    ).unique(maintain_order=True)
    return placed["series"].to_numpy().astype(np.intp), _index_days(placed, first)


def _index_days(frame: pl.DataFrame, first: date) -> NDArray[np.int64]:
    return frame.select((pl.col("date") - first).dt.total_days()).to_series().to_numpy()


def _grid_transactions(
    transactions: pl.DataFrame, stores: pl.DataFrame, first: date, n_days: int
) -> NDArray[np.float32]:
    rows = stores.select("store_nbr").with_row_index("store")
    outliers = transaction_outliers(transactions)
    plausible = transactions.join(outliers, on=["date", "store_nbr"], how="anti")
    placed = plausible.join(rows, on="store_nbr").with_columns(
        day=(pl.col("date") - first).dt.total_days()
    )
    placed = placed.filter(pl.col("day").is_between(0, n_days - 1))
    out = np.full((stores.height, n_days), np.nan, dtype=np.float32)
    out[placed["store"].to_numpy(), placed["day"].to_numpy()] = placed["transactions"].to_numpy()
    return out
