"""GET /health, the probes, and what Prometheus reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer, reference
from api.schemas.facts import DegradedReason, HealthAnswer, StatusAnswer
from models.forecaster import Forecaster
from telemetry.metrics import exposition


class DegradationReport(Protocol):
    """What is not as it should be around the model."""

    def reasons(self) -> Sequence[DegradedReason]:
        """Empty where all is well."""
        ...


async def health(
    forecaster: Forecaster, conditions: DegradationReport, request: Request
) -> Response:
    """What is loaded, how old the data are, and what is degraded."""
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    reasons = list(conditions.reasons())
    expected = newest_expected()
    return answer(
        HealthAnswer(
            status="degraded" if reasons else "ok",
            model_version=engine.bundle.name,
            model_trained_through=engine.bundle.facts.trained_through,
            snapshot=reference(snapshot),
            newest_expected=expected,
            data_age_days=(expected - snapshot.facts.origin).days,
            demo=snapshot.facts.demo,
            nodes=len(snapshot.hierarchy),
            degraded=bool(reasons),
            reasons=reasons,
        )
    )


async def ready(forecaster: Forecaster, request: Request) -> Response:
    """Ready: the bundle is verified and its golden rows are reproduced."""
    return answer(StatusAnswer("ready"))


async def alive(request: Request) -> Response:
    """Alive: the process answers. Says nothing of a model."""
    return answer(StatusAnswer("alive"))


async def metrics(request: Request) -> Response:
    """Metrics of all workers, as Prometheus reads them."""
    body, media_type = exposition()
    return Response(body, media_type=media_type)


def newest_expected() -> date:
    """The newest day whose sales may be known now: yesterday, in UTC."""
    return datetime.now(UTC).date() - timedelta(days=1)
