"""GET /health and the probes."""

from __future__ import annotations

from datetime import UTC, date, datetime

from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, reference
from api.schemas.facts import HealthAnswer, StatusAnswer
from models.forecaster import Forecaster


async def health(forecaster: Forecaster, request: Request) -> Response:
    """What is loaded, and how old the data are."""
    engine = forecaster.pair.engine
    snapshot = engine.snapshot
    return answer(
        HealthAnswer(
            status="ok",
            model_version=engine.bundle.name,
            model_trained_through=engine.bundle.facts.trained_through,
            snapshot=reference(snapshot),
            data_age_days=(_today() - snapshot.facts.origin).days,
            nodes=len(snapshot.hierarchy),
            degraded=False,
        )
    )


async def ready(forecaster: Forecaster, request: Request) -> Response:
    """Ready: the bundle is verified and its golden rows are reproduced."""
    return answer(StatusAnswer("ready"))


async def alive(request: Request) -> Response:
    """Alive: the process answers. Says nothing of a model."""
    return answer(StatusAnswer("alive"))


def _today() -> date:
    return datetime.now(UTC).date()
