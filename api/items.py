"""Many series at once: at most one call of the model for each origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.days import forecast
from api.nodes import bottom_row
from api.parsing import checked
from api.predict import simple_answer
from api.schemas import SimpleRequest
from api.windows import Window, window_of
from errors import Code, FieldError, Problem
from models.forecaster import Forecaster

MAX_PAST_ORIGINS = 4
"""Distinct past origins of a batch: each costs a run of the model over all series."""


@dataclass(frozen=True)
class Item:
    """A part of a batch that can be answered."""

    asked: SimpleRequest
    row: int
    window: Window


Planned = Item | Problem
Computed = Mapping[int, "OfOrigin | Problem"]
"""What the model said for each origin."""


@dataclass(frozen=True)
class OfOrigin:
    """Forecasts of all nodes from one origin; `values` of shape (nodes, horizons)."""

    horizons: NDArray[np.intp]
    values: NDArray[np.float64]

    def of(self, item: Item) -> NDArray[np.float64]:
        """The forecasts of an item's series and days, shape (days,)."""
        at = np.searchsorted(self.horizons, item.window.horizons)
        values: NDArray[np.float64] = self.values[item.row, at]
        return values


def plan(forecaster: Forecaster, documents: Sequence[Any]) -> list[Planned]:
    """What each item asks for, or what is wrong with it."""
    origins: set[int] = {forecaster.pair.engine.snapshot.newest_origin}
    return [_planned(forecaster, document, origins) for document in documents]


def _planned(forecaster: Forecaster, document: Any, origins: set[int]) -> Planned:
    snapshot = forecaster.pair.engine.snapshot
    try:
        asked = checked(document, SimpleRequest)
        row = bottom_row(snapshot, asked.store_nbr, asked.family)
        window = window_of(snapshot, asked.date, asked.horizon)
    except Problem as problem:
        return problem
    if window.origin not in origins and len(origins) > MAX_PAST_ORIGINS:
        detail = (
            f"A batch takes up to {MAX_PAST_ORIGINS} different dates of the past; send this one "
            "in another batch"
        )
        return Problem(
            Code.BATCH_TOO_LARGE, f"/date: {detail}.", errors=[FieldError("/date", detail)]
        )
    origins.add(window.origin)
    return Item(asked, row, window)


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
            values = await forecast(forecaster, Window(origin, horizons))
        except Problem as problem:
            computed[origin] = problem
        else:
            computed[origin] = OfOrigin(horizons, values)
    return computed


def result(forecaster: Forecaster, item: Planned, computed: Computed) -> dict[str, Any] | Problem:
    """What is told of one item."""
    if isinstance(item, Problem):
        return item
    found = computed[item.window.origin]
    if isinstance(found, Problem):
        return found
    return simple_answer(forecaster, item.asked, item.window, item.row, found.of(item))
