"""POST /predict/simple, a series; and POST /predict, a row of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, basis_of, known_through, reference
from api.costs import charge_origin, is_past
from api.days import base, days_of, forecast
from api.nodes import bottom_row
from api.parsing import read_json
from api.response_cache import cached_response
from api.rows import Row, filled_row, whole_row
from api.schemas.forecasts import RowAnswer
from api.schemas.requests import RowRequest, SimpleRequest
from api.windows import ForecastWindow, window_of
from errors import Code, Problem
from features.matrix import known_covariates
from models.forecaster import Forecaster


async def predict_simple(forecaster: Forecaster, request: Request) -> Response:
    """One bottom series, day by day."""
    asked = await read_json(request, SimpleRequest)
    snapshot = forecaster.release.engine.snapshot
    row = bottom_row(snapshot, asked.store_nbr, asked.family)
    window = window_of(snapshot, asked.date, asked.horizon)
    await charge_origin(request, snapshot, window)

    async def compute() -> dict[str, Any]:
        mean = (await forecast(forecaster, window))[[row]]
        return simple_answers(forecaster, window, [Series(asked, row)], mean)[0]

    return await cached_response(
        forecaster, request, asked, compute, shared=is_past(snapshot, window)
    )


class Series(NamedTuple):
    """A bottom series that is asked for, and its row in the hierarchy."""

    asked: SimpleRequest
    row: int


def simple_answers(
    forecaster: Forecaster,
    window: ForecastWindow,
    series: Sequence[Series],
    mean: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """What is told of bottom series with the forecasts `mean`, shape (n, days).

    Args:
        series: with one window and the same intervals; together they cost little more than one.
    """
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    rows = np.array([row for _, row in series])
    days = days_of(forecaster, window, rows, mean, series[0].asked.intervals)
    origin, first = snapshot.date_at(window.origin), snapshot.date_at(int(window.days[0]))
    basis = basis_of(engine, window, series[0].row)
    return [
        {
            **first_day,
            "store_nbr": asked.store_nbr,
            "family": asked.family,
            "date": first,
            "horizon": asked.horizon,
            "forecast": of_days,
            "origin": origin,
            "method": method,
            **basis,
            "known_through": known,
        }
        for (asked, _), first_day, of_days, method, known in zip(
            series,
            days.first_days(),
            days.as_json(),
            engine.methods(window.origin, rows),
            known_through(snapshot, window.origin, rows),
            strict=True,
        )
    ]


async def predict(forecaster: Forecaster, request: Request) -> Response:
    """One row of the model with features that the caller gives: a base forecast."""
    asked = await read_json(request, RowRequest)
    engine = forecaster.release.engine
    snapshot, contract = engine.snapshot, engine.bundle.contract
    origin = None
    if isinstance(asked.features, list) and asked.date is not None:
        raise _not_both()
    if asked.store_nbr is None and asked.family is None:
        row, filled = whole_row(contract, asked.features), []
    elif asked.store_nbr is None or asked.family is None:
        raise _alone("store_nbr" if asked.store_nbr is None else "family")
    elif isinstance(asked.features, list):
        raise _not_both()
    else:
        node = bottom_row(snapshot, asked.store_nbr, asked.family)
        window = window_of(snapshot, asked.date, 1)
        await charge_origin(request, snapshot, window)
        known = await anyio.to_thread.run_sync(_row_of, forecaster, node, window)
        row = filled_row(contract, asked.features, known)
        filled = [name for name in contract.names if name not in asked.features]
        origin = snapshot.date_at(window.origin)
    units = await base(forecaster, row[None])
    return answer(
        RowAnswer(
            prediction=float(units[0]),
            reconciled=False,
            filled=filled,
            origin=origin,
            model_version=engine.bundle.name,
            model_trained_through=engine.bundle.facts.trained_through,
            snapshot=reference(snapshot),
            degraded=False,
        )
    )


def _row_of(forecaster: Forecaster, node: int, window: ForecastWindow) -> Row:
    """The row of a bottom series and a day, as the snapshot knows it."""
    engine = forecaster.release.engine
    covariates = known_covariates(engine.snapshot, window.origin)
    state = engine.state(window.origin)
    row: Row = engine.builder.matrix(state, covariates, np.array([node]), window.horizons)[0]
    return row


def _alone(missing: str) -> Problem:
    detail = "Give store_nbr and family both, or neither and all features"
    return Problem.in_field(Code.INVALID_REQUEST, f"/{missing}", detail)


def _not_both() -> Problem:
    detail = "An array is the whole row: give it without store_nbr, family and date, or give names"
    return Problem.in_field(Code.INVALID_FEATURES, "/features", detail)
