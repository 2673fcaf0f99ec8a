"""Errors of forecasts that nobody made, of known size."""

from __future__ import annotations

import numpy as np

from features.data.hierarchy import Hierarchy
from training.evaluation.forecast_errors import KNOTS, Errors


def draw_errors(
    hierarchy: Hierarchy, draw: np.random.Generator, *, origins: int, first: int = 0
) -> Errors:
    """Draw errors of series of different size and noise, growing with the days ahead.

    Forecasts are right on average at every level: an interval always holds its forecast, and would
    be too wide if most values lay on one side of it.
    """
    count = hierarchy.n_bottom
    sizes, noise = np.geomspace(2, 2000, count), np.linspace(0.1, 0.45, count)
    shape = (origins, count, len(KNOTS))
    forecast = sizes[:, None] * draw.uniform(0.7, 1.3, shape)
    spread = noise[:, None] * (1 + KNOTS / 90)
    actual = forecast * (1 + spread * draw.uniform(-1, 1, shape))
    return Errors(
        origins=first + 7 * np.arange(origins),
        horizons=KNOTS,
        forecast=np.stack([hierarchy.aggregate(values) for values in forecast]),
        actual=np.stack([hierarchy.aggregate(values) for values in actual]),
        sold=np.ones((origins, len(hierarchy)), dtype=bool),
        ordinary=np.ones((origins, len(KNOTS)), dtype=bool),
    )
