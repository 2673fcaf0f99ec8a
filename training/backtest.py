"""Trains up to an origin and compares the forecasts after it with what was sold."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.build import build_snapshot
from features.snapshot import Snapshot, load_snapshot
from features.tables import read_tables
from models.bundle import load_bundle
from models.engine import ForecastEngine
from training.pipeline import Clock, Reporter, train_bundle
from training.recipe import Recipe

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """RMSLE over all bottom series and days of a window, by model."""

    origin: date
    first: date
    last: date
    rmsle: dict[str, float]


def backtest(
    data: Path,
    recipe: Recipe,
    *,
    origin: date | None,
    days: int,
    threads: int,
    reporter: Reporter,
) -> Result:
    """Fit on the days up to `origin` alone and score the `days` after it.

    Promotions of the window count as planned.

    Raises:
        DataError: a table is wrong.
        ValueError: the window is not within the data.
    """
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="mlrf-backtest-") as scratch:
        with clock.step(reporter, "build snapshot"):
            artifact = build_snapshot(read_tables(data), Path(scratch))
            snapshot = load_snapshot(artifact.path)
        at = snapshot.newest_origin - days if origin is None else snapshot.index_of(origin)
        if at + days > snapshot.newest_origin:
            raise ValueError(
                f"{days} days after {snapshot.date_at(at)} end after the data "
                f"({snapshot.facts.origin})"
            )
        bundle = train_bundle(
            snapshot,
            Path(scratch),
            recipe,
            last_target=at,
            threads=threads,
            reporter=reporter,
            clock=clock,
        )
        with clock.step(reporter, "forecast"):
            engine = ForecastEngine(load_bundle(bundle.path), snapshot)
            horizons = np.arange(1, days + 1)
            coherent = engine.forecast(at, horizons, promotion_lead=days)
        window = slice(at + 1, at + days + 1)
        bottoms = slice(snapshot.hierarchy.n_upper, None)
        sold = snapshot.sales[bottoms, window]
        return Result(
            origin=snapshot.date_at(at),
            first=snapshot.date_at(window.start),
            last=snapshot.date_at(window.stop - 1),
            rmsle={
                "mlrf": rmsle(coherent.values[bottoms], sold),
                "seasonal naive": rmsle(seasonal_naive(snapshot, at, horizons)[bottoms], sold),
            },
        )


def seasonal_naive(snapshot: Snapshot, origin: int, horizons: NDArray[np.intp]) -> Values:
    """The last known same weekday; shape (nodes, horizons)."""
    return snapshot.sales[:, origin - 6 + (horizons - 1) % 7]


def rmsle(forecast: Values, actual: Values) -> float:
    """Root of the mean squared difference of log1p, over all values."""
    return float(np.sqrt(np.mean((np.log1p(forecast) - np.log1p(actual)) ** 2)))
