"""Forecasts of a window's days, as answers show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from api.windows import ForecastWindow
from errors import Code, Problem
from models.forecaster import Forecaster, RunnerError


async def forecast(forecaster: Forecaster, window: ForecastWindow) -> NDArray[np.float64]:
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


DayDocument = dict[str, Any]
"""A day as `api.schemas.forecasts.DayForecast` describes it."""

FEW_NODES = 4
"""Nodes up to which making an object a day takes less time than filling in a text."""


@dataclass(frozen=True)
class DayForecasts:
    """Forecasts of some nodes, day by day, with their intervals.

    Attributes:
        dates: of the days, shape (days,).
        nominals: coverage of the intervals, in percent.
        values: prediction, then the lower and upper bound of each interval, in units; shape
            (nodes, days, 1 + 2 · intervals).
        actual: units sold, NaN where not known; shape (nodes, days).
    """

    dates: Sequence[date]
    nominals: Sequence[int]
    values: NDArray[np.float64]
    actual: NDArray[np.float64]

    def first_days(self) -> list[DayDocument]:
        """Return the first day of each node as `/predict/simple` repeats it: without sales."""
        form = self._form()
        first = [form(self.dates[0], values, None) for values in self.values[:, 0].tolist()]
        for day in first:
            del day["actual"]
        return first

    def as_json(self) -> Sequence[list[DayDocument] | orjson.Fragment]:
        """Return the days of each node, for orjson to write: it makes null of NaN."""
        return self._filled() if len(self.values) > FEW_NODES else self._objects()

    def _objects(self) -> list[list[DayDocument]]:
        form = self._form()
        return [
            list(map(form, self.dates, *of_node))
            for of_node in zip(self.values.tolist(), self.actual.tolist(), strict=True)
        ]

    def _filled(self) -> list[orjson.Fragment]:
        """Write one list of days with a placeholder for each number, and fill it once a node.

        Days of one window differ in their numbers alone, which orjson writes as one array. For a
        hundred series that takes a third of the time of making and writing 1,500 objects.
        """
        numbers, form = self.values.shape[2], self._form()
        blank = [form(day, ["%b"] * numbers, "%b") for day in self.dates]
        text = orjson.dumps(blank).replace(b'"%b"', b"%b")
        of_day = [*range(numbers), *range(1, numbers), numbers]  # bounds are written twice
        pick = itemgetter(
            *(at + (numbers + 1) * day for day in range(len(self.dates)) for at in of_day)
        )
        table = np.concatenate((self.values, self.actual[:, :, None]), axis=2)
        rows = orjson.dumps(table.reshape(len(table), -1), option=orjson.OPT_SERIALIZE_NUMPY)
        return [orjson.Fragment(text % pick(row.split(b","))) for row in rows[2:-2].split(b"],[")]

    def _form(self) -> Callable[[date, Sequence[Any], Any], DayDocument]:
        """Return what makes the object of a day: the one definition of its names and order."""
        sides = [f"{side}_{each}" for each in self.nominals for side in ("lower", "upper")]
        names = ("prediction", *sides)
        places = [(nominal, 2 * at + 1) for at, nominal in enumerate(self.nominals)]

        def form(day: date, values: Sequence[Any], actual: Any) -> DayDocument:
            return {
                "date": day,
                **dict(zip(names, values, strict=True)),
                "intervals": [
                    {"level": nominal, "lower": values[at], "upper": values[at + 1]}
                    for nominal, at in places
                ],
                "actual": actual,
            }

        return form


def days_of(
    forecaster: Forecaster,
    window: ForecastWindow,
    rows: NDArray[np.intp],
    mean: NDArray[np.float64],
    nominals: Sequence[int],
) -> DayForecasts:
    """Return the days of some nodes with their intervals, and the sales of those that have passed.

    Args:
        rows: of the nodes, shape (n,).
        mean: their forecasts in units, shape (n, days).
    """
    snapshot = forecaster.release.engine.snapshot
    sold = snapshot.first_sale[rows] <= window.origin
    bounds = forecaster.release.intervals.bounds_of(
        rows, mean, window.horizons, nominals, sold=sold
    )
    past = window.days[window.days < snapshot.n_days]
    actual = np.full(mean.shape, np.nan)
    actual[:, : len(past)] = snapshot.sales[np.ix_(rows, past)]
    return DayForecasts(
        dates=[snapshot.date_at(day) for day in window.days.tolist()],
        nominals=nominals,
        values=np.stack([mean, *(bound for pair in bounds for bound in pair)], axis=2),
        actual=actual,
    )
