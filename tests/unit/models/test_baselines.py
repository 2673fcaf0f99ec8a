"""Simple rules repeat the last week, year, or mean of weeks."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.step import Step
from models.baselines import Baseline, forecast_by_rule

HORIZONS = np.array([1, 7, 8, 15])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(Baseline.SEASONAL_NAIVE, [28, 34, 28, 28], id="the last week"),
        pytest.param(Baseline.WEEKDAY_MEAN, [17.5, 23.5, 17.5, 17.5], id="the mean of four"),
    ],
)
def test_a_rule_repeats_the_same_weekdays(rule: Baseline, expected: list[float]) -> None:
    history = np.arange(35.0)[None]
    assert forecast_by_rule(history, HORIZONS, rule, step=Step.DAY).tolist() == [expected]


def test_the_naive_rule_repeats_the_weeks_of_the_year_before() -> None:
    history = np.arange(1.0, 61)[None]
    forecast = forecast_by_rule(
        history, np.array([1, 52, 53]), Baseline.SEASONAL_NAIVE, step=Step.WEEK
    )
    assert forecast.tolist() == [[9, 60, 9]]


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(np.arange(1.0, 41), id="shorter than a year"),
        pytest.param(np.concatenate((np.zeros(20), np.arange(1.0, 41))), id="sold for less"),
    ],
)
def test_the_naive_rule_repeats_the_last_week_of_a_young_series(history: np.ndarray) -> None:
    forecast = forecast_by_rule(
        history[None], np.array([1, 5]), Baseline.SEASONAL_NAIVE, step=Step.WEEK
    )
    assert forecast.tolist() == [[40, 40]]


def test_the_mean_rule_averages_four_weeks() -> None:
    history = np.arange(10.0)[None]
    forecast = forecast_by_rule(history, np.array([1, 9]), Baseline.WEEKDAY_MEAN, step=Step.WEEK)
    assert forecast.tolist() == [[7.5, 7.5]]
