"""Forecasts of a window's days, as answers show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from api.schemas import DayForecast
from api.windows import Window
from errors import Code, Problem
from models.forecaster import Forecaster, RunnerError


async def forecast(forecaster: Forecaster, window: Window) -> NDArray[np.float64]:
    """Coherent forecasts of all nodes in units, shape (nodes, days).

    Raises:
        Problem: INFERENCE_FAILED.
    """
    with failing():
        return await forecaster.forecast(window.origin, window.horizons)


async def base(forecaster: Forecaster, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Base forecasts in units, shape (n,), of rows of shape (n, features).

    Raises:
        Problem: INFERENCE_FAILED.
    """
    with failing():
        return await forecaster.base(rows)


@contextmanager
def failing() -> Iterator[None]:
    """Turns the failure of a runner into a problem."""
    try:
        yield
    except RunnerError as error:
        raise Problem(
            Code.INFERENCE_FAILED,
            "The model gave no answer; try again, and if it fails again look for the request's "
            "id in the log.",
        ) from error


def days_of(
    forecaster: Forecaster,
    window: Window,
    row: int,
    mean: NDArray[np.float64],
    nominals: Sequence[int],
) -> list[DayForecast]:
    """A node's days with their intervals, and the sales of those that have passed."""
    snapshot = forecaster.pair.engine.snapshot
    days: list[DayForecast] = [
        {"date": snapshot.date_at(int(day)), "prediction": value}
        for day, value in zip(window.days, mean.tolist(), strict=True)
    ]
    sold = snapshot.first_sale[[row]] <= window.origin
    for nominal in nominals:
        bounds = forecaster.pair.intervals.bounds(
            np.array([row]), mean[None], window.horizons, nominal, sold=sold
        )
        for side, values in zip(("lower", "upper"), bounds, strict=True):
            for entry, value in zip(days, values[0].tolist(), strict=True):
                entry[f"{side}_{nominal}"] = value
    for entry, day in zip(days, window.days, strict=True):
        known = day < snapshot.n_days
        entry["actual"] = float(snapshot.sales[row, day]) if known else None
    return days
