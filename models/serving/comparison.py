"""Differences of two models as they serve: how far forecasts move, errors, time and size."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle import GOLDEN_ROWS_FILE, size_of
from models.engine import ForecastEngine
from models.metrics import wape
from models.reconciliation import incoherence

Values = NDArray[np.float64]
Document = dict[str, Any]

RECENT_DAYS = 28
"""Newest days whose forecasts are compared with their sales."""
_ROUNDS = 7


def compare_served(champion: ForecastEngine, challenger: ForecastEngine) -> Document:
    """Compare two models on the same snapshot.

    Returns:
        `moved`, by level: the sum of the absolute differences of the forecasts of its nodes, over
        the units of the champion's, both from the newest origin; `slower`: share by which a
        prediction of the challenger takes longer; `larger`: share by which its bundle is larger.
    """
    newest = champion.snapshot.newest_origin
    before, after = (each.forecast(newest).values for each in (champion, challenger))
    return {
        "moved": measure_moved(champion, before, after),
        **_compare_cost(champion, challenger),
    }


def compare_challenger(
    active: ForecastEngine, challenger: ForecastEngine, before: Values, after: Values
) -> Document:
    """Compare a model with the active one, on the same snapshot, by its stored forecasts too.

    Args:
        before, after: stored forecasts of both from the newest origin, shape (nodes, days).

    Returns:
        What `compare_served` returns; `total`, the forecast units of the challenger over those
        of the active model; `incoherence`, the largest relative difference of a forecast of the
        challenger from the sum of its series; and `recent`, by level, the WAPE of both on the
        newest days. A model may have seen these days, which only ever makes its errors smaller:
        one whose errors are large even so is not fit to serve.
    """
    hierarchy = active.snapshot.hierarchy
    return {
        "moved": measure_moved(active, before, after),
        **_compare_cost(active, challenger),
        "total": float(after[0].sum() / max(before[0].sum(), 1)),
        "incoherence": incoherence(after, hierarchy),
        "recent": _compare_recent(active, challenger),
    }


def measure_moved(engine: ForecastEngine, before: Values, after: Values) -> dict[str, float]:
    """Return how far forecasts moved, by level, as a share of the units before."""
    return {
        level: float(np.abs(after[rows] - before[rows]).sum() / max(before[rows].sum(), 1))
        for level, rows in engine.snapshot.hierarchy.slices.items()
    }


def _compare_recent(active: ForecastEngine, challenger: ForecastEngine) -> dict[str, Document]:
    """Return the WAPE of both models on the newest days, by level."""
    snapshot = active.snapshot
    days = min(snapshot.step.steps_in(RECENT_DAYS), snapshot.newest_origin)
    origin, horizons = snapshot.newest_origin - days, np.arange(1, days + 1)
    actual = snapshot.targets(slice(None), origin + horizons)
    forecasts = [each.forecast(origin, horizons).values for each in (active, challenger)]
    return {
        level: {
            "active": _known(wape(forecasts[0][rows], actual[rows])),
            "challenger": _known(wape(forecasts[1][rows], actual[rows])),
        }
        for level, rows in snapshot.hierarchy.slices.items()
    }


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _compare_cost(champion: ForecastEngine, challenger: ForecastEngine) -> Document:
    seconds = _time_predictions(champion, challenger)
    before, after = (size_of(each.bundle.path) for each in (champion, challenger))
    return {"slower": seconds[1] / seconds[0] - 1, "larger": after / before - 1}


def _time_predictions(*engines: ForecastEngine) -> list[float]:
    """Return the least time of a prediction of each engine's golden rows, seconds a row."""
    rows = [np.load(each.bundle.path / GOLDEN_ROWS_FILE) for each in engines]
    least = [np.inf] * len(engines)
    for _ in range(_ROUNDS):  # in turn, so that a busy moment meets both
        for at, engine in enumerate(engines):
            start = time.perf_counter()
            engine.bundle.model.predict(rows[at])
            least[at] = min(least[at], time.perf_counter() - start)
    return [each / len(of) for each, of in zip(least, rows, strict=True)]
