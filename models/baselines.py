"""Forecasts by simple rules, against which the model is judged and which it falls back to.

Both read the sales of the same weekday in the weeks before an origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_WEEK = 7


class Baseline(StrEnum):
    """Simple rule of a forecast.

    Attributes:
        SEASONAL_NAIVE: what was sold on the last same weekday.
        WEEKDAY_MEAN: the mean of the last 4 same weekdays.
    """

    SEASONAL_NAIVE = "seasonal_naive"
    WEEKDAY_MEAN = "weekday_mean"


WEEKS: Mapping[Baseline, int] = {Baseline.SEASONAL_NAIVE: 1, Baseline.WEEKDAY_MEAN: 4}
"""Same weekdays that each rule averages."""


def forecast_weekdays(history: Values, horizons: NDArray[np.intp], weeks: int) -> Values:
    """Return the mean of the last same weekdays for days ahead, shape (nodes, horizons).

    Args:
        history: units up to the origin, shape (nodes, days); at least as many as the weeks have.
        horizons: days after the origin, shape (h,).
        weeks: number of same weekdays.
    """
    mean = history[:, -_WEEK * weeks :].reshape(len(history), weeks, _WEEK).mean(axis=1)
    return np.asarray(mean[:, (horizons - 1) % _WEEK])
