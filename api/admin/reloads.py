"""Reloads: newer tables that are served from now on, with the same model."""

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
    find_job,
    require_sources,
)
from api.http.responses import json_response
from api.schemas.jobs import ReloadAnswer, ReloadRequest, ReloadsAnswer
from errors import Code
from lifecycle.jobs import JobKind

_UNAVAILABLE = Code.RELOAD_UNAVAILABLE
_READING = frozenset({_UNAVAILABLE})


@admin_operation(
    "POST",
    "/admin/reload-features",
    answer=ReloadAnswer,
    status=202,
    headers=REPEATABLE,
    replayable=True,
    error_codes=_READING | {Code.CONFLICT, Code.INVALID_SOURCE},
)
async def reload_features(access: JobAccess, payload: ReloadRequest, request: Request) -> Response:
    """Queue a job that builds a snapshot of newer tables, which every worker will serve.

    Until it is complete, and if it fails, the previous data are served; the job reports progress.
    """
    sources = require_sources(access, unavailable=_UNAVAILABLE)
    await call_jobs(partial(sources.check, payload.source), unavailable=_UNAVAILABLE)
    job, is_new = await add_job(
        access,
        request,
        JobKind.RELOAD,
        {"source": payload.source, "force": payload.force},
        unavailable=_UNAVAILABLE,
    )
    response = json_response(ReloadAnswer.of(job), status=202 if is_new else 200)
    response.headers["location"] = f"/admin/reload-features/{job.id}"
    return response


@admin_operation("GET", "/admin/reload-features/{id}", error_codes=_READING | {Code.NOT_FOUND})
async def reload_job(access: JobAccess, request: Request) -> ReloadAnswer:
    """Report the progress of a reload, and why it failed if it did."""
    require_sources(access, unavailable=_UNAVAILABLE)
    name = request.path_params["id"]
    return ReloadAnswer.of(
        await find_job(access, name, (JobKind.RELOAD,), unavailable=_UNAVAILABLE)
    )


@admin_operation("GET", "/admin/reload-features", error_codes=_READING)
async def reload_jobs(access: JobAccess) -> ReloadsAnswer:
    """List the newest reloads."""
    require_sources(access, unavailable=_UNAVAILABLE)
    jobs = await call_jobs(partial(access.queue.all, (JobKind.RELOAD,)), unavailable=_UNAVAILABLE)
    return ReloadsAnswer([ReloadAnswer.of(job) for job in jobs])
