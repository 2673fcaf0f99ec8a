"""All operations of the HTTP contract, in the order of the documentation."""

from __future__ import annotations

from api import open_inference
from api.admin import administration, data, events, jobs, models, reloads, rollout, training
from api.caller import caller, sign_in_options
from api.exports import operations as exports
from api.facts import outliers
from api.facts.actuals import report_actuals
from api.facts.exceptions import exceptions
from api.facts.feedback import read_feedback, report_feedback
from api.facts.historical import historical
from api.facts.meta import meta
from api.facts.node_accuracy import accuracy_by_series
from api.facts.quality import accuracy, model_metrics
from api.facts.year_before import compare_with_year_before
from api.forecasts import overrides
from api.forecasts.batch import predict_batch
from api.forecasts.explain import explain
from api.forecasts.hierarchy import hierarchy
from api.forecasts.override_value import value_overrides
from api.forecasts.predict import forecast_node, predict, predict_simple
from api.forecasts.whatif import whatif
from api.health import alive, health, metrics, ready
from api.http.operation import Access, Operation, operation
from api.http.tags import Tag
from api.monitoring.drift import list_drift, read_drift
from api.schemas.facts import IndexAnswer


@operation("GET", "/", Tag.FACTS, scope=Access.PUBLIC)
async def index() -> IndexAnswer:
    """List the paths of the service."""
    paths = dict.fromkeys(each.path for each in OPERATIONS)
    return IndexAnswer("mlrf", ["/docs", "/openapi.json", *paths])


OPERATIONS: tuple[Operation, ...] = (
    forecast_node,
    predict_simple,
    predict_batch,
    predict,
    explain,
    whatif,
    hierarchy,
    exports.start_export,
    exports.list_exports,
    exports.read_export,
    exports.delete_export,
    exports.read_export_file,
    overrides.preview_override,
    overrides.create_override,
    overrides.list_overrides,
    value_overrides,
    overrides.read_override,
    overrides.withdraw_override,
    historical,
    report_feedback,
    read_feedback,
    exceptions,
    compare_with_year_before,
    outliers.list_outliers,
    outliers.acknowledge_outlier,
    accuracy,
    accuracy_by_series,
    report_actuals,
    model_metrics,
    list_drift,
    read_drift,
    meta,
    caller,
    sign_in_options,
    open_inference.server,
    open_inference.live,
    open_inference.ready,
    open_inference.model,
    open_inference.ready.at("/v2/models/mlrf/ready"),
    open_inference.infer,
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
    reloads.reload_features,
    reloads.reload_jobs,
    reloads.reload_job,
    training.start_training,
    data.list_sources,
    data.upload_table,
    data.check_upload,
    data.delete_source,
    jobs.list_jobs,
    jobs.read_job,
    jobs.read_job_log,
    jobs.cancel_job,
    events.list_events,
    events.resend_event,
    models.list_models,
    models.compare_models,
    models.read_model,
    models.read_model_metrics,
    models.promote_model,
    models.roll_back_model,
    models.retire_model,
    rollout.begin_shadow,
    rollout.begin_canary,
    rollout.read_rollout,
    rollout.stop_rollout,
)
