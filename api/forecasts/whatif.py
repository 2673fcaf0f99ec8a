"""POST /whatif."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.forecasts.days import COMPUTED, translate_runner_errors
from api.forecasts.nodes import node_row
from api.forecasts.ways import Way, way_through
from api.forecasts.windows import ForecastWindow, window_of
from api.http.operation import Computation, operation
from api.http.pricing import SCENARIO, SERIES_OF_A_UNIT, cost_of_origin
from api.http.responses import basis_of
from api.http.tags import Tag
from api.schemas.reasons import Applied, ChildChange, DayChange, NodeChange, WhatifAnswer
from api.schemas.requests import Override, WhatifRequest
from errors import Code, FieldError, Problem
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM
from models.scenario import Adjustment, AdjustmentError, bottoms_below
from models.serving.forecaster import Comparison, Forecaster
from storage.keys import Scope


@operation(
    "POST",
    "/whatif",
    Tag.REASONS,
    error_codes=COMPUTED | {Code.INVALID_ADJUSTMENT},
    scope=Scope.WHATIF,
    cost=SCENARIO,
)
async def whatif(forecaster: Forecaster, payload: WhatifRequest) -> Computation[WhatifAnswer]:
    """Compare a node's forecast with a scenario in which covariates are overridden."""
    snapshot = forecaster.release.engine.snapshot
    row = node_row(snapshot, payload)
    way = way_through(snapshot.hierarchy, snapshot.hierarchy.nodes[row].level, payload.by)
    window = window_of(snapshot, payload.date, payload.horizon)
    series = len(bottoms_below(snapshot.hierarchy, row))

    async def compute() -> WhatifAnswer:
        adjustments, compared = await _compare(forecaster, window, row, payload.adjustments)
        changes = Changes.of(snapshot.hierarchy, compared)
        return _whatif_answer(forecaster, window, row, changes, adjustments, way, payload.depth)

    cost = series // SERIES_OF_A_UNIT + cost_of_origin(snapshot, window)
    return Computation(compute, cost)


def _whatif_answer(
    forecaster: Forecaster,
    window: ForecastWindow,
    row: int,
    changes: Changes,
    adjustments: Sequence[Adjustment],
    way: Way,
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
        applied=[_describe_applied(snapshot, row, adjustment) for adjustment in adjustments],
        moved_by_reconciliation=changes.moved_by_reconciliation(),
        moved_by_shared_features=changes.moved_by_shared_features(row),
        **basis_of(engine, window, row),
    )


async def _compare(
    forecaster: Forecaster, window: ForecastWindow, row: int, overrides: Mapping[str, Override]
) -> tuple[list[Adjustment], Comparison]:
    """Return the adjustments, and forecasts of all nodes without and with them.

    Raises:
        Problem: INVALID_ADJUSTMENT or INFERENCE_FAILED.
    """
    snapshot = forecaster.release.engine.snapshot
    try:
        adjustments = [
            _resolve_dates(snapshot, window, name, override) for name, override in overrides.items()
        ]
        for adjustment in adjustments:
            adjustment.check(snapshot.specification)
        with translate_runner_errors():
            compared = await forecaster.compare(window.origin, window.horizons, row, adjustments)
    except AdjustmentError as error:
        place = [error.covariate.replace("~", "~0").replace("/", "~1"), error.field]
        pointer = "/".join(("/adjustments", *filter(None, place)))
        fault = FieldError(pointer, str(error))
        raise Problem(Code.INVALID_ADJUSTMENT, str(error), errors=[fault]) from None
    return adjustments, compared


def _resolve_dates(
    snapshot: Snapshot, window: ForecastWindow, covariate: str, override: Override
) -> Adjustment:
    """Return an override with its days: where it names none, all days of the window."""
    first, last = override.first, override.last
    return Adjustment(
        covariate=covariate,
        op=override.op,
        value=override.value,
        first=int(window.days[0]) if first is None else snapshot.index_of(first),
        last=int(window.days[-1]) if last is None else snapshot.index_of(last),
    )


def _describe_applied(snapshot: Snapshot, row: int, adjustment: Adjustment) -> Applied:
    return {
        "covariate": adjustment.covariate,
        "op": adjustment.op,
        "value": adjustment.value,
        "from": snapshot.date_at(adjustment.first),
        "to": snapshot.date_at(adjustment.last),
        "series": len(bottoms_below(snapshot.hierarchy, row)),
        "days": adjustment.last - adjustment.first + 1,
    }


def _ancestors(hierarchy: Hierarchy, row: int) -> list[int]:
    """Return the rows of the nodes that this one is a part of, the nearest first."""
    own = set(hierarchy.levels[hierarchy.nodes[row].level])
    above = [level for level, columns in hierarchy.levels.items() if set(columns) < own]
    return [int(hierarchy.ancestor(level)[row]) for level in reversed(above)]


_ROUNDING = 1e-9
"""Rounding error by which two solutions of one system may differ, relative to the baseline."""


@dataclass(frozen=True)
class Changes:
    """Changes of every node's forecast in a scenario.

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

    def children(self, row: int, way: Way, depth: int) -> list[ChildChange]:
        """Return the changes of the nodes below one, `depth` levels deep."""
        level = self.hierarchy.nodes[row].level
        if level == BOTTOM or not depth:
            return []
        below = way[way.index(level) + 1]
        rows: Sequence[int] = self.hierarchy.children(level, below).get(row, ())
        nodes = [(child, self.hierarchy.nodes[child]) for child in rows]
        return [
            ChildChange(
                node.id, node.level, *self._sums(child), self.children(child, way, depth - 1)
            )
            for child, node in nodes
        ]

    def moved_by_reconciliation(self) -> list[str]:
        """Return the ids of bottom series that moved although their own rows are unaltered."""
        allowed = _ROUNDING * np.maximum(self.baseline, 1)
        moved = (np.abs(self.delta) > allowed).any(axis=1) & ~self.predicted
        moved[: self.hierarchy.n_upper] = False
        return [self.hierarchy.nodes[row].id for row in np.flatnonzero(moved)]

    def moved_by_shared_features(self, row: int) -> int:
        """Return the number of bottom series with altered rows that are not below a node."""
        own = self.predicted[self.hierarchy.n_upper :].copy()
        own[bottoms_below(self.hierarchy, row)] = False
        return int(own.sum())

    def _sums(self, row: int) -> tuple[float, float, float]:
        return (
            float(self.baseline[row].sum()),
            float(self.scenario[row].sum()),
            float(self.delta[row].sum()),
        )
