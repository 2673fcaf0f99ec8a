"""POST /predict/simple, a series; and POST /predict, a row of the model."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, reference
from api.days import base, days_of, forecast
from api.nodes import bottom_row
from api.parsing import read_json
from api.rows import Row, filled_row, whole_row
from api.schemas import RowAnswer, RowRequest, SimpleAnswer, SimpleRequest
from api.windows import Window, window_of
from errors import Code, FieldError, Problem
from features.matrix import known_covariates
from models.forecaster import Forecaster


async def predict_simple(forecaster: Forecaster, request: Request) -> Response:
    """One bottom series, day by day."""
    asked = await read_json(request, SimpleRequest)
    snapshot = forecaster.pair.engine.snapshot
    row = bottom_row(snapshot, asked.store_nbr, asked.family)
    window = window_of(snapshot, asked.date, asked.horizon)
    mean = (await forecast(forecaster, window))[row]
    return answer(simple_answer(forecaster, asked, window, row, mean))


def simple_answer(
    forecaster: Forecaster,
    asked: SimpleRequest,
    window: Window,
    row: int,
    mean: NDArray[np.float64],
) -> dict[str, Any]:
    """What is told of a bottom series with the forecasts `mean`, shape (days,)."""
    engine = forecaster.pair.engine
    snapshot = engine.snapshot
    days = days_of(forecaster, window, row, mean, asked.intervals)
    trained_through = engine.bundle.facts.trained_through
    first = snapshot.date_at(int(window.days[0]))
    told = SimpleAnswer(
        store_nbr=asked.store_nbr,
        family=asked.family,
        date=first,
        horizon=asked.horizon,
        forecast=days,
        origin=snapshot.date_at(window.origin),
        method=engine.methods(window.origin, np.array([row]))[0],
        model_version=engine.bundle.name,
        model_trained_through=trained_through,
        in_sample=first <= trained_through,
        known_through={
            "onpromotion": snapshot.date_at(window.origin + snapshot.promotion_lead),
        },
        snapshot=reference(snapshot),
        degraded=False,
    )
    of_first_day = {key: value for key, value in days[0].items() if key != "actual"}
    return {**of_first_day, **{field.name: getattr(told, field.name) for field in fields(told)}}


async def predict(forecaster: Forecaster, request: Request) -> Response:
    """One row of the model with features that the caller gives: a base forecast."""
    asked = await read_json(request, RowRequest)
    engine = forecaster.pair.engine
    snapshot, contract = engine.snapshot, engine.bundle.contract
    origin = None
    if asked.store_nbr is None and asked.family is None:
        row, filled = whole_row(contract, asked.features), []
    elif asked.store_nbr is None or asked.family is None:
        raise _alone("store_nbr" if asked.store_nbr is None else "family")
    elif isinstance(asked.features, list):
        raise _not_both()
    else:
        node = bottom_row(snapshot, asked.store_nbr, asked.family)
        window = window_of(snapshot, asked.date, 1)
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


def _row_of(forecaster: Forecaster, node: int, window: Window) -> Row:
    """The row of a bottom series and a day, as the snapshot knows it."""
    engine = forecaster.pair.engine
    covariates = known_covariates(engine.snapshot, window.origin)
    state = engine.state(window.origin)
    row: Row = engine.builder.matrix(state, covariates, np.array([node]), window.horizons)[0]
    return row


def _alone(missing: str) -> Problem:
    detail = "Give store_nbr and family both, or neither and all features"
    return Problem(
        Code.INVALID_REQUEST, f"/{missing}: {detail}.", errors=[FieldError(f"/{missing}", detail)]
    )


def _not_both() -> Problem:
    detail = "An array is the whole row: give it without store_nbr, family and date, or give names"
    return Problem(
        Code.INVALID_FEATURES, f"/features: {detail}.", errors=[FieldError("/features", detail)]
    )
