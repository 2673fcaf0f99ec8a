"""Forecasts of many series, with at most one call of the model for each origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property, partial
from typing import Any, NamedTuple, TypeVar

import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from api.forecasts.days import Prediction, forecast
from api.forecasts.nodes import RequestedNode, bottom_row, node_row
from api.forecasts.uncertainty import uncertainty_of
from api.forecasts.windows import ForecastWindow, window_of
from api.http.parsing import validate_document
from api.http.pricing import PARSED_ROWS_OF_A_UNIT, PAST_ORIGIN, PLANNED_ROWS_OF_A_UNIT, charge
from api.schemas.requests import ForecastRequest, Period, SimpleRequest
from errors import Code, Problem
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster
from models.uncertainty import Uncertainty

MAX_PAST_ORIGINS = 4
"""Distinct past origins of a batch: each costs a run of the model over all series."""

_ITEMS_PER_TURN = 20
"""Items that are validated before other requests get the processor."""

_NUMBERS_PER_TURN = 10_000
"""Numbers of an answer that are written before other requests get the processor."""


class ItemKind(NamedTuple):
    """All that a result depends on beside its release and its node.

    Attributes:
        period: that forecasts are added up to; None for a request by store and family, whose
            result has no sums and names its node otherwise.
        date: first day, as it was requested.
        adjusted: whether overrides are wanted, on which the result depends too.
    """

    period: Period | None
    date: date | None
    horizon: int
    wanted: Uncertainty
    adjusted: bool


@dataclass(frozen=True)
class Item:
    """A valid item of a batch: its payload, its row in the hierarchy and its days."""

    payload: SimpleRequest | ForecastRequest
    row: int
    window: ForecastWindow

    @cached_property
    def kind(self) -> ItemKind:
        """All that its result depends on beside its node."""
        payload = self.payload
        period = None if isinstance(payload, SimpleRequest) else payload.period
        wanted = uncertainty_of(payload)
        return ItemKind(period, payload.date, payload.horizon, wanted, payload.adjusted)


PlannedItem = Item | Problem
ForecastsByOrigin = Mapping[int, "OriginForecasts | Problem"]
"""The forecasts of each origin, or the problem with which computing them failed."""


@dataclass(frozen=True)
class OriginForecasts:
    """Forecasts from one origin.

    Attributes:
        rows: of the nodes in the hierarchy, ascending.
        horizons: ascending.
        prediction: shape (rows, horizons).
    """

    rows: NDArray[np.intp]
    horizons: NDArray[np.intp]
    prediction: Prediction

    def of(self, requested: Sequence[RequestedNode], window: ForecastWindow) -> Prediction:
        """Return the forecasts of some nodes and days, shape (nodes, days).

        Args:
            requested: nodes that are all wanted with overrides, or all without.
        """
        at = np.searchsorted(self.horizons, window.horizons)
        rows = np.searchsorted(self.rows, np.array([row for _, row in requested]))
        place = np.ix_(rows, at)
        statistical = self.prediction.statistical[place]
        if not requested[0].payload.adjusted:
            return Prediction(statistical, statistical, adjusted=False)
        return Prediction(statistical, self.prediction.result[place], adjusted=True)


async def plan_items(forecaster: Forecaster, documents: Sequence[Any]) -> list[PlannedItem]:
    """Return each item validated, or its problem; yields to other requests in between."""
    snapshot = forecaster.release.engine.snapshot
    windows = cache(partial(window_of, snapshot))  # most items have the same days
    origins: set[int] = {snapshot.newest_origin}
    planned: list[PlannedItem] = []
    for number, document in enumerate(documents, start=1):
        planned.append(_plan_item(snapshot, document, windows, origins))
        if number % _ITEMS_PER_TURN == 0:
            await anyio.lowlevel.checkpoint()
    return planned


def split_into_slices(planned: Sequence[PlannedItem]) -> Iterator[Sequence[PlannedItem]]:
    """Yield the items in runs whose results are few enough numbers to build without a pause."""
    start, numbers = 0, 0
    for end, item in enumerate(planned):
        wanted = _count_numbers(item)
        if end > start and numbers + wanted > _NUMBERS_PER_TURN:
            yield planned[start:end]
            start, numbers = end, 0
        numbers += wanted
    yield planned[start:]


def _count_numbers(item: PlannedItem) -> int:
    if isinstance(item, Problem):
        return 1
    return len(item.window.horizons) * (2 + item.kind.wanted.count)


def _plan_item(
    snapshot: Snapshot,
    document: Any,
    windows: Callable[[date | None, int], ForecastWindow],
    origins: set[int],
) -> PlannedItem:
    try:
        payload, row = _resolve(snapshot, document)
        window = windows(payload.date, payload.horizon)
    except Problem as problem:
        return problem.as_value()
    if window.origin not in origins and len(origins) > MAX_PAST_ORIGINS:
        detail = (
            f"A batch takes up to {MAX_PAST_ORIGINS} different dates of the past; send this one "
            "in another batch"
        )
        return Problem.in_field(Code.BATCH_TOO_LARGE, "/date", detail)
    origins.add(window.origin)
    return Item(payload, row, window)


def _resolve(snapshot: Snapshot, document: Any) -> tuple[SimpleRequest | ForecastRequest, int]:
    """Return an item and the row of its node: one that names a node or a series, or a store."""
    if isinstance(document, dict) and document.keys() & {"node", "series"}:
        request = validate_document(document, ForecastRequest)
        return request, node_row(snapshot, request)
    simple = validate_document(document, SimpleRequest)
    return simple, bottom_row(snapshot, simple.store_nbr, simple.family)


def is_adjusted(item: PlannedItem) -> bool:
    """Return whether a valid item is to have overrides."""
    return isinstance(item, Item) and item.payload.adjusted


async def charge_rows(request: Request, count: int) -> None:
    """Charge one unit for each item, invalid ones too, before any is validated.

    Raises:
        Problem: RATE_LIMITED or COST_TOO_HIGH.
    """
    await charge(request, count - 1, spent=count // PARSED_ROWS_OF_A_UNIT)


async def charge_origins(
    request: Request, forecaster: Forecaster, planned: Sequence[PlannedItem]
) -> None:
    """Charge the past origins of a batch, which are known once its items are validated.

    A batch that is refused here costs the work of validating its items. That is less than they
    were charged for valid ones, and all of it for invalid ones: a misspelt name takes as long as
    a forecast, because similar names are searched for.

    Raises:
        Problem: RATE_LIMITED or COST_TOO_HIGH.
    """
    newest = forecaster.release.engine.snapshot.newest_origin
    valid = [item for item in planned if isinstance(item, Item)]
    origins = {item.window.origin for item in valid} - {newest}
    spent = len(planned) - len(valid) + -(-len(valid) // PLANNED_ROWS_OF_A_UNIT)
    await charge(request, (PAST_ORIGIN - 1) * len(origins), spent=spent)


async def compute_forecasts(
    forecaster: Forecaster, planned: Sequence[PlannedItem]
) -> ForecastsByOrigin:
    """Compute one forecast for each origin, over the nodes and days that any item wants of it."""
    # The nodes and the horizons of an origin's items are united, the origin is forecast once, and
    # each item takes its row and days from the result (`OriginForecasts.of`). A run per item would
    # repeat what they share, and `charge_origins` charges only one run per origin.
    wanted: dict[int, list[Item]] = {}
    for item in planned:
        if isinstance(item, Item):
            wanted.setdefault(item.window.origin, []).append(item)
    computed: dict[int, OriginForecasts | Problem] = {}
    for origin, items in wanted.items():
        rows = np.array(sorted({item.row for item in items}))
        horizons = _unite_horizons(items)
        try:
            prediction = await forecast(forecaster, ForecastWindow(origin, horizons), rows)
        except Problem as problem:
            computed[origin] = problem.as_value()
        else:
            computed[origin] = OriginForecasts(rows, horizons, prediction)
    return computed


def _unite_horizons(items: Sequence[Item]) -> NDArray[np.intp]:
    windows = {id(item.window): item.window for item in items}  # most items have the same
    first, *others = windows.values()
    if not others:
        return first.horizons
    return np.unique(np.concatenate([first.horizons, *(each.horizons for each in others)]))


Result = TypeVar("Result")
ResultBuilder = Callable[
    [Forecaster, ForecastWindow, Sequence[RequestedNode], Prediction], Sequence[Result]
]
"""Builds the results of nodes of one window from their forecasts, shape (nodes, days)."""


def build_results(
    forecaster: Forecaster,
    planned: Sequence[PlannedItem],
    computed: ForecastsByOrigin,
    make: ResultBuilder[Result],
) -> list[Result | Problem]:
    """Return a result or a problem for each item, in their order.

    Items of one window, with the same intervals and quantiles, are passed to `make` together.
    """
    # `make` works on arrays, so its cost is nearly one of a call and not of a series: items are
    # grouped by all that it takes once for a whole group (`ItemKind`, whose date and horizon decide
    # the window), and their numbers put the results back into the items' order. A parameter of an
    # item that `make` reads from the first series only must be part of the kind.
    results: dict[int, Result | Problem] = {}
    groups: dict[ItemKind, list[tuple[int, Item]]] = {}
    for number, item in enumerate(planned):
        if isinstance(item, Problem):
            results[number] = item
            continue
        of_origin = computed[item.window.origin]
        if isinstance(of_origin, Problem):
            results[number] = of_origin
            continue
        groups.setdefault(item.kind, []).append((number, item))
    for items in groups.values():
        window = items[0][1].window
        of_origin = computed[window.origin]
        assert isinstance(of_origin, OriginForecasts), "the others have their problem already"
        requested = [RequestedNode(item.payload, item.row) for _, item in items]
        built: Sequence[Result | Problem]
        try:
            built = make(forecaster, window, requested, of_origin.of(requested, window))
        except Problem as problem:  # of parameters that all items of the group share
            built = [problem.as_value()] * len(items)
        results |= {number: result for (number, _), result in zip(items, built, strict=True)}
    return [results[number] for number in range(len(planned))]
