"""Forecasts by simple rules, against which the model is judged and which it falls back to."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from features.data.step import Step

Values = NDArray[np.float64]

MEAN_WEEKS = 4
"""Weeks whose same weekdays `Baseline.WEEKDAY_MEAN` averages."""


class Baseline(StrEnum):
    """Simple rule of a forecast.

    Attributes:
        SEASONAL_NAIVE: what was sold on the last same weekday; of weekly data, in the same week a
            year before, or in the last week by a series that is younger.
        WEEKDAY_MEAN: the mean of the last 4 same weekdays; of weekly data, of the last 4 weeks.
    """

    SEASONAL_NAIVE = "seasonal_naive"
    WEEKDAY_MEAN = "weekday_mean"

    def describe(self, step: Step) -> str:
        """Return what the rule forecasts, for a message."""
        return _DESCRIPTIONS[step][self]


_DESCRIPTIONS = {
    Step.DAY: {
        Baseline.SEASONAL_NAIVE: "last week's same weekday",
        Baseline.WEEKDAY_MEAN: "the mean of the last 4 same weekdays",
    },
    Step.WEEK: {
        Baseline.SEASONAL_NAIVE: "last year's same week",
        Baseline.WEEKDAY_MEAN: "the mean of the last 4 weeks",
    },
}


def forecast_by_rule(
    history: Values, horizons: NDArray[np.intp], rule: Baseline, *, step: Step
) -> Values:
    """Return the forecasts of a rule, shape (nodes, horizons).

    Args:
        history: units up to the origin, shape (nodes, days); at least `MEAN_WEEKS` weeks.
        horizons: days after the origin, shape (h,).
    """
    if rule is Baseline.WEEKDAY_MEAN:
        return repeat_season(history, horizons, season=step.week, count=MEAN_WEEKS)
    last = repeat_season(history, horizons, season=step.week)
    if step is Step.DAY or history.shape[1] < step.year:
        return last
    has_sold = np.any(history[:, : history.shape[1] - step.year + 1] > 0, axis=1, keepdims=True)
    year_before = repeat_season(history, horizons, season=step.year)
    return np.where(has_sold, year_before, last)


def repeat_season(
    history: Values, horizons: NDArray[np.intp], *, season: int, count: int = 1
) -> Values:
    """Return the mean of the last seasons for days ahead, shape (nodes, horizons).

    Args:
        history: units up to the origin, shape (nodes, days); at least as many as are averaged.
        horizons: days after the origin, shape (h,).
        season: days after which sales resemble each other.
        count: number of seasons.
    """
    mean = history[:, -season * count :].reshape(len(history), count, season).mean(axis=1)
    return np.asarray(mean[:, (horizons - 1) % season])
