"""GET /accuracy/series: which series are hard to forecast."""

from __future__ import annotations

import math

import anyio.to_thread
import numpy as np

from api.forecasts.days import COMPUTED, forecast
from api.forecasts.nodes import rows_of_level
from api.forecasts.windows import ForecastWindow
from api.http.operation import Computation, operation
from api.http.pricing import cost_of_origin
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.facts import NodeAccuracyAnswer, NodeErrors
from api.schemas.requests import NodeAccuracyQuery
from errors import Code, Problem
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.state import first_origin
from models.exceptions import RECENT_DAYS
from models.node_accuracy import NodeAccuracy, measure_nodes, order_nodes
from models.serving.forecaster import Forecaster


@operation("GET", "/accuracy/series", Tag.FACTS, etag=True, error_codes=COMPUTED)
async def accuracy_by_series(
    forecaster: Forecaster, query: NodeAccuracyQuery
) -> Computation[NodeAccuracyAnswer]:
    """Return the errors of single nodes, in a forecast of the last known days.

    It is made as it would have been made before these days.
    """
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    rows = rows_of_level(snapshot.hierarchy, query.level)
    window = _measured_window(snapshot, query)

    async def compute() -> NodeAccuracyAnswer:
        mean = (await forecast(forecaster, window)).statistical
        measured = await anyio.to_thread.run_sync(
            measure_nodes, snapshot, window.origin, mean, rows
        )
        ordered = order_nodes(measured, query.order)
        listed = ordered[query.offset : query.offset + query.limit]
        first, trained_through = int(window.days[0]), engine.bundle.facts.trained_through
        return NodeAccuracyAnswer(
            date=snapshot.date_at(first),
            horizon=len(window.horizons),
            origin=snapshot.date_at(window.origin),
            level=query.level,
            order=query.order,
            nodes=len(measured),
            series=[_errors_of(snapshot.hierarchy, node) for node in listed],
            in_sample=snapshot.date_at(first) <= trained_through,
            model_version=engine.bundle.name,
            model_trained_through=trained_through,
            snapshot=reference(snapshot),
            degraded=False,
        )

    return Computation(compute, cost_of_origin(snapshot, window))


def _measured_window(snapshot: Snapshot, query: NodeAccuracyQuery) -> ForecastWindow:
    """Return the last known days, from the origin before them.

    Raises:
        Problem: INVALID_HORIZON: a forecast does not reach so far, or began before the first one
            that there can be.
    """
    step = snapshot.step
    most = min(snapshot.horizon, snapshot.newest_origin - first_origin(step))
    days = query.horizon or min(step.steps_in(RECENT_DAYS), max(most, 1))
    if days > most:
        detail = (
            f"The sales measure a forecast of at most {most} {step}s, not {days}"
            if most > 0
            else "The sales are too few to measure a forecast"
        )
        raise Problem.in_field(Code.INVALID_HORIZON, "horizon", detail)
    return ForecastWindow(snapshot.newest_origin - days, np.arange(1, days + 1))


def _errors_of(hierarchy: Hierarchy, measured: NodeAccuracy) -> NodeErrors:
    node = hierarchy.nodes[measured.row]
    return NodeErrors(
        node=node.id,
        level=node.level,
        days=measured.days,
        units_sold=measured.sold,
        units_forecast=measured.forecast,
        units_wrong=measured.wrong,
        wape=_none_for_nan(measured.wape),
        bias=_none_for_nan(measured.bias),
        rmsle=_none_for_nan(measured.rmsle),
        baselines={rule.value: _none_for_nan(wape) for rule, wape in measured.baselines.items()},
    )


def _none_for_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
