"""POST /forecast, any node; POST /predict/simple, a series; and POST /predict, a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from api.forecasts.day_table import DayTable, keys_of_levels
from api.forecasts.days import COMPUTED, Prediction, day_forecasts_of, forecast, forecast_base
from api.forecasts.nodes import RequestedNode, bottom_row, requested_row, row_of_values
from api.forecasts.periods import period_forecasts_of
from api.forecasts.rows import Row, fill_row, whole_row
from api.forecasts.uncertainty import uncertainty_of
from api.forecasts.windows import ForecastWindow, window_of
from api.http.operation import Computation, operation
from api.http.pricing import charge, cost_of_origin, is_past
from api.http.responses import basis_of, known_through, reference
from api.http.tables import Table
from api.http.tags import Tag
from api.schemas.forecasts import ForecastAnswer, RowAnswer, SimpleAnswer
from api.schemas.requests import ForecastRequest, RowRequest, SimpleRequest
from errors import Code, Problem
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM
from middleware.context import context_of
from models.serving.forecaster import Forecaster


@operation("POST", "/predict/simple", Tag.FORECASTS, error_codes=COMPUTED)
async def predict_simple(
    forecaster: Forecaster, payload: SimpleRequest
) -> Computation[SimpleAnswer]:
    """Forecast one bottom series, day by day."""
    snapshot = forecaster.release.engine.snapshot
    row = bottom_row(snapshot, payload.store_nbr, payload.family)
    window = window_of(snapshot, payload.date, payload.horizon)

    async def compute() -> Any:
        prediction = await forecast(forecaster, window, np.array([row]))
        return node_answers(forecaster, window, [RequestedNode(payload, row)], prediction)[0]

    cost, past = cost_of_origin(snapshot, window), is_past(snapshot, window)
    return Computation(compute, cost, shared=past, own=past and payload.adjusted)


@operation(
    "POST",
    "/forecast",
    Tag.FORECASTS,
    tables=True,
    error_codes=COMPUTED | {Code.INTERVALS_UNAVAILABLE},
)
async def forecast_node(
    forecaster: Forecaster, payload: ForecastRequest
) -> Computation[ForecastAnswer]:
    """Forecast a node of any level, day by day, with intervals and quantiles."""
    snapshot = forecaster.release.engine.snapshot
    row = requested_row(snapshot, payload)
    window = window_of(snapshot, payload.date, payload.horizon)

    requested = [RequestedNode(payload, row)]

    async def compute() -> Any:
        prediction = await forecast(forecaster, window, np.array([row]))
        return node_answers(forecaster, window, requested, prediction)[0]

    async def compute_table() -> Table:
        prediction = await forecast(forecaster, window, np.array([row]))
        keys, adjusted = keys_of_levels(snapshot.hierarchy), prediction.adjusted
        days = DayTable(keys, uncertainty_of(payload), whole=True, adjusted=adjusted)
        (rows,) = days.rows(forecaster, window, requested, prediction)
        facts = basis_of(forecaster.release.engine, window, row)
        return Table(days.columns, rows, {**facts, "adjusted": adjusted})

    cost, past = cost_of_origin(snapshot, window), is_past(snapshot, window)
    return Computation(
        compute, cost, shared=past, table=compute_table, own=past and payload.adjusted
    )


def node_answers(
    forecaster: Forecaster,
    window: ForecastWindow,
    requested: Sequence[RequestedNode],
    prediction: Prediction,
) -> list[dict[str, Any]]:
    """Return the answers for nodes with their forecasts, shape (n, days).

    Args:
        requested: of one window, with the same intervals and quantiles; many cost little more
            than one.
    """
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    rows = np.array([row for _, row in requested])
    wanted = uncertainty_of(requested[0].payload)
    days = day_forecasts_of(forecaster, window, rows, prediction, wanted)
    origin, first = snapshot.date_at(window.origin), snapshot.date_at(int(window.days[0]))
    basis = basis_of(engine, window, requested[0].row)
    hierarchy = snapshot.hierarchy
    return [
        {
            **_name_node(hierarchy, payload, row, first_day),
            "date": first,
            "horizon": payload.horizon,
            "adjusted": prediction.adjusted,
            "forecast": of_days,
            **summed,
            "origin": origin,
            "method": method,
            **basis,
            "known_through": known,
        }
        for (payload, row), first_day, of_days, summed, method, known in zip(
            requested,
            days.first_days(),
            days.as_json(),
            _sum_periods(forecaster, window, requested, rows, prediction),
            engine.methods(window.origin, rows),
            known_through(snapshot, window.origin, rows),
            strict=True,
        )
    ]


def _sum_periods(
    forecaster: Forecaster,
    window: ForecastWindow,
    requested: Sequence[RequestedNode],
    rows: NDArray[np.intp],
    prediction: Prediction,
) -> list[dict[str, Any]]:
    """Return the fields of the sums of each request; none for one by store and family."""
    payload = requested[0].payload
    if isinstance(payload, SimpleRequest):
        return [{}] * len(requested)
    sums = period_forecasts_of(
        forecaster, window, rows, prediction, uncertainty_of(payload), payload.period
    )
    return [{"period": payload.period, "periods": each} for each in sums]


def _name_node(
    hierarchy: Hierarchy,
    payload: SimpleRequest | ForecastRequest,
    row: int,
    first_day: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the first fields of an answer: the node, as its request names it."""
    if isinstance(payload, SimpleRequest):
        return {**first_day, "store_nbr": payload.store_nbr, "family": payload.family}
    node = hierarchy.nodes[row]
    values = dict(zip(hierarchy.levels[node.level], node.key, strict=True))
    return {"node": node.id, "level": node.level, "series": values}


@operation("POST", "/predict", Tag.FORECASTS, error_codes=COMPUTED | {Code.INVALID_FEATURES})
async def predict(forecaster: Forecaster, payload: RowRequest, request: Request) -> RowAnswer:
    """Forecast one row of the model, with features from the request: a base forecast."""
    engine = forecaster.release.engine
    snapshot, contract = engine.snapshot, engine.bundle.contract
    reach = snapshot.horizon
    origin = None
    if isinstance(payload.features, list) and payload.date is not None:
        raise _array_with_series()
    if payload.series is None and payload.store_nbr is None and payload.family is None:
        row, filled = (
            whole_row(contract, payload.features, reach=reach),
            [],
        )
    elif payload.series is None and (payload.store_nbr is None or payload.family is None):
        raise _incomplete_series("store_nbr" if payload.store_nbr is None else "family")
    elif isinstance(payload.features, list):
        raise _array_with_series()
    else:
        node = _series_row(snapshot, payload)
        window = window_of(snapshot, payload.date, 1)
        await charge(request, cost_of_origin(snapshot, window))
        known = await anyio.to_thread.run_sync(_row_from_snapshot, forecaster, node, window)
        row = fill_row(contract, payload.features, known, reach=reach)
        filled = [name for name in contract.names if name not in payload.features]
        origin = snapshot.date_at(window.origin)
    context_of(request.scope).rows = row[None]
    units = await forecast_base(forecaster, row[None])
    return RowAnswer(
        prediction=float(units[0]),
        reconciled=False,
        filled=filled,
        origin=origin,
        model_version=engine.bundle.name,
        model_trained_through=engine.bundle.facts.trained_through,
        snapshot=reference(snapshot),
        degraded=False,
    )


def _series_row(snapshot: Snapshot, payload: RowRequest) -> int:
    """Return the row of the bottom series that a request names."""
    if payload.series is not None:
        return row_of_values(snapshot, payload.series, level=BOTTOM)
    assert payload.store_nbr is not None
    assert payload.family is not None
    return bottom_row(snapshot, payload.store_nbr, payload.family)


def _row_from_snapshot(forecaster: Forecaster, node: int, window: ForecastWindow) -> Row:
    """Return the row of a bottom series and the first day of a window, from the snapshot."""
    engine = forecaster.release.engine
    row: Row = engine.rows_of(window.origin, np.array([node]), window.horizons)[0]
    return row


def _incomplete_series(missing: str) -> Problem:
    detail = "Give store_nbr and family both, or neither and all features"
    return Problem.in_field(Code.INVALID_REQUEST, f"/{missing}", detail)


def _array_with_series() -> Problem:
    detail = "An array is the whole row: give it without store_nbr, family and date, or give names"
    return Problem.in_field(Code.INVALID_FEATURES, "/features", detail)
