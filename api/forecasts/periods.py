"""Forecasts of sums of days, with intervals and quantiles of the sums."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.forecasts.days import Prediction, sales_of
from api.forecasts.uncertainty import bound_names, lists_builder
from api.forecasts.windows import ForecastWindow
from api.schemas.requests import Period
from errors import Code, Problem
from models.serving.forecaster import Forecaster
from models.uncertainty import Uncertainty

PeriodDocument = dict[str, Any]


def starts_of(days: Sequence[date], period: Period) -> list[int]:
    """Return the position of the first day of each period."""
    keys_of: dict[Period, list[object]] = {
        Period.DAY: list(days),
        Period.WEEK: [day.isocalendar()[:2] for day in days],
        Period.MONTH: [(day.year, day.month) for day in days],
        Period.HORIZON: [None] * len(days),
    }
    keys = keys_of[period]
    return [0, *(at for at, (before, key) in enumerate(pairwise(keys), 1) if key != before)]


def evaluate_sums(
    forecaster: Forecaster,
    window: ForecastWindow,
    nodes: NDArray[np.intp],
    mean: NDArray[np.float64],
    wanted: Uncertainty,
    starts: Sequence[int],
) -> NDArray[np.float64]:
    """Return bounds and quantiles of sums of days, shape (numbers, nodes, sums).

    Args:
        starts: positions in the window at which the sums begin.

    Raises:
        Problem: INTERVALS_UNAVAILABLE: the model has no intervals of sums.
    """
    intervals, snapshot = forecaster.release.intervals, forecaster.release.engine.snapshot
    if not intervals.has_paths:
        raise Problem(
            Code.INTERVALS_UNAVAILABLE,
            "This model was trained before intervals and quantiles of sums were calibrated. Train "
            "it again, or ask for single days.",
        )
    return intervals.evaluate_sums(
        nodes,
        mean,
        window.horizons,
        starts,
        wanted,
        sold=snapshot.may_sell(window.origin)[nodes],
        closed=snapshot.closed_nodes(nodes, window.origin, window.horizons),
    )


def period_forecasts_of(
    forecaster: Forecaster,
    window: ForecastWindow,
    nodes: NDArray[np.intp],
    prediction: Prediction,
    wanted: Uncertainty,
    period: Period,
) -> list[list[PeriodDocument]]:
    """Return the sums of the days of each period, for some nodes.

    Args:
        nodes: rows of the hierarchy, shape (n,).
        prediction: their forecasts, shape (n, days).

    Raises:
        Problem: INTERVALS_UNAVAILABLE: the model has no intervals of sums.
    """
    if period is Period.DAY:
        return [[] for _ in nodes]
    snapshot = forecaster.release.engine.snapshot
    days = [snapshot.date_at(day) for day in window.days.tolist()]
    starts = starts_of(days, period)
    ends = [*starts[1:], len(days)]
    numbers = evaluate_sums(forecaster, window, nodes, prediction.statistical, wanted, starts)
    names, build_lists = bound_names(wanted.nominals), lists_builder(wanted)
    actual = sales_of(snapshot, window, nodes)
    totals, statistical, sold = (
        np.add.reduceat(values, starts, axis=1)
        for values in (prediction.result, prediction.statistical, actual)
    )
    return [
        [
            {
                "first": days[start],
                "last": days[end - 1],
                "days": end - start,
                "prediction": float(totals[row, at]),
                **({"statistical": float(statistical[row, at])} if prediction.adjusted else {}),
                **dict(zip(names, of_sum[: len(names)], strict=True)),
                **build_lists(of_sum),
                "actual": None if np.isnan(sold[row, at]) else float(sold[row, at]),
            }
            for at, (start, end, of_sum) in enumerate(zip(starts, ends, of_sums, strict=True))
        ]
        for row, of_sums in enumerate(np.moveaxis(numbers, 0, 2).tolist())
    ]
