"""Baselines of the backtest: seasonal naive, mean of the same weekdays, and Theta."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from statsforecast.models import Theta

from features.data.step import Step
from models.baselines import repeat_season

Values = NDArray[np.float64]
Baseline = Callable[[Values, int, Step], Values]
"""Maps units up to the origin, shape (nodes, days), and a number of days to their forecasts."""

_WEEKS = 8
_THETA_DAYS = 2 * 364


def seasonal_naive(history: Values, days: int, step: Step) -> Values:
    """Return the last known same weekday."""
    return repeat_season(history, np.arange(1, days + 1), season=step.week)


def weekday_mean(history: Values, days: int, step: Step) -> Values:
    """Return the mean of the last same weekdays."""
    return repeat_season(history, np.arange(1, days + 1), season=step.week, count=_WEEKS)


def theta(history: Values, days: int, step: Step) -> Values:
    """Forecast by the theta method with a weekly season, on the last two years of every series.

    Assimakopoulos and Nikolopoulos, IJF 2000. Negative forecasts are set to zero.
    """
    result = np.zeros((len(history), days))
    for row, series in enumerate(history[:, -step.steps_in(_THETA_DAYS) :]):
        if series.any():
            forecast = Theta(season_length=step.week).forecast(y=series, h=days)["mean"]
            result[row] = np.maximum(forecast, 0)
    return result


BASELINES: Mapping[str, Baseline] = {
    "seasonal naive 7": seasonal_naive,
    "same-weekday mean 8": weekday_mean,
    "theta": theta,
}
