"""The endpoints of the HTTP contract: its operations, bound to the service, and its pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.types import Scope

from api.admin.administration import Administration
from api.admin.jobs import JobAccess
from api.docs.documentation import Documentation
from api.exports.operations import ExportAccess
from api.facts.feedback import FeedbackAccess
from api.forecasts.item_answers import ItemAnswers
from api.forecasts.planning import Planning
from api.health import DegradationReport
from api.http.answered import Observer
from api.http.dispatch import Trial, bind
from api.http.response_cache import ResponseCache
from api.http.router import Endpoint
from api.http.tags import Tag
from api.operations import OPERATIONS
from api.schemas.access import SignInOptions
from lifecycle.monitoring.records import Monitoring
from lifecycle.registry import Registry
from lifecycle.rollouts import Rollouts
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.drift_events import DriftHistory
from storage.outbox import Outbox
from storage.outlier_events import OutlierEventStore

PARTS = (
    *(Administration, DegradationReport, DriftHistory, ExportAccess, FeedbackAccess, ItemAnswers),
    *(JobAccess, Monitoring, Outbox, OutlierEventStore, Planning, Registry, Rollouts),
    SignInOptions,
)
"""Types of the parts of the service that handlers take, besides the forecaster."""


class Serving(Protocol):
    """Access to the active release."""

    def forecaster(self) -> Forecaster:
        """Return the active forecaster, or raise the problem MODEL_UNAVAILABLE."""
        ...

    def bind(self, release: LoadedRelease) -> Forecaster:
        """Return a forecaster of another release, with the same runners."""
        ...


class ReleaseTrial(Trial, Protocol):
    """The trial of a release beside the active one, and who gets its answers."""

    def choose(self, scope: Scope, active: Forecaster) -> Forecaster:
        """Return the forecaster that answers a request: the challenger's, or `active`."""
        ...


def contract_endpoints(
    serving: Callable[[], Serving],
    cache: ResponseCache,
    parts: Mapping[type, object],
    trial: ReleaseTrial,
    observers: Sequence[Observer] = (),
    *,
    seconds: float,
) -> list[Endpoint]:
    """Return what answers the paths of the contract.

    Args:
        serving: returns the active release at the time of a request.
        parts: of the service, by the types in `PARTS`.
        trial: of a release beside the active one. Monitoring reports on the active one alone.
        observers: called with each request that was answered, but for hits of the cache.
        seconds: that an answer may take.
    """

    def provide(part: object) -> Callable[[Scope], object]:
        return lambda scope: part

    def active(scope: Scope) -> Forecaster:
        return serving().forecaster()

    def chosen(scope: Scope) -> Forecaster:
        return trial.choose(scope, serving().forecaster())

    of_parts = {kind: provide(part) for kind, part in parts.items()}
    return [
        *Documentation(OPERATIONS).endpoints(),
        *(
            Endpoint(
                each.method,
                each.policy,
                bind(
                    each,
                    {**of_parts, Forecaster: active if each.tag is Tag.MONITORING else chosen},
                    cache,
                    trial,
                    observers,
                    seconds=seconds,
                ),
            )
            for each in OPERATIONS
        ),
    ]
