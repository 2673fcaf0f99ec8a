"""Jobs: what was asked for, how far it is, how it ended; and how to cancel it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.admin.administration import admin_operation
from api.http.acting import IDEMPOTENCY, actor_of, idempotency_key_of
from api.http.database import Result, as_sentence, call_database, threads
from api.http.responses import json_response
from api.schemas.jobs import JobAnswer, JobsAnswer, JobsQuery, RunnerAnswer, subject_of
from errors import Code, FieldError, Problem
from lifecycle.job_queue import JobEndedError, JobQueue, NoRunnerError, QueueFullError
from lifecycle.jobs import MAX_JOBS, Job, JobKind, log_path
from lifecycle.sources import InvalidSourceError, Sources
from lifecycle.uploads import Uploads
from storage.artifacts import Store
from storage.audit import AuditEvent, AuditLog
from storage.errors import StorageError

LOG_BYTES = 64 * 1024
"""Most that is sent of a job's log: its end."""

REPEATABLE = ((IDEMPOTENCY, "Made by the caller: repeated, no second job."),)

_READING = frozenset({Code.JOBS_UNAVAILABLE})
_OF_ONE = _READING | {Code.NOT_FOUND}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class JobAccess:
    """Stores that calls about jobs act on.

    Attributes:
        sources, uploads: None where no folder of tables is configured.
    """

    queue: JobQueue
    sources: Sources | None
    uploads: Uploads | None
    store: Store
    audit: AuditLog


@admin_operation("GET", "/admin/jobs", error_codes=_READING)
async def list_jobs(access: JobAccess, query: JobsQuery) -> JobsAnswer:
    """List the newest jobs of each kind: reloads, trainings, and checks."""
    kinds = tuple(JobKind) if query.kind is None else (query.kind,)
    jobs = await call_jobs(partial(access.queue.all, kinds))
    runner = await call_jobs(access.queue.runner)
    return JobsAnswer(
        [JobAnswer.of(job) for job in jobs],
        None if runner is None else RunnerAnswer.of(runner),
        reads_tables=access.sources is not None,
    )


@admin_operation("GET", "/admin/jobs/{id}", error_codes=_OF_ONE)
async def read_job(access: JobAccess, request: Request) -> JobAnswer:
    """Report the progress of a job, its result, or why it failed."""
    return JobAnswer.of(await find_job(access, request.path_params["id"]))


@admin_operation("GET", "/admin/jobs/{id}/log", answer=str, error_codes=_OF_ONE)
async def read_job_log(access: JobAccess, request: Request) -> Response:
    """Send what the process of a job has written: its end, up to 64 KiB, as text.

    It is empty for most jobs that succeed. It may contain paths of the server.
    """
    job = await find_job(access, request.path_params["id"])
    read = partial(_read_end, log_path(access.store, job.id))
    return PlainTextResponse(await anyio.to_thread.run_sync(read, limiter=threads))


@admin_operation("POST", "/admin/jobs/{id}/cancel", error_codes=_OF_ONE | {Code.CONFLICT})
async def cancel_job(access: JobAccess, request: Request) -> JobAnswer:
    """Cancel a job: one that waits is cancelled at once, and the process of one that runs ends.

    What a process has done cannot be taken back: a job that was about to serve its result, or has
    done so, still succeeds.
    """
    name = request.path_params["id"]
    job = await call_jobs(partial(access.queue.cancel, name, by=actor_of(request)))
    if job is None:
        raise _unknown_job(name)
    await record(access.audit, request, f"{job.kind}.cancel", job.id, subject_of(job))
    return JobAnswer.of(job)


async def add_job(
    access: JobAccess,
    request: Request,
    kind: JobKind,
    document: dict[str, Any],
    *,
    unavailable: Code = Code.JOBS_UNAVAILABLE,
) -> tuple[Job, bool]:
    """Add a job to the queue and the audit log; return it, and whether it is new.

    Raises:
        Problem: CONFLICT, or `unavailable`.
    """
    idempotency = idempotency_key_of(request, f"{kind} {document}")
    job, is_new = await call_jobs(
        partial(access.queue.add, kind, document, by=actor_of(request), idempotency=idempotency),
        unavailable=unavailable,
    )
    if is_new:
        await record(access.audit, request, f"{kind}.start", job.id, subject_of(job))
    return job, is_new


def job_response(job: Job, *, is_new: bool) -> Response:
    """Return the answer to a request for a job: 200 if it was repeated."""
    response = json_response(JobAnswer.of(job), status=202 if is_new else 200)
    response.headers["location"] = f"/admin/jobs/{job.id}"
    return response


async def call_jobs(
    act: Callable[[], Result],
    *,
    unavailable: Code = Code.JOBS_UNAVAILABLE,
    pointer: str = "/source",
) -> Result:
    """Call the queue, or what looks at sources, in a thread and return its result.

    Args:
        pointer: of the field that names the source.

    Raises:
        Problem: INVALID_SOURCE, CONFLICT or `unavailable`.
    """
    try:
        return await call_database(act, unavailable=unavailable)
    except InvalidSourceError as error:
        fault = FieldError(pointer, str(error))
        raise Problem(Code.INVALID_SOURCE, str(error), errors=[fault]) from None
    except (QueueFullError, JobEndedError) as error:
        raise Problem(Code.CONFLICT, as_sentence(error)) from None
    except NoRunnerError as error:
        raise Problem(unavailable, str(error), headers={"Retry-After": "5"}) from None


async def find_job(
    access: JobAccess,
    name: str,
    kinds: tuple[JobKind, ...] = tuple(JobKind),
    *,
    unavailable: Code = Code.JOBS_UNAVAILABLE,
) -> Job:
    """Return a job by its id.

    Raises:
        Problem: NOT_FOUND, or `unavailable`.
    """
    job = await call_jobs(partial(access.queue.find, name), unavailable=unavailable)
    if job is None or job.kind not in kinds:
        raise _unknown_job(name)
    return job


async def record(audit: AuditLog, request: Request, action: str, subject: str, detail: str) -> None:
    """Record an act in the audit log.

    A failure is logged and not raised: the act has happened, and is what was requested.
    """
    event: AuditEvent = actor_of(request).make_event(action, subject, detail, at=datetime.now(UTC))
    try:
        await anyio.to_thread.run_sync(audit.record, [event], limiter=threads)
    except StorageError as error:
        _log.error("audit_not_written", action=action, subject=subject, reason=str(error))


def require_sources(access: JobAccess, *, unavailable: Code = Code.JOBS_UNAVAILABLE) -> Sources:
    """Return the sources.

    Raises:
        Problem: `unavailable`: no folder of them is configured.
    """
    if access.sources is None:
        raise Problem(
            unavailable,
            "This server reads no tables: DATA_DIR names no folder that it could read from.",
        )
    return access.sources


def _unknown_job(name: str) -> Problem:
    return Problem(
        Code.NOT_FOUND, f"There is no job {name[:100]!r}; the newest {MAX_JOBS} of a kind are kept."
    )


def _read_end(path: Path) -> str:
    """Return the end of a file as text; empty if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_BYTES))
            return file.read(LOG_BYTES).decode(errors="replace")
    except OSError:
        return ""
