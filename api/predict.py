"""POST /predict/simple."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, reference
from api.days import days_of, forecast
from api.nodes import bottom_row
from api.parsing import read_json
from api.schemas import SimpleAnswer, SimpleRequest
from api.windows import window_of
from models.forecaster import Forecaster


async def predict_simple(forecaster: Forecaster, request: Request) -> Response:
    """One bottom series, day by day."""
    asked = await read_json(request, SimpleRequest)
    engine = forecaster.pair.engine
    snapshot = engine.snapshot
    row = bottom_row(snapshot, asked.store_nbr, asked.family)
    window = window_of(snapshot, asked.date, asked.horizon)
    mean = (await forecast(forecaster, window))[row]
    days = days_of(forecaster, window, row, mean, asked.intervals)
    trained_through = engine.bundle.facts.trained_through
    origin = snapshot.date_at(window.origin)
    first = snapshot.date_at(int(window.days[0]))
    told = SimpleAnswer(
        store_nbr=asked.store_nbr,
        family=asked.family,
        date=first,
        horizon=asked.horizon,
        forecast=days,
        origin=origin,
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
    return answer(
        {
            **of_first_day,
            **{field.name: getattr(told, field.name) for field in fields(told)},
        }
    )
