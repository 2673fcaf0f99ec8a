"""Sources: the folders of tables that jobs read, and uploads of new ones."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from functools import partial

import anyio
import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.admin.administration import admin_operation
from api.admin.jobs import REPEATABLE, JobAccess, add_job, call_jobs, job_response, record
from api.http.database import Result, as_sentence, threads
from api.schemas.data import SourceAnswer, SourcesAnswer, UploadPayload, UploadRulesAnswer
from api.schemas.jobs import JobAnswer
from errors import Code, Problem
from lifecycle.jobs import Job, JobKind
from lifecycle.uploads import (
    InvalidNameError,
    SourceExistsError,
    TooLargeUploadError,
    UnknownSourceError,
    Uploads,
)
from models.faults import public_message

_READING = frozenset({Code.UPLOADS_UNAVAILABLE})
_WRITING = _READING | {Code.CONFLICT, Code.INVALID_SOURCE}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SPARE_BYTES = 64 * 1024**2
"""Space on the volume that an upload does not take."""

_log = structlog.get_logger(__name__)


@admin_operation("GET", "/admin/data", error_codes=_READING)
async def list_sources(access: JobAccess) -> SourcesAnswer:
    """List the sources and the uploads that are not sources yet, and what an upload may be."""
    uploads = _require_uploads(access)
    stored = await _call_uploads(uploads.all)
    return SourcesAnswer(
        [SourceAnswer.of(each) for each in stored if not each.staged],
        [SourceAnswer.of(each) for each in stored if each.staged],
        UploadRulesAnswer.of(uploads),
    )


@admin_operation(
    "PUT",
    "/admin/data/{name}/{file}",
    upload=True,
    error_codes=_WRITING | {Code.STORAGE_FULL, Code.PAYLOAD_TOO_LARGE, Code.REQUEST_TIMEOUT},
)
async def upload_table(access: JobAccess, request: Request) -> SourceAnswer:
    """Upload a table of a new source: the bytes of a CSV or Parquet file, or of a retailer.yaml.

    It can be sent again as long as the upload was not checked. Nothing reads it before.
    """
    uploads = _require_uploads(access)
    name, file = request.path_params["name"], request.path_params["file"]
    await _call_uploads(partial(_check_space, uploads, request.headers.get("content-length")))
    upload = await _call_uploads(partial(uploads.begin, name, file))
    try:
        async for part in request.stream():
            await _call_uploads(partial(upload.write, part))
        await _call_uploads(upload.finish)
    except BaseException:
        with anyio.CancelScope(shield=True):  # also of a client that has gone
            await anyio.to_thread.run_sync(upload.abandon, limiter=threads)
        raise
    await record(access.audit, request, "upload.file", name, file)
    stored = await _call_uploads(uploads.all)
    return SourceAnswer.of(next(each for each in stored if each.staged and each.name == name))


@admin_operation(
    "POST",
    "/admin/data/{name}",
    answer=JobAnswer,
    status=202,
    headers=REPEATABLE,
    replayable=True,
    error_codes=_WRITING | {Code.NOT_FOUND, Code.JOBS_UNAVAILABLE},
)
async def check_upload(access: JobAccess, payload: UploadPayload, request: Request) -> Response:
    """Queue a check of the uploaded tables, which makes them a source if there is no error.

    The result of the job has every finding. Tables with an error stay an upload: send the faulty
    ones again, then check again.
    """
    name = request.path_params["name"]
    await _call_uploads(partial(_require_uploads(access).check_ready, name))
    document = {"source": name, **payload.model_dump(mode="json")}
    job, is_new = await add_job(access, request, JobKind.UPLOAD, document)
    return job_response(job, is_new=is_new)


@admin_operation(
    "DELETE",
    "/admin/data/{name}",
    error_codes=_WRITING | {Code.NOT_FOUND, Code.JOBS_UNAVAILABLE, Code.STORAGE_FULL},
)
async def delete_source(access: JobAccess, request: Request) -> SourcesAnswer:
    """Delete a source that was uploaded, or an upload; list what is left.

    A folder that nobody has uploaded is left to its operator. What was trained on it stays.
    """
    name = request.path_params["name"]
    uploads = _require_uploads(access)
    await _call_uploads(partial(uploads.staging_of, name))
    jobs = await call_jobs(access.queue.all)
    users = [job.id for job in jobs if not job.ended and reads(job, name)]
    if users:
        raise Problem(
            Code.CONFLICT, f"Job {users[0]} reads {name}: wait for its end, or cancel it."
        )
    await _call_uploads(partial(uploads.delete, name))
    await record(access.audit, request, "source.delete", name, "")
    return await list_sources.handler(access)  # type: ignore[no-any-return]


def reads(job: Job, name: str) -> bool:
    """Return whether a job reads a source."""
    path = str(job.request.get("source") or job.request.get("data") or "")
    return path.partition("/")[0] == name


async def _call_uploads(act: Callable[[], Result]) -> Result:
    """Call what looks at uploads in a thread and return its result.

    Raises:
        Problem: INVALID_SOURCE, CONFLICT, NOT_FOUND, PAYLOAD_TOO_LARGE, STORAGE_FULL or
            UPLOADS_UNAVAILABLE.
    """
    try:
        return await anyio.to_thread.run_sync(act, limiter=threads)
    except InvalidNameError as error:
        raise Problem(Code.INVALID_SOURCE, as_sentence(error)) from None
    except SourceExistsError as error:
        raise Problem(Code.CONFLICT, as_sentence(error)) from None
    except UnknownSourceError as error:
        raise Problem(Code.NOT_FOUND, as_sentence(error)) from None
    except TooLargeUploadError as error:
        # the rest of the body would be read as the next request
        raise Problem(
            Code.PAYLOAD_TOO_LARGE, as_sentence(error), headers={"Connection": "close"}
        ) from None
    except OSError as error:
        if error.errno in _FULL:
            raise _full() from error
        _log.error("uploads_failed", exc_info=error)
        raise Problem(
            Code.UPLOADS_UNAVAILABLE,
            f"DATA_DIR cannot be read or written ({public_message(error)}): let this server write "
            "there, or put the folder of tables there yourself.",
        ) from error


def _check_space(uploads: Uploads, announced: str | None) -> None:
    """Refuse an upload that announces more bytes than the volume has free.

    Raises:
        Problem: STORAGE_FULL.
    """
    free = shutil.disk_usage(uploads.sources.data).free - _SPARE_BYTES
    if free < int(announced or 0):  # the layer of body limits has checked the number
        raise _full()


def _full() -> Problem:
    return Problem(
        Code.STORAGE_FULL,
        "The volume of DATA_DIR has no space for this; nothing of it was kept. Free space there, "
        "then send it again.",
        headers={"Connection": "close"},
    )


def _require_uploads(access: JobAccess) -> Uploads:
    if access.uploads is None:
        raise Problem(
            Code.UPLOADS_UNAVAILABLE,
            "This server reads no tables: DATA_DIR names no folder that it could read from.",
        )
    return access.uploads
