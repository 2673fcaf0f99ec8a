"""Many series at once: at most one call of the model for each origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import Any, TypeVar

import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from api.costs import PARSED_ROWS_OF_A_UNIT, PAST_ORIGIN, PLANNED_ROWS_OF_A_UNIT, charge
from api.days import forecast
from api.nodes import bottom_row
from api.parsing import checked
from api.predict import Series
from api.schemas.requests import SimpleRequest
from api.windows import ForecastWindow, window_of
from errors import Code, Problem
from features.snapshot import Snapshot
from models.forecaster import Forecaster

MAX_PAST_ORIGINS = 4
"""Distinct past origins of a batch: each costs a run of the model over all series."""


_ITEMS_AT_ONCE = 20
"""Items that are checked before other requests get the processor."""

_NUMBERS_AT_ONCE = 10_000
"""Numbers of an answer that are written before other requests get the processor."""


@dataclass(frozen=True)
class Item:
    """A part of a batch that can be answered."""

    asked: SimpleRequest
    row: int
    window: ForecastWindow


Planned = Item | Problem
Computed = Mapping[int, "OfOrigin | Problem"]
"""What the model said for each origin."""


@dataclass(frozen=True)
class OfOrigin:
    """Forecasts of all nodes from one origin; `values` of shape (nodes, horizons)."""

    horizons: NDArray[np.intp]
    values: NDArray[np.float64]

    def of(self, series: Sequence[Series], window: ForecastWindow) -> NDArray[np.float64]:
        """The forecasts of some series and days, shape (series, days)."""
        at = np.searchsorted(self.horizons, window.horizons)
        rows = np.array([row for _, row in series])
        values: NDArray[np.float64] = self.values[np.ix_(rows, at)]
        return values


async def plan(forecaster: Forecaster, documents: Sequence[Any]) -> list[Planned]:
    """What each item asks for, or what is wrong with it; other requests go on in between."""
    snapshot = forecaster.release.engine.snapshot
    windows = cache(partial(window_of, snapshot))  # most items ask for the same days
    origins: set[int] = {snapshot.newest_origin}
    planned: list[Planned] = []
    for number, document in enumerate(documents, start=1):
        planned.append(_planned(snapshot, document, windows, origins))
        if number % _ITEMS_AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
    return planned


def slices(planned: Sequence[Planned]) -> Iterator[Sequence[Planned]]:
    """Yield the items in runs whose results are so few numbers that they are made at once."""
    start, numbers = 0, 0
    for end, item in enumerate(planned):
        wanted = _numbers_of(item)
        if end > start and numbers + wanted > _NUMBERS_AT_ONCE:
            yield planned[start:end]
            start, numbers = end, 0
        numbers += wanted
    yield planned[start:]


def _numbers_of(item: Planned) -> int:
    if isinstance(item, Problem):
        return 1
    return len(item.window.horizons) * (2 + 2 * len(item.asked.intervals))


def _planned(
    snapshot: Snapshot,
    document: Any,
    windows: Callable[[date | None, int], ForecastWindow],
    origins: set[int],
) -> Planned:
    try:
        asked = checked(document, SimpleRequest)
        row = bottom_row(snapshot, asked.store_nbr, asked.family)
        window = windows(asked.date, asked.horizon)
    except Problem as problem:
        return problem.as_value()
    if window.origin not in origins and len(origins) > MAX_PAST_ORIGINS:
        detail = (
            f"A batch takes up to {MAX_PAST_ORIGINS} different dates of the past; send this one "
            "in another batch"
        )
        return Problem.in_field(Code.BATCH_TOO_LARGE, "/date", detail)
    origins.add(window.origin)
    return Item(asked, row, window)


async def charge_rows(request: Request, count: int) -> None:
    """Charge one unit for each item, wrong ones too, before any is checked.

    Raises:
        Problem: RATE_LIMITED or COST_TOO_HIGH.
    """
    await charge(request, count - 1, spent=count // PARSED_ROWS_OF_A_UNIT)


async def charge_origins(
    request: Request, forecaster: Forecaster, planned: Sequence[Planned]
) -> None:
    """Charge what the past origins of a batch cost, which only its items tell.

    A batch that is refused for them keeps what its items were charged only as far as checking
    them was work: a misspelt one takes as long as a forecast, because near names are looked for.

    Raises:
        Problem: RATE_LIMITED or COST_TOO_HIGH.
    """
    newest = forecaster.release.engine.snapshot.newest_origin
    good = [item for item in planned if isinstance(item, Item)]
    origins = {item.window.origin for item in good} - {newest}
    spent = len(planned) - len(good) + -(-len(good) // PLANNED_ROWS_OF_A_UNIT)
    await charge(request, (PAST_ORIGIN - 1) * len(origins), spent=spent)


async def compute(forecaster: Forecaster, planned: Sequence[Planned]) -> Computed:
    """One forecast for each origin, over the days that any item wants of it."""
    wanted: dict[int, list[NDArray[np.intp]]] = {}
    for item in planned:
        if isinstance(item, Item):
            wanted.setdefault(item.window.origin, []).append(item.window.horizons)
    computed: dict[int, OfOrigin | Problem] = {}
    for origin, each in wanted.items():
        horizons = np.unique(np.concatenate(each))
        try:
            values = await forecast(forecaster, ForecastWindow(origin, horizons))
        except Problem as problem:
            computed[origin] = problem.as_value()
        else:
            computed[origin] = OfOrigin(horizons, values)
    return computed


Result = TypeVar("Result")
Make = Callable[
    [Forecaster, ForecastWindow, Sequence[Series], NDArray[np.float64]], Sequence[Result]
]
"""Makes the results of series of one window, of their forecasts in units, shape (series, days)."""


def results(
    forecaster: Forecaster, planned: Sequence[Planned], computed: Computed, make: Make[Result]
) -> list[Result | Problem]:
    """Return a result or a problem for each item, in their order.

    Items of one window and the same intervals are made together.
    """
    done: dict[int, Result | Problem] = {}
    together: dict[Any, list[tuple[int, Item]]] = {}
    for number, item in enumerate(planned):
        if isinstance(item, Problem):
            done[number] = item
            continue
        of_origin = computed[item.window.origin]
        if isinstance(of_origin, Problem):
            done[number] = of_origin
            continue
        key = (item.asked.date, item.asked.horizon, item.asked.intervals)
        together.setdefault(key, []).append((number, item))
    for items in together.values():
        window = items[0][1].window
        found = computed[window.origin]
        assert isinstance(found, OfOrigin), "the others have their problem already"
        series = [Series(item.asked, item.row) for _, item in items]
        made = make(forecaster, window, series, found.of(series, window))
        done |= {number: one for (number, _), one in zip(items, made, strict=True)}
    return [done[number] for number in range(len(planned))]
