"""The calls of the HTTP contract: each parses its request, asks the forecaster, and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.parsing import nearest, read_json, read_query
from api.schemas import (
    DayForecast,
    HealthAnswer,
    HierarchyAnswer,
    HierarchyQuery,
    SimpleAnswer,
    SimpleRequest,
    SnapshotRef,
)
from api.tree import tree_of, way_of
from api.windows import Window, window_of
from errors import Code, FieldError, Problem
from features.hierarchy import bottom_id
from features.snapshot import Snapshot
from models.forecaster import Forecaster, RunnerError


class Serving(Protocol):
    """Gives the forecaster that serves now."""

    def forecaster(self) -> Forecaster:
        """Raises Problem MODEL_UNAVAILABLE where there is none."""
        ...


class Routes:
    """The contract's endpoints over what is being served."""

    def __init__(self, serving: Callable[[], Serving]) -> None:
        self._serving = serving

    def table(self) -> list[Route]:
        return [
            Route("/", self.index, methods=["GET"]),
            Route("/predict/simple", self.predict_simple, methods=["POST"]),
            Route("/hierarchy", self.hierarchy, methods=["GET"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
            Route("/healthz", self.ready, methods=["GET"]),
            Route("/livez", self.alive, methods=["GET"]),
        ]

    async def index(self, request: Request) -> Response:
        """What there is. In the place of BentoML's page, which loads scripts from elsewhere."""
        paths = [route.path for route in self.table() if route.path != "/"]
        return _answer({"name": "mlrf", "paths": paths})

    async def predict_simple(self, request: Request) -> Response:
        """One bottom series, day by day."""
        asked = await read_json(request, SimpleRequest)
        forecaster = self._serving().forecaster()
        engine = forecaster.pair.engine
        snapshot = engine.snapshot
        row = _bottom_row(snapshot, asked)
        window = window_of(snapshot, asked.date, asked.horizon)
        mean = (await _forecast(forecaster, window))[row]
        days = _days(forecaster, window, row, mean, asked.intervals)
        trained_through = engine.bundle.facts.trained_through
        origin = snapshot.date_at(window.origin)
        first = snapshot.date_at(int(window.days[0]))
        answer = SimpleAnswer(
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
            snapshot=_reference(snapshot),
            degraded=False,
        )
        of_first_day = {key: value for key, value in days[0].items() if key != "actual"}
        return _answer(
            {
                **of_first_day,
                **{field.name: getattr(answer, field.name) for field in fields(answer)},
            }
        )

    async def hierarchy(self, request: Request) -> Response:
        """The coherent tree for a day, or for a sum of days."""
        asked = read_query(request, HierarchyQuery)
        forecaster = self._serving().forecaster()
        engine = forecaster.pair.engine
        snapshot = engine.snapshot
        way, row = way_of(snapshot.hierarchy, asked)
        window = window_of(snapshot, asked.date, asked.horizon or 1, pointer="date")
        values = (await _forecast(forecaster, window)).sum(axis=1)
        return _answer(
            HierarchyAnswer(
                date=snapshot.date_at(int(window.days[0])),
                horizon=len(window.horizons),
                by=way,
                origin=snapshot.date_at(window.origin),
                tree=tree_of(snapshot.hierarchy, values, way=way, row=row, depth=asked.depth),
                model_version=engine.bundle.name,
                snapshot=_reference(snapshot),
                degraded=False,
            )
        )

    async def health(self, request: Request) -> Response:
        """What is loaded, and how old the data are."""
        engine = self._serving().forecaster().pair.engine
        snapshot = engine.snapshot
        return _answer(
            HealthAnswer(
                status="ok",
                model_version=engine.bundle.name,
                model_trained_through=engine.bundle.facts.trained_through,
                snapshot=_reference(snapshot),
                data_age_days=(_today() - snapshot.facts.origin).days,
                nodes=len(snapshot.hierarchy),
                degraded=False,
            )
        )

    async def ready(self, request: Request) -> Response:
        """Ready: the bundle is verified and its golden rows are reproduced."""
        self._serving().forecaster()
        return _answer({"status": "ready"})

    async def alive(self, request: Request) -> Response:
        """Alive: the process answers. Says nothing of a model."""
        return _answer({"status": "alive"})


def _answer(content: Any) -> Response:
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), media_type="application/json"
    )


async def _forecast(forecaster: Forecaster, window: Window) -> NDArray[np.float64]:
    try:
        return await forecaster.forecast(window.origin, window.horizons)
    except RunnerError as error:
        raise Problem(
            Code.INFERENCE_FAILED,
            "The model gave no answer; try again, and if it fails again look for the request's "
            "id in the log.",
        ) from error


def _days(
    forecaster: Forecaster,
    window: Window,
    row: int,
    mean: NDArray[np.float64],
    nominals: Sequence[int],
) -> list[DayForecast]:
    """A node's days with their intervals, and the sales of those that have passed."""
    snapshot = forecaster.pair.engine.snapshot
    days: list[DayForecast] = [
        {"date": snapshot.date_at(int(day)), "prediction": value}
        for day, value in zip(window.days, mean.tolist(), strict=True)
    ]
    sold = snapshot.first_sale[[row]] <= window.origin
    for nominal in nominals:
        bounds = forecaster.pair.intervals.bounds(
            np.array([row]), mean[None], window.horizons, nominal, sold=sold
        )
        for side, values in zip(("lower", "upper"), bounds, strict=True):
            for entry, value in zip(days, values[0].tolist(), strict=True):
                entry[f"{side}_{nominal}"] = value
    for entry, day in zip(days, window.days, strict=True):
        known = day < snapshot.n_days
        entry["actual"] = float(snapshot.sales[row, day]) if known else None
    return days


def _bottom_row(snapshot: Snapshot, asked: SimpleRequest) -> int:
    hierarchy = snapshot.hierarchy
    row = hierarchy.index.get(bottom_id(asked.store_nbr, asked.family))
    if row is not None:
        return row
    stores = dict.fromkeys(hierarchy.bottoms["store_nbr"])
    families = dict.fromkeys(hierarchy.bottoms["family"])
    if str(asked.store_nbr) not in stores:
        raise _unknown(
            Code.INVALID_STORE,
            "store_nbr",
            f"There is no store {asked.store_nbr}; /hierarchy lists those there are.",
        )
    if asked.family not in families:
        raise _unknown(
            Code.INVALID_FAMILY,
            "family",
            f"There is no family {asked.family!r}.{nearest(asked.family, families)}",
        )
    raise _unknown(
        Code.INVALID_FAMILY, "family", f"Store {asked.store_nbr} does not carry {asked.family!r}."
    )


def _unknown(code: Code, field: str, detail: str) -> Problem:
    return Problem(code, detail, errors=[FieldError(f"/{field}", detail)])


def _reference(snapshot: Snapshot) -> SnapshotRef:
    return SnapshotRef(origin=snapshot.facts.origin, digest=snapshot.name.rpartition("-")[2])


def _today() -> date:
    return datetime.now(UTC).date()
