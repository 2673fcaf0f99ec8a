"""POST /whatif."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from api.answers import basis_of
from api.costs import SERIES_OF_A_UNIT, charge, charge_origin
from api.days import failing
from api.nodes import node_row
from api.parsing import read_json
from api.response_cache import cached_response
from api.schemas.reasons import Applied, ChildChange, DayChange, NodeChange, WhatifAnswer
from api.schemas.requests import Override, WhatifRequest
from api.tree import DEFAULT_WAY
from api.windows import ForecastWindow, window_of
from errors import Code, FieldError, Problem
from features.hierarchy import BOTTOM, TOTAL, Hierarchy
from features.snapshot import Snapshot
from models.forecaster import Comparison, Forecaster
from models.scenario import Adjustment, AdjustmentError, bottoms_below


async def whatif(forecaster: Forecaster, request: Request) -> Response:
    """A node's forecast without and with adjustments, and what else they move."""
    asked = await read_json(request, WhatifRequest)
    snapshot = forecaster.release.engine.snapshot
    row = node_row(snapshot, asked.store_nbr, asked.family)
    way = _way(snapshot.hierarchy.nodes[row].level, asked.by)
    window = window_of(snapshot, asked.date, asked.horizon)
    series = len(bottoms_below(snapshot.hierarchy, row))
    await charge(request, series // SERIES_OF_A_UNIT)
    await charge_origin(request, snapshot, window)

    async def compute() -> WhatifAnswer:
        adjustments, compared = await _compared(forecaster, window, row, asked.adjustments)
        changes = Changes.of(snapshot.hierarchy, compared)
        return _told(forecaster, window, row, changes, adjustments, way, asked.depth)

    return await cached_response(forecaster, request, asked, compute, shared=True)


def _told(
    forecaster: Forecaster,
    window: ForecastWindow,
    row: int,
    changes: Changes,
    adjustments: Sequence[Adjustment],
    way: str,
    depth: int,
) -> WhatifAnswer:
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    node, of_node = snapshot.hierarchy.nodes[row], changes.node(row)
    return WhatifAnswer(
        node=node.id,
        level=node.level,
        date=snapshot.date_at(int(window.days[0])),
        horizon=len(window.horizons),
        origin=snapshot.date_at(window.origin),
        baseline=of_node.baseline,
        scenario=of_node.scenario,
        delta=of_node.delta,
        delta_pct=100 * of_node.delta / of_node.baseline if of_node.baseline else None,
        days=changes.days(snapshot, window, row),
        ancestors=[changes.node(above) for above in _ancestors(snapshot.hierarchy, row)],
        children=changes.children(row, way, depth),
        applied=[_applied(snapshot, row, adjustment) for adjustment in adjustments],
        moved_by_reconciliation=changes.moved_by_reconciliation(),
        moved_by_shared_features=changes.moved_by_shared_features(row),
        **basis_of(engine, window, row),
    )


async def _compared(
    forecaster: Forecaster, window: ForecastWindow, row: int, asked: Mapping[str, Override]
) -> tuple[list[Adjustment], Comparison]:
    """The adjustments as they were understood, and forecasts of all nodes without and with them.

    Raises:
        Problem: INVALID_ADJUSTMENT or INFERENCE_FAILED.
    """
    snapshot = forecaster.release.engine.snapshot
    try:
        adjustments = [
            _adjustment(snapshot, window, name, override) for name, override in asked.items()
        ]
        with failing():
            compared = await forecaster.compare(window.origin, window.horizons, row, adjustments)
    except AdjustmentError as error:
        place = [error.covariate.replace("~", "~0").replace("/", "~1"), error.field]
        pointer = "/".join(("/adjustments", *filter(None, place)))
        fault = FieldError(pointer, str(error))
        raise Problem(Code.INVALID_ADJUSTMENT, str(error), errors=[fault]) from None
    return adjustments, compared


def _adjustment(
    snapshot: Snapshot, window: ForecastWindow, covariate: str, override: Override
) -> Adjustment:
    """An override with its days, which are all of the window where none are given."""
    first, last = override.first, override.last
    return Adjustment(
        covariate=covariate,
        op=override.op,
        value=override.value,
        first=int(window.days[0]) if first is None else snapshot.index_of(first),
        last=int(window.days[-1]) if last is None else snapshot.index_of(last),
    )


def _applied(snapshot: Snapshot, row: int, adjustment: Adjustment) -> Applied:
    return {
        "covariate": adjustment.covariate,
        "op": adjustment.op,
        "value": adjustment.value,
        "from": snapshot.date_at(adjustment.first),
        "to": snapshot.date_at(adjustment.last),
        "series": len(bottoms_below(snapshot.hierarchy, row)),
        "days": adjustment.last - adjustment.first + 1,
    }


def _way(level: str, by: str | None) -> str:
    """The level between total and bottom that children are shown by.

    Raises:
        Problem: INVALID_REQUEST: the node's children are not on the way asked for.
    """
    if level in (TOTAL, BOTTOM):
        return by or DEFAULT_WAY
    if by not in (None, level):
        detail = f"A {level} is not divided by {by}; leave out by, or ask by={level}."
        raise Problem(Code.INVALID_REQUEST, detail, errors=[FieldError("/by", detail)])
    return level


def _ancestors(hierarchy: Hierarchy, row: int) -> list[int]:
    """Rows of the nodes of which this one is a part, the nearest first."""
    own = set(hierarchy.levels[hierarchy.nodes[row].level])
    above = [level for level, columns in hierarchy.levels.items() if set(columns) < own]
    return [int(hierarchy.ancestor(level)[row]) for level in reversed(above)]


_ROUNDING = 1e-9
"""Relative to the baseline: what two solutions of one system may differ by."""


@dataclass(frozen=True)
class Changes:
    """What a scenario changes at every node.

    Attributes:
        predicted: nodes whose own rows were altered, shape (nodes,).
        baseline, scenario, delta: units, shape (nodes, days). Deltas are those of the bottom
            series added up, so that they add up even where they are small beside the forecasts.
    """

    hierarchy: Hierarchy
    predicted: NDArray[np.bool_]
    baseline: NDArray[np.float64]
    scenario: NDArray[np.float64]
    delta: NDArray[np.float64]

    @classmethod
    def of(cls, hierarchy: Hierarchy, compared: Comparison) -> Changes:
        bottoms = (compared.scenario - compared.baseline)[hierarchy.n_upper :]
        delta = hierarchy.aggregate(bottoms)
        return cls(hierarchy, compared.predicted, compared.baseline, compared.scenario, delta)

    def days(self, snapshot: Snapshot, window: ForecastWindow, row: int) -> list[DayChange]:
        values = (self.baseline[row], self.scenario[row], self.delta[row])
        return [
            DayChange(snapshot.date_at(int(day)), *map(float, of_day))
            for day, *of_day in zip(window.days, *values, strict=True)
        ]

    def node(self, row: int) -> NodeChange:
        node = self.hierarchy.nodes[row]
        return NodeChange(node.id, node.level, *self._sums(row))

    def children(self, row: int, way: str, depth: int) -> list[ChildChange]:
        """The nodes below one, `depth` levels deep."""
        level = self.hierarchy.nodes[row].level
        below = {TOTAL: way, way: BOTTOM}.get(level)
        if below is None or not depth:
            return []
        rows: Sequence[int] = self.hierarchy.children(level, below).get(row, ())
        nodes = [(child, self.hierarchy.nodes[child]) for child in rows]
        return [
            ChildChange(
                node.id, node.level, *self._sums(child), self.children(child, way, depth - 1)
            )
            for child, node in nodes
        ]

    def moved_by_reconciliation(self) -> list[str]:
        """Ids of bottom series that moved though their own rows are as they were."""
        allowed = _ROUNDING * np.maximum(self.baseline, 1)
        moved = (np.abs(self.delta) > allowed).any(axis=1) & ~self.predicted
        moved[: self.hierarchy.n_upper] = False
        return [self.hierarchy.nodes[row].id for row in np.flatnonzero(moved)]

    def moved_by_shared_features(self, row: int) -> int:
        """How many bottom series that are not below a node have altered rows."""
        own = self.predicted[self.hierarchy.n_upper :].copy()
        own[bottoms_below(self.hierarchy, row)] = False
        return int(own.sum())

    def _sums(self, row: int) -> tuple[float, float, float]:
        return (
            float(self.baseline[row].sum()),
            float(self.scenario[row].sum()),
            float(self.delta[row].sum()),
        )
