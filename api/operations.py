"""All operations of the HTTP contract, in the order of the documentation."""

from __future__ import annotations

from api import administration, inference
from api.batch import predict_batch
from api.explain import explain
from api.hierarchy import hierarchy
from api.historical import historical
from api.meta import meta
from api.operation import Access, Operation, operation
from api.predict import predict, predict_simple
from api.quality import accuracy, model_metrics
from api.schemas.facts import IndexAnswer
from api.status import alive, health, metrics, ready
from api.tags import Tag
from api.whatif import whatif


@operation("GET", "/", Tag.FACTS, scope=Access.PUBLIC)
async def index() -> IndexAnswer:
    """List the paths of the service."""
    paths = dict.fromkeys(each.path for each in OPERATIONS)
    return IndexAnswer("mlrf", ["/docs", "/openapi.json", *paths])


OPERATIONS: tuple[Operation, ...] = (
    predict_simple,
    predict_batch,
    predict,
    explain,
    whatif,
    hierarchy,
    historical,
    accuracy,
    model_metrics,
    meta,
    inference.server,
    inference.live,
    inference.ready,
    inference.model,
    inference.ready.at("/v2/models/mlrf/ready"),
    inference.infer,
    health,
    alive,
    ready,
    ready.at("/healthz"),
    index,
    metrics.at("/metrics/prometheus"),
    metrics,
    administration.list_keys,
    administration.create_key,
    administration.rotate_key,
    administration.revoke_key,
    administration.audit_log,
    administration.reload_features,
    administration.reload_jobs,
    administration.reload_job,
)
