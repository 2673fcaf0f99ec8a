"""GET /health, the probes, and the metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from starlette.responses import Response

from api.http.operation import Access, operation, probe
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.facts import DegradedReason, HealthAnswer, StatusAnswer
from models.serving.forecaster import Forecaster
from storage.keys import Scope
from telemetry.exposition import exposition


class DegradationReport(Protocol):
    """Source of the reasons why the service is degraded."""

    def reasons(self) -> Sequence[DegradedReason]:
        """Return the reasons; none where the service is not degraded."""
        ...


@operation("GET", "/health", Tag.MONITORING, scope=Access.AUTHENTICATED)
async def health(forecaster: Forecaster, conditions: DegradationReport) -> HealthAnswer:
    """Report the active release, the age of its data, and what is degraded."""
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    reasons = list(conditions.reasons())
    expected = newest_expected()
    return HealthAnswer(
        status="degraded" if reasons else "ok",
        model_version=engine.bundle.name,
        model_trained_through=engine.bundle.facts.trained_through,
        snapshot=reference(snapshot),
        newest_expected=expected,
        data_age_days=(expected - snapshot.facts.origin).days,
        demo=snapshot.facts.demo,
        nodes=len(snapshot.hierarchy),
        quality=engine.bundle.metrics.get("quality", {}).get("warnings", []),
        degraded=bool(reasons),
        reasons=reasons,
    )


@probe("/readyz", Tag.MONITORING)
async def ready(forecaster: Forecaster) -> StatusAnswer:
    """Report readiness: the bundle is verified and its golden rows are reproduced."""
    return StatusAnswer("ready")


@probe("/livez", Tag.MONITORING)
async def alive() -> StatusAnswer:
    """Report that the process answers, whether or not a model is loaded."""
    return StatusAnswer("alive")


@operation("GET", "/metrics", Tag.MONITORING, answer=str, scope=Scope.MONITOR, quiet=True)
async def metrics() -> Response:
    """Return the metrics of all workers in the format of Prometheus."""
    body, media_type = exposition()
    return Response(body, media_type=media_type)


def newest_expected() -> date:
    """Return the newest day whose sales may be known now: yesterday, in UTC."""
    return datetime.now(UTC).date() - timedelta(days=1)
