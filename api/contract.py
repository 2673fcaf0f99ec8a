"""The endpoints of the HTTP contract: its operations, bound to the service, and its pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from api.admin.administration import Administration
from api.admin.jobs import JobAccess
from api.docs.documentation import Documentation
from api.forecasts.planning import Planning
from api.health import DegradationReport
from api.http.dispatch import bind
from api.http.response_cache import ResponseCache
from api.http.router import Endpoint
from api.operations import OPERATIONS
from api.schemas.access import SignInOptions
from lifecycle.registry import Registry
from models.serving.forecaster import Forecaster


class Serving(Protocol):
    """Access to the active release."""

    def forecaster(self) -> Forecaster:
        """Return the active forecaster, or raise the problem MODEL_UNAVAILABLE."""
        ...


def contract_endpoints(
    serving: Callable[[], Serving],
    cache: ResponseCache,
    administration: Administration,
    jobs: JobAccess,
    registry: Registry,
    planning: Planning,
    conditions: DegradationReport,
    sign_in: SignInOptions,
    *,
    seconds: float,
) -> list[Endpoint]:
    """Return what answers the paths of the contract.

    Args:
        serving: returns the active release at the time of a request.
        administration, jobs, registry, planning, conditions: parts that administrative operations,
            those of jobs, those of models, those with overrides and /health take.
        sign_in: ways to sign in, which a page needs before its user has signed in.
        seconds: that an answer may take.
    """
    providers: dict[type, Callable[[], object]] = {
        Forecaster: lambda: serving().forecaster(),
        Administration: lambda: administration,
        JobAccess: lambda: jobs,
        Registry: lambda: registry,
        Planning: lambda: planning,
        DegradationReport: lambda: conditions,
        SignInOptions: lambda: sign_in,
    }
    return [
        *Documentation(OPERATIONS).endpoints(),
        *(
            Endpoint(each.method, each.policy, bind(each, providers, cache, seconds=seconds))
            for each in OPERATIONS
        ),
    ]
