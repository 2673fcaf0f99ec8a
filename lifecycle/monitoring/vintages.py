"""Vintages: all forecasts of one release from its newest origin, kept to be compared with sales.

A vintage is a folder in ``vintages/`` with one Parquet file, which is written once and verified
when it is read (see `storage.artifacts`). It has a row for every node and day, day by day, with a
row group for each day: scoring reads one day of many vintages. Servers need the table library to
write or read one, so only commands and the processes of jobs do.

Columns: ``node``, ``date``, ``days_ahead``, and in units, as float32, ``forecast``, ``base``
(before reconciliation; null where that only adds the series up), ``seasonal_naive`` (last week's
same weekday), and ``lower_80``, ``upper_80``, ``lower_95``, ``upper_95``, these to three digits:
random digits cannot be compressed. Where the intervals are adapted (see `models.adaptation`),
``interval_factor`` is by how much.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from lifecycle.monitoring.vintage_list import FILE, KIND, describe_vintage, list_vintages
from lifecycle.monitoring.whole_forecast import complete_forecast
from models.engine import ForecastEngine
from models.serving.forecast_store import load_base
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import (
    ArtifactError,
    Release,
    Store,
    seal,
    staging,
    verify,
)
from storage.performance import Vintage

Values = NDArray[np.float64]


FACTOR = "interval_factor"

_PARTS = 4096.0
_LEVEL = 6  # of zstd: higher levels cost seconds and save little


def make_missing(store: Store, *, later: Release | None = None) -> list[Vintage]:
    """Write the vintages of all stored forecasts that have none yet, and return them.

    Forecasts whose bundle or snapshot is gone or damaged are left out. The intervals are those with
    which the bundle serves: its adaptation changes only after a scoring, which calls this first.

    Args:
        later: a release that is left out, because its intervals may change.
    """
    made = []
    known = {(each.bundle, each.snapshot) for each in list_vintages(store)}
    for folder in sorted(store.forecasts.glob("[!.]*")):
        bundle, _, rest = folder.name.partition(".")
        release = Release(bundle, rest.rpartition("-")[0])
        names = release.bundle, release.snapshot
        if names in known or (later is not None and names == (later.bundle, later.snapshot)):
            continue
        try:
            made.append(keep_vintage(store, load_release(store, store.adapted(release))))
        except ArtifactError:
            continue
    return made


def keep_vintage(store: Store, loaded: LoadedRelease) -> Vintage:
    """Write the vintage of a loaded release; an intact one stays.

    Raises:
        UnwritableError: the folder cannot be written.
    """
    engine = loaded.engine
    snapshot = engine.snapshot
    facts = {
        "bundle": engine.bundle.name,
        "snapshot": snapshot.name,
        "origin": snapshot.facts.origin.isoformat(),
        "trained_through": engine.bundle.facts.trained_through.isoformat(),
        "step_days": snapshot.step.days,
        "days": snapshot.horizon,
        "nodes": len(snapshot.hierarchy),
    }
    if loaded.adaptation is not None:
        facts["adaptation"] = loaded.adaptation.name
    nodes = len(snapshot.hierarchy)
    with staging(store.vintages) as folder:
        _frame_of(store, loaded).write_parquet(
            folder / FILE,
            compression="zstd",
            compression_level=_LEVEL,
            row_group_size=nodes,
            statistics=True,
        )
        return describe_vintage(seal(folder, kind=KIND, label=loaded.version, facts=facts))


def _frame_of(store: Store, loaded: LoadedRelease) -> pl.DataFrame:
    engine = loaded.engine
    snapshot, horizons = engine.snapshot, engine.all_horizons
    origin = snapshot.newest_origin
    mean = np.asarray(loaded.forecasts.mean)
    base = _base_of(store, engine)
    forecast = complete_forecast(engine, origin, horizons, mean, mean if base is None else base)
    days = [snapshot.date_at(origin + int(ahead)) for ahead in horizons]
    ids = [node.id for node in snapshot.hierarchy.nodes]
    columns = {
        "forecast": mean,
        "base": None if base is None else forecast.base,
        "seasonal_naive": forecast.naive,
        **{
            f"{side}_{nominal}": _round(bound)
            for nominal, pair in forecast.bounds.items()
            for side, bound in zip(("lower", "upper"), pair, strict=True)
        },
    }
    if loaded.intervals.factors is not None:
        columns[FACTOR] = loaded.intervals.factors
    return pl.DataFrame(
        {
            "node": pl.Series(ids * len(days), dtype=pl.Categorical),
            "date": pl.Series(days, dtype=pl.Date).gather(np.repeat(horizons - 1, len(ids))),
            "days_ahead": pl.Series(np.repeat(horizons, len(ids)).astype(np.uint16)),
            **{
                name: pl.Series(
                    [None] * len(ids) * len(days) if each is None else each.T.ravel(),
                    dtype=pl.Float32,
                )
                for name, each in columns.items()
            },
        }
    )


def _round(values: Values) -> Values:
    """Return values to 12 binary digits, one part in 4,096."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * _PARTS) / _PARTS, exponent)


def _base_of(store: Store, engine: ForecastEngine) -> Values | None:
    """Return the forecasts before reconciliation; None where it only adds the series up."""
    if not len(engine.reconciliation.weighted_upper):
        return None
    base = load_base(store, Release(engine.bundle.name, engine.snapshot.name))
    # they may have been stored by an earlier version
    return engine.base_forecasts(engine.snapshot.newest_origin) if base is None else base


class VintageReader:
    """Reader of vintages, each verified when it is first read.

    Attributes:
        store: that has them.
        damaged: names of those that cannot be used, with the reason.

    Args:
        snapshot: in the order of whose nodes they are read.
    """

    def __init__(self, store: Store, snapshot: Snapshot) -> None:
        self.damaged: dict[str, str] = {}
        self.store = store
        self._index = snapshot.hierarchy.index
        self._rows: dict[str, NDArray[np.intp]] = {}

    def read(self, vintage: Vintage, day: date) -> Values | None:
        """Return the forecasts of one day; None if the vintage is damaged.

        Returns:
            The columns from ``forecast`` to ``upper_95``, and the factor of the intervals, shape
            (8, nodes); NaN for a node without a forecast.
        """
        if vintage.name in self.damaged:
            return None
        folder = self.store.vintages / vintage.name
        if vintage.name not in self._rows:
            try:
                verify(folder, kind=KIND)
            except ArtifactError as error:
                self.damaged[vintage.name] = str(error)
                return None
        of_day = pl.col("days_ahead") == vintage.horizon_of(day)
        frame = pl.scan_parquet(folder / FILE).filter(of_day).collect()
        if vintage.name not in self._rows:  # all days have the same nodes in the same order
            nodes = frame["node"].cast(pl.String).to_list()
            rows = [self._index.get(node, -1) for node in nodes]
            self._rows[vintage.name] = np.array(rows, dtype=np.intp)
        rows_of = self._rows[vintage.name]
        columns = frame.drop("node", "date", "days_ahead")
        if FACTOR not in columns.columns:
            columns = columns.with_columns(pl.lit(1.0).alias(FACTOR))
        values = columns.with_columns(pl.col("base").fill_null(pl.col("forecast"))).to_numpy().T
        placed = np.full((len(values), len(self._index)), np.nan)
        placed[:, rows_of[rows_of >= 0]] = values[:, rows_of >= 0]
        return placed
