"""POST /whatif."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import anyio.to_thread

from api.forecasts.changes import Changes, ancestors_of
from api.forecasts.days import COMPUTED, translate_runner_errors
from api.forecasts.nodes import requested_row
from api.forecasts.ways import Way, way_through
from api.forecasts.windows import ForecastWindow, window_of
from api.http.operation import Computation, operation
from api.http.pricing import SCENARIO, SERIES_OF_A_UNIT, cost_of_origin
from api.http.responses import basis_of
from api.http.tags import Tag
from api.schemas.reasons import Applied, WhatifAnswer, WhatifWarning
from api.schemas.requests import Override, WhatifRequest
from errors import Code, FieldError, Problem
from features.data.snapshot import Snapshot
from models.scenario import Adjustment, AdjustmentError, bottoms_below, end_when_unknown
from models.scenario_range import ScenarioWarning, find_shortened, find_unseen_values
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
    row = requested_row(snapshot, payload)
    way = way_through(snapshot.hierarchy, snapshot.hierarchy.nodes[row].level, payload.by)
    window = window_of(snapshot, payload.date, payload.horizon)
    series = len(bottoms_below(snapshot.hierarchy, row))

    async def compute() -> WhatifAnswer:
        requested, adjustments, compared = await _compare(
            forecaster, window, row, payload.adjustments
        )
        changes = Changes.between(
            snapshot.hierarchy, compared.baseline, compared.scenario, compared.predicted
        )
        warnings = find_shortened(snapshot, requested, adjustments)

        def find_unseen() -> list[ScenarioWarning]:
            covariates = forecaster.release.engine.covariates(window.origin)
            return find_unseen_values(covariates, row, adjustments)

        warnings += await anyio.to_thread.run_sync(find_unseen)
        return _whatif_answer(
            forecaster,
            window,
            row,
            changes,
            adjustments,
            compared.levels_as_planned,
            warnings,
            way,
            payload.depth,
        )

    cost = series // SERIES_OF_A_UNIT + cost_of_origin(snapshot, window)
    return Computation(compute, cost, own=True)


def _whatif_answer(
    forecaster: Forecaster,
    window: ForecastWindow,
    row: int,
    changes: Changes,
    adjustments: Sequence[Adjustment],
    levels_as_planned: Sequence[str],
    warnings: Sequence[ScenarioWarning],
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
        ancestors=[changes.node(above) for above in ancestors_of(snapshot.hierarchy, row)],
        children=changes.children(row, way, depth),
        applied=[_describe_applied(snapshot, row, adjustment) for adjustment in adjustments],
        levels_as_planned=list(levels_as_planned),
        warnings=[WhatifWarning(**asdict(each)) for each in warnings],
        moved_by_reconciliation=changes.moved_by_reconciliation(),
        moved_by_shared_features=changes.moved_by_shared_features(row),
        **basis_of(engine, window, row),
    )


async def _compare(
    forecaster: Forecaster, window: ForecastWindow, row: int, overrides: Mapping[str, Override]
) -> tuple[list[Adjustment], list[Adjustment], Comparison]:
    """Return adjustments as requested and as applied, and forecasts without and with them.

    Raises:
        Problem: INVALID_ADJUSTMENT or INFERENCE_FAILED.
    """
    snapshot = forecaster.release.engine.snapshot
    try:
        requested = [
            _resolve_dates(snapshot, window, name, override) for name, override in overrides.items()
        ]
        for adjustment in requested:
            adjustment.check(snapshot.specification)
        end = int(window.days[-1])
        adjustments = [
            end_when_unknown(snapshot, window.origin, end, row, adjustment)
            for adjustment in requested
        ]
        with translate_runner_errors():
            compared = await forecaster.compare(window.origin, window.horizons, row, adjustments)
    except AdjustmentError as error:
        place = [error.covariate.replace("~", "~0").replace("/", "~1"), error.field]
        pointer = "/".join(("/adjustments", *filter(None, place)))
        fault = FieldError(pointer, str(error))
        raise Problem(Code.INVALID_ADJUSTMENT, str(error), errors=[fault]) from None
    return requested, adjustments, compared


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
