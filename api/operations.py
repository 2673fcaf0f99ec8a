"""All calls of the HTTP contract, with their handlers, access and costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api import administration, inference
from api.answers import json_response
from api.batch import predict_batch
from api.costs import EXPLANATION, SCENARIO
from api.explain import explain
from api.hierarchy import hierarchy
from api.historical import historical
from api.meta import meta
from api.operation import KIB, MIB, Access, Dependency, Operation
from api.predict import predict, predict_simple
from api.quality import accuracy, model_metrics
from api.schemas.administration import (
    AuditAnswer,
    AuditQuery,
    JobAnswer,
    JobsAnswer,
    KeyAnswer,
    KeyRequest,
    KeysAnswer,
    KeysQuery,
    NewKeyAnswer,
    ReloadRequest,
    RotateRequest,
)
from api.schemas.facts import (
    AccuracyAnswer,
    HealthAnswer,
    HistoricalAnswer,
    IndexAnswer,
    MetaAnswer,
    MetricsAnswer,
    StatusAnswer,
)
from api.schemas.forecasts import BatchAnswer, HierarchyAnswer, RowAnswer, SimpleAnswer
from api.schemas.inference import (
    InferAnswer,
    InferRequest,
    LiveAnswer,
    ModelAnswer,
    ReadyAnswer,
    ServerAnswer,
)
from api.schemas.reasons import ExplainAnswer, WhatifAnswer
from api.schemas.requests import (
    BatchRequest,
    ExplainRequest,
    HierarchyQuery,
    HistoricalRequest,
    RowRequest,
    SimpleRequest,
    WhatifRequest,
)
from api.status import alive, health, metrics, ready
from api.whatif import whatif
from errors import Code
from storage.keys import Scope

_COMPUTED = frozenset({Code.INFERENCE_FAILED})
_RELOAD = frozenset({Code.RELOAD_UNAVAILABLE})


async def index(request: Request) -> Response:
    """List the paths of the service."""
    paths = dict.fromkeys(call.path for call in OPERATIONS)
    return json_response(IndexAnswer("mlrf", ["/docs", "/openapi.json", *paths]))


def _probe_operation(
    path: str, function: Callable[..., Any], content: type, needs: Dependency = Dependency.MODEL
) -> Operation:
    """Return a probe: open and free, because orchestrators send it often and without a key."""
    return Operation(
        method="GET",
        path=path,
        function=function,
        needs=needs,
        answer=content,
        scope=Access.PUBLIC,
        cost=0,
    )


def _scrape_operation(path: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        function=metrics,
        needs=Dependency.NOTHING,
        answer=str,
        scope=Scope.MONITOR,
    )


def _admin_operation(
    method: str, path: str, function: Callable[..., Any], content: type, **more: Any
) -> Operation:
    return Operation(
        method=method,
        path=path,
        function=function,
        needs=Dependency.ADMINISTRATION,
        answer=content,
        scope=Scope.ADMIN,
        **more,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="POST",
        path="/predict/simple",
        function=predict_simple,
        body=SimpleRequest,
        answer=SimpleAnswer,
        cached=True,
        error_codes=_COMPUTED,
    ),
    Operation(
        method="POST",
        path="/predict/batch",
        function=predict_batch,
        body=BatchRequest,
        max_body=256 * KIB,
        max_table=2 * MIB,
        answer=BatchAnswer,
        accepts_csv=True,
        error_codes=_COMPUTED | {Code.BATCH_TOO_LARGE},
        scope=Scope.BATCH,
    ),
    Operation(
        method="POST",
        path="/predict",
        function=predict,
        body=RowRequest,
        answer=RowAnswer,
        error_codes=_COMPUTED,
    ),
    Operation(
        method="POST",
        path="/explain",
        function=explain,
        body=ExplainRequest,
        answer=ExplainAnswer,
        cached=True,
        error_codes=_COMPUTED | {Code.EXPLANATION_UNAVAILABLE},
        scope=Scope.EXPLAIN,
        cost=EXPLANATION,
    ),
    Operation(
        method="POST",
        path="/whatif",
        function=whatif,
        body=WhatifRequest,
        answer=WhatifAnswer,
        cached=True,
        error_codes=_COMPUTED,
        scope=Scope.WHATIF,
        cost=SCENARIO,
    ),
    Operation(
        method="GET",
        path="/hierarchy",
        function=hierarchy,
        query=HierarchyQuery,
        answer=HierarchyAnswer,
        cached=True,
        etag=True,
        error_codes=_COMPUTED,
    ),
    Operation(
        method="POST",
        path="/historical",
        function=historical,
        body=HistoricalRequest,
        answer=HistoricalAnswer,
    ),
    Operation(method="GET", path="/accuracy", function=accuracy, answer=AccuracyAnswer, etag=True),
    Operation(
        method="GET",
        path="/model-metrics",
        function=model_metrics,
        answer=MetricsAnswer,
        etag=True,
    ),
    Operation(method="GET", path="/meta", function=meta, answer=MetaAnswer, etag=True),
    Operation(method="GET", path="/v2", function=inference.server, answer=ServerAnswer),
    _probe_operation("/v2/health/live", inference.live, LiveAnswer, needs=Dependency.NOTHING),
    _probe_operation("/v2/health/ready", inference.ready, ReadyAnswer),
    Operation(method="GET", path="/v2/models/mlrf", function=inference.model, answer=ModelAnswer),
    _probe_operation("/v2/models/mlrf/ready", inference.ready, ReadyAnswer),
    Operation(
        method="POST",
        path="/v2/models/mlrf/infer",
        function=inference.infer,
        body=InferRequest,
        max_body=4 * MIB,
        answer=InferAnswer,
        error_codes=_COMPUTED | {Code.INVALID_FEATURES},
    ),
    Operation(
        method="GET",
        path="/health",
        function=health,
        needs=Dependency.CONDITIONS,
        answer=HealthAnswer,
        scope=Access.AUTHENTICATED,
    ),
    _probe_operation("/livez", alive, StatusAnswer, needs=Dependency.NOTHING),
    _probe_operation("/readyz", ready, StatusAnswer),
    _probe_operation("/healthz", ready, StatusAnswer),
    Operation(
        method="GET",
        path="/",
        function=index,
        needs=Dependency.NOTHING,
        answer=IndexAnswer,
        scope=Access.PUBLIC,
    ),
    _scrape_operation("/metrics/prometheus"),
    _scrape_operation("/metrics"),
    _admin_operation("GET", "/admin/keys", administration.list_keys, KeysAnswer, query=KeysQuery),
    _admin_operation(
        "POST",
        "/admin/keys",
        administration.create_key,
        NewKeyAnswer,
        body=KeyRequest,
        status=201,
        headers=((administration.IDEMPOTENCY, "Made by the caller: repeated, no second key."),),
        error_codes=frozenset({Code.CONFLICT}),
    ),
    _admin_operation(
        "POST",
        "/admin/keys/{id}/rotate",
        administration.rotate_key,
        NewKeyAnswer,
        body=RotateRequest,
        status=201,
        error_codes=frozenset({Code.CONFLICT, Code.NOT_FOUND}),
    ),
    _admin_operation(
        "DELETE",
        "/admin/keys/{id}",
        administration.revoke_key,
        KeyAnswer,
        error_codes=frozenset({Code.NOT_FOUND}),
    ),
    _admin_operation(
        "GET", "/admin/audit", administration.audit_log, AuditAnswer, query=AuditQuery
    ),
    _admin_operation(
        "POST",
        "/admin/reload-features",
        administration.reload_features,
        JobAnswer,
        body=ReloadRequest,
        status=202,
        error_codes=_RELOAD | {Code.CONFLICT, Code.INVALID_SOURCE},
    ),
    _admin_operation(
        "GET",
        "/admin/reload-features",
        administration.reload_jobs,
        JobsAnswer,
        error_codes=_RELOAD,
    ),
    _admin_operation(
        "GET",
        "/admin/reload-features/{id}",
        administration.reload_job,
        JobAnswer,
        error_codes=_RELOAD | {Code.NOT_FOUND},
    ),
)
