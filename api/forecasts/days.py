"""Forecasts of a window's days, in the form of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from api.forecasts.uncertainty import bound_names, lists_builder
from api.forecasts.windows import ForecastWindow
from errors import Code, Problem
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster, RunnerError
from models.serving.planned_forecaster import PlannedForecaster
from models.uncertainty import Uncertainty

COMPUTED = frozenset({Code.INFERENCE_FAILED})
"""Error codes of an operation that runs the model."""


class Prediction(NamedTuple):
    """Coherent forecasts of nodes, with or without overrides.

    Attributes:
        statistical: units that the model forecasts, shape (nodes, days).
        result: the same with the planners' overrides; equal where these are not asked for.
        adjusted: whether they are.
    """

    statistical: NDArray[np.float64]
    result: NDArray[np.float64]
    adjusted: bool

    def of(self, rows: Sequence[int] | NDArray[np.intp]) -> Prediction:
        """Return those of some nodes."""
        return Prediction(self.statistical[rows], self.result[rows], self.adjusted)


async def forecast(
    forecaster: Forecaster, window: ForecastWindow, rows: NDArray[np.intp] | None = None
) -> Prediction:
    """Return coherent forecasts of nodes; with overrides where the forecaster knows them.

    Args:
        rows: of the hierarchy; all nodes by default, which from a past origin costs much more than
            a few.

    Raises:
        Problem: INFERENCE_FAILED; OVERRIDES_UNAVAILABLE.
    """
    with translate_runner_errors():
        if isinstance(forecaster, PlannedForecaster):
            pair = await forecaster.adjusted(window.origin, window.horizons)
            prediction = Prediction(*pair, adjusted=True)
            return prediction if rows is None else prediction.of(rows)
        units = await forecaster.forecast(window.origin, window.horizons, rows)
    return Prediction(units, units, adjusted=False)


async def forecast_sums(
    forecaster: Forecaster, window: ForecastWindow
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return coherent forecasts of all nodes, added up over the days of a window; shape (nodes,).

    Returns:
        Those with overrides, and without them; the second None where the forecaster knows none.

    Raises:
        Problem: INFERENCE_FAILED; OVERRIDES_UNAVAILABLE.
    """
    if isinstance(forecaster, PlannedForecaster):
        prediction = await forecast(forecaster, window)
        return prediction.result.sum(axis=1), prediction.statistical.sum(axis=1)
    with translate_runner_errors():
        return await forecaster.total(window.origin, window.horizons), None


async def forecast_base(forecaster: Forecaster, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return base forecasts in units, shape (n,), of rows of shape (n, features).

    Raises:
        Problem: INFERENCE_FAILED.
    """
    with translate_runner_errors():
        return await forecaster.base(rows)


@contextmanager
def translate_runner_errors() -> Iterator[None]:
    """Raise the failure of a runner as the problem INFERENCE_FAILED."""
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
"""Nodes up to which building one object per day is faster than filling in a template."""


@dataclass(frozen=True)
class DayForecasts:
    """Forecasts of some nodes, day by day, with their intervals and quantiles.

    Attributes:
        dates: of the days, shape (days,).
        wanted: the intervals and quantiles.
        values: prediction; the statistical forecast, if `adjusted`; then the numbers of `wanted`,
            in units; shape (nodes, days, 1 or 2 + numbers).
        actual: units sold, NaN where not known; shape (nodes, days).
        adjusted: whether the prediction has overrides.
    """

    dates: Sequence[date]
    wanted: Uncertainty
    values: NDArray[np.float64]
    actual: NDArray[np.float64]
    adjusted: bool = False

    @property
    def first_bound(self) -> int:
        """Position in `values` of the first bound, or quantile."""
        return 2 if self.adjusted else 1

    def first_days(self) -> list[DayDocument]:
        """Return the first day of each node as `/predict/simple` repeats it: without sales."""
        build_day = self._build_day
        first = [build_day(self.dates[0], values, None) for values in self.values[:, 0].tolist()]
        for day in first:
            del day["actual"]
        return first

    def as_json(self) -> Sequence[list[DayDocument] | orjson.Fragment]:
        """Return the days of each node, for orjson to write: it makes null of NaN."""
        return self._fill_templates() if len(self.values) > FEW_NODES else self._build_objects()

    def _build_objects(self) -> list[list[DayDocument]]:
        build_day = self._build_day
        return [
            list(map(build_day, self.dates, *of_node))
            for of_node in zip(self.values.tolist(), self.actual.tolist(), strict=True)
        ]

    def _fill_templates(self) -> list[orjson.Fragment]:
        """Encode one list of days with a placeholder for each number, and fill it once per node.

        Days of one window differ in their numbers only, which orjson encodes as one array. For a
        hundred series that takes a third of the time of building and encoding 1,500 objects.
        """
        # The template is what `_build_objects` would yield, encoded with the text "%b" for every
        # number and cut at them: a number belongs between any two pieces. The numbers of all nodes
        # are encoded once, as a table with one row a node and, for each day, the prediction, the
        # bounds, the quantiles and the sales, and the encoded rows are split into tokens. The
        # fields of a day are in the order of `_build_day`: first the prediction and the bounds by
        # name, then the bounds again (within `intervals`), the quantiles and the sales; `pick`
        # repeats the tokens in that order. A member that is added or moved in `_build_day` must
        # be so in `of_day`, and no text of a day but these placeholders may be "%b".
        numbers, build_day = self.values.shape[2], self._build_day
        blank = [build_day(day, ["%b"] * numbers, "%b") for day in self.dates]
        pieces = orjson.dumps(blank).split(b'"%b"')
        by_name = self.first_bound + 2 * len(self.wanted.nominals)
        of_day = [*range(by_name), *range(self.first_bound, numbers + 1)]
        pick = itemgetter(
            *(at + (numbers + 1) * day for day in range(len(self.dates)) for at in of_day)
        )
        table = np.concatenate((self.values, self.actual[:, :, None]), axis=2)
        rows = orjson.dumps(table.reshape(len(table), -1), option=orjson.OPT_SERIALIZE_NUMPY)
        written: list[bytes] = [b""] * (2 * len(pieces) - 1)
        written[::2] = pieces
        fragments = []
        for row in rows[2:-2].split(b"],["):
            written[1::2] = pick(row.split(b","))
            fragments.append(orjson.Fragment(b"".join(written)))
        return fragments

    @cached_property
    def _build_day(self) -> Callable[[date, Sequence[Any], Any], DayDocument]:
        """Function that builds the object of a day; it defines its members."""
        bounds = bound_names(self.wanted.nominals)
        names = ("prediction", *(("statistical",) if self.adjusted else ()), *bounds)
        first, by_name = self.first_bound, len(names)
        build_lists = lists_builder(self.wanted)

        def build_day(day: date, values: Sequence[Any], actual: Any) -> DayDocument:
            return {
                "date": day,
                **dict(zip(names, values[:by_name], strict=True)),
                **build_lists(values[first:]),
                "actual": actual,
            }

        return build_day


def sales_of(
    snapshot: Snapshot, window: ForecastWindow, nodes: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the units that some nodes sold on a window's days, NaN where not known.

    Args:
        nodes: indices of the nodes in the hierarchy, shape (n,).

    Returns:
        Sales of shape (nodes, days).
    """
    sales = np.full((len(nodes), len(window.days)), np.nan)
    # The days of a window ascend, so those with known sales are its first.
    if len(past := window.days[window.days < snapshot.n_days]):
        sales[:, : len(past)] = snapshot.sales[nodes[:, None], past]
    return sales


def day_forecasts_of(
    forecaster: Forecaster,
    window: ForecastWindow,
    nodes: NDArray[np.intp],
    prediction: Prediction,
    wanted: Uncertainty,
) -> DayForecasts:
    """Return the days of some nodes with their intervals and quantiles, and sales of past days.

    Intervals and quantiles are those of the statistical forecast: what the model believes, whatever
    planners have made of it.

    Args:
        window: origin and days of the forecasts, which may lie before or after the last known
            sales.
        nodes: indices of the nodes in the hierarchy, shape (n,).
        prediction: their forecasts, shape (n, days).
        wanted: the intervals and quantiles.
    """
    snapshot = forecaster.release.engine.snapshot
    numbers = forecaster.release.evaluate(
        window.origin, nodes, prediction.statistical, window.horizons, wanted
    )
    means = [prediction.result, *([prediction.statistical] if prediction.adjusted else [])]
    values = np.empty((*prediction.result.shape, len(means) + len(numbers)))
    for number, mean in enumerate(means):
        values[:, :, number] = mean
    values[:, :, len(means) :] = numbers.transpose(1, 2, 0)
    return DayForecasts(
        dates=list(map(snapshot.date_at, window.days.tolist())),
        wanted=wanted,
        values=values,
        actual=sales_of(snapshot, window, nodes),
        adjusted=prediction.adjusted,
    )
