"""Differences of two models as they would serve: how far forecasts move, time and size."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from models.bundle import GOLDEN_ROWS_FILE
from models.engine import ForecastEngine

_ROUNDS = 7


def compare_served(champion: ForecastEngine, challenger: ForecastEngine) -> dict[str, Any]:
    """Compare two models on the same snapshot.

    Returns:
        `moved`, by level: the sum of the absolute differences of the forecasts of its nodes, over
        the units of the champion's, both from the newest origin; `slower`: share by which a
        prediction of the challenger takes longer; `larger`: share by which its bundle is larger.
    """
    snapshot = champion.snapshot
    before, after = (
        each.forecast(snapshot.newest_origin).values for each in (champion, challenger)
    )
    moved = {
        level: float(np.abs(after[rows] - before[rows]).sum() / max(before[rows].sum(), 1))
        for level, rows in snapshot.hierarchy.slices.items()
    }
    seconds, size = _time_predictions(champion, challenger), _sizes(champion, challenger)
    return {
        "moved": moved,
        "slower": seconds[1] / seconds[0] - 1,
        "larger": size[1] / size[0] - 1,
    }


def _time_predictions(*engines: ForecastEngine) -> list[float]:
    """Return the least time of a prediction of each engine's golden rows, seconds."""
    rows = [np.load(each.bundle.path / GOLDEN_ROWS_FILE) for each in engines]
    least = [np.inf] * len(engines)
    for _ in range(_ROUNDS):  # in turn, so that a busy moment meets both
        for at, engine in enumerate(engines):
            start = time.perf_counter()
            engine.bundle.model.predict(rows[at])
            least[at] = min(least[at], time.perf_counter() - start)
    return [each / len(of) for each, of in zip(least, rows, strict=True)]


def _sizes(*engines: ForecastEngine) -> list[int]:
    """Return the bytes of each engine's bundle."""
    return [
        sum(file.stat().st_size for file in each.bundle.path.iterdir() if file.is_file())
        for each in engines
    ]
