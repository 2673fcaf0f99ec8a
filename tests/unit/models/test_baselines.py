"""Simple rules read the same weekday of the weeks before."""

from __future__ import annotations

import numpy as np

from models.baselines import WEEKS, Baseline, forecast_weekdays

HORIZONS = np.array([1, 7, 8, 15])


def test_the_naive_rule_repeats_the_last_week() -> None:
    history = np.arange(28.0)[None]
    forecast = forecast_weekdays(history, HORIZONS, WEEKS[Baseline.SEASONAL_NAIVE])
    assert forecast.tolist() == [[21, 27, 21, 21]]


def test_the_mean_rule_averages_four_same_weekdays() -> None:
    history = np.arange(35.0)[None]
    forecast = forecast_weekdays(history, HORIZONS, WEEKS[Baseline.WEEKDAY_MEAN])
    assert forecast.tolist() == [[17.5, 23.5, 17.5, 17.5]]
