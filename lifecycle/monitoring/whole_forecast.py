"""A forecast of all nodes, with all that it is judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.baselines import Baseline, forecast_by_rule
from models.engine import ForecastEngine
from models.error_sums import NOMINALS, Forecast
from models.uncertainty import Uncertainty

Values = NDArray[np.float64]


def complete_forecast(
    engine: ForecastEngine, origin: int, horizons: NDArray[np.intp], mean: Values, base: Values
) -> Forecast:
    """Return forecasts with their intervals, and those of last week's same weekday.

    Args:
        mean, base: coherent forecasts, and those before reconciliation, shape (nodes, horizons);
            base forecasts of nodes that are not modelled are NaN, and become sums.
    """
    snapshot, hierarchy = engine.snapshot, engine.snapshot.hierarchy
    naive = forecast_by_rule(
        snapshot.history[:, : origin + 1], horizons, Baseline.SEASONAL_NAIVE, step=snapshot.step
    )
    sums = hierarchy.aggregate(base[hierarchy.n_upper :])
    bounds = {nominal: (np.full_like(mean, np.nan),) * 2 for nominal in NOMINALS}
    if engine.intervals is not None:  # else the model was made to be judged by its errors alone
        nodes, wanted = np.arange(len(hierarchy)), Uncertainty(NOMINALS)
        values = engine.evaluate(engine.intervals, origin, nodes, mean, horizons, wanted)
        bounds = dict(zip(NOMINALS, wanted.pairs(values), strict=True))
    return Forecast(mean, np.where(np.isnan(base), sums, base), naive, bounds)
