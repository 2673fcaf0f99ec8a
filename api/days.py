"""Forecasts of a window's days, as answers show them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isnan

import numpy as np
from numpy.typing import NDArray

from api.schemas.forecasts import DayForecast
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
    rows: NDArray[np.intp],
    mean: NDArray[np.float64],
    nominals: Sequence[int],
) -> list[list[DayForecast]]:
    """Days of some nodes with their intervals, and the sales of those that have passed.

    Args:
        rows: of the nodes, shape (n,).
        mean: their forecasts in units, shape (n, days).
    """
    snapshot = forecaster.pair.engine.snapshot
    sold = snapshot.first_sale[rows] <= window.origin
    names, columns = ["date", "prediction"], [mean]
    for nominal in nominals:
        names += [f"lower_{nominal}", f"upper_{nominal}"]
        columns += forecaster.pair.intervals.bounds(rows, mean, window.horizons, nominal, sold=sold)
    names.append("actual")
    dates = [snapshot.date_at(day) for day in window.days.tolist()]
    past = window.days[window.days < snapshot.n_days]
    sales = snapshot.sales[np.ix_(rows, past)].tolist()
    actual = [[None if isnan(units) else units for units in of_node] for of_node in sales]
    not_known = [None] * (len(dates) - len(past))
    of_nodes = np.stack(columns, axis=1).tolist()
    return [
        [dict(zip(names, day, strict=True)) for day in zip(dates, *of_node, sales, strict=True)]
        for of_node, sales in zip(of_nodes, (known + not_known for known in actual), strict=True)
    ]
