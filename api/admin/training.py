"""Training as a job: a model of a source's tables, which serves if it is to."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from api.admin.administration import admin_operation
from api.admin.jobs import (
    REPEATABLE,
    JobAccess,
    add_job,
    call_jobs,
    job_response,
    require_sources,
)
from api.schemas.jobs import JobAnswer, TrainingPayload
from errors import Code
from lifecycle.jobs import JobKind


@admin_operation(
    "POST",
    "/admin/training",
    answer=JobAnswer,
    status=202,
    headers=REPEATABLE,
    replayable=True,
    error_codes=frozenset({Code.JOBS_UNAVAILABLE, Code.CONFLICT, Code.INVALID_SOURCE}),
)
async def start_training(access: JobAccess, payload: TrainingPayload, request: Request) -> Response:
    """Queue a training of a model, or a check of what it would train.

    The job reports its steps; its result says if the model serves, and how it compared with the
    one that served. A server that cannot train says so; a runner elsewhere can do it.
    """
    sources = require_sources(access)
    if payload.data is not None:
        await call_jobs(partial(sources.check, payload.data), pointer="/data")
    document = payload.model_dump(mode="json", exclude={"dry_run"})
    kind = JobKind.TRAINING_CHECK if payload.dry_run else JobKind.TRAINING
    job, is_new = await add_job(access, request, kind, document)
    return job_response(job, is_new=is_new)
