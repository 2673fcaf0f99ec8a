"""Baselines for comparison: last week or year, the mean of four weeks, AutoETS, a plain LightGBM.

Each maps a snapshot and a number of days to forecasts of its bottom series, shape (bottoms, days).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from statsforecast.models import AutoETS

from features.data.snapshot import Snapshot
from features.data.step import Step
from models.baselines import Baseline, Values, forecast_by_rule

Forecast = Callable[[Snapshot, int], Values]

_ETS_YEARS = {Step.DAY: 1, Step.WEEK: 3}
"""Years of each series on which AutoETS is fitted: longer ones of days take long, for no gain."""
_LAG_WEEKS = (1, 2, 4)
_ROUNDS = 100
"""LightGBM's default."""


def by_rule(snapshot: Snapshot, days: int, *, rule: Baseline) -> Values:
    """Forecast by one of the rules that the product falls back to."""
    horizons = np.arange(1, days + 1)
    return forecast_by_rule(_history_of(snapshot), horizons, rule, step=snapshot.step)


def auto_ets(snapshot: Snapshot, days: int) -> Values:
    """Forecast each series by exponential smoothing with a weekly season, chosen by AICc.

    Weekly data have no season that it could fit: 52 weeks are more than it takes.
    """
    season = snapshot.step.week
    history = _history_of(snapshot)[:, -snapshot.step.year * _ETS_YEARS[snapshot.step] :]
    result = np.zeros((len(history), days))
    for row, series in enumerate(history):
        started = int(np.argmax(series > 0))
        if series.any():
            forecast = AutoETS(season_length=season).forecast(y=series[started:], h=days)["mean"]
            result[row] = np.maximum(forecast, 0)
    return result


def plain_lightgbm(snapshot: Snapshot, days: int, *, threads: int = 2) -> Values:
    """Forecast all series by one untuned LightGBM, directly for the whole horizon.

    Its features are three lags that are known on every day of the horizon, the weekday, the month
    and the number of the series; it knows no covariate.
    """
    history = _history_of(snapshot)
    origin = snapshot.newest_origin
    week = snapshot.step.week
    lags = [(lag - 1 - (-days // week)) * week for lag in _LAG_WEEKS]
    if snapshot.step is Step.WEEK:  # a month does not tell one week from another, last year does
        lags.append(max(snapshot.step.year, days))
    bottoms = np.arange(snapshot.hierarchy.n_upper, len(snapshot.hierarchy))
    learnt = np.arange(max(lags), origin + 1)
    targets = snapshot.targets(bottoms, learnt)
    started = learnt >= snapshot.first_sale[bottoms][:, None]
    known = started & ~np.isnan(targets)
    rows = _make_rows(snapshot, history, learnt, lags)[known]
    data = lgb.Dataset(rows, targets[known], categorical_feature=[rows.shape[1] - 1])
    parameters = {"objective": "regression", "verbosity": -1, "num_threads": threads, "seed": 1}
    booster = lgb.train(parameters, data, num_boost_round=_ROUNDS)
    ahead = _make_rows(snapshot, history, origin + np.arange(1, days + 1), lags)
    forecast = np.asarray(booster.predict(ahead.reshape(-1, ahead.shape[-1])))
    return np.asarray(np.maximum(forecast.reshape(len(history), days), 0))


def _make_rows(
    snapshot: Snapshot, history: Values, days: NDArray[np.intp], lags: list[int]
) -> Values:
    """Return the features of all series on some days, shape (bottoms, days, features)."""
    shape = (len(history), len(days))
    of_day = (snapshot.calendar.weekday[days], snapshot.calendar.day["month"][days])
    series = np.arange(len(history))[:, None]
    columns: list[NDArray[Any]] = [*(history[:, days - lag] for lag in lags), *of_day, series]
    return np.stack([np.broadcast_to(column, shape) for column in columns], axis=-1).astype(float)


def _history_of(snapshot: Snapshot) -> Values:
    """Return the sales of the bottom series, with estimates of days that are not known."""
    return snapshot.history[snapshot.hierarchy.n_upper :]


def baselines(step: Step, threads: int) -> Mapping[str, Forecast]:
    """Return the baselines by name."""
    rules = {rule.describe(step): partial(by_rule, rule=rule) for rule in Baseline}
    return {
        **rules,
        "AutoETS": auto_ets,
        "plain LightGBM": partial(plain_lightgbm, threads=threads),
    }
