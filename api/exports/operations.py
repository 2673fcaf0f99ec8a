"""Exports over HTTP: request one, follow it, download its file, delete it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

import anyio.to_thread
import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.admin.jobs import call_jobs, record
from api.exports.links import Link, check_link, expiry_of_link, sign_link
from api.exports.selection import rows_of_export, window_of_export
from api.http.acting import IDEMPOTENCY, actor_of, idempotency_key_of
from api.http.database import threads
from api.http.file_response import download_response
from api.http.operation import Access, operation
from api.http.pricing import EXPORT
from api.http.responses import json_response
from api.http.tags import Tag
from api.schemas.exports import (
    ExportAnswer,
    ExportFileQuery,
    ExportFormat,
    ExportRequest,
    ExportsAnswer,
)
from api.schemas.jobs import ProgressAnswer
from errors import Code, Problem
from lifecycle.exports import ExportFiles, ExportOrder
from lifecycle.job_queue import JobQueue, job_id_of
from lifecycle.jobs import Job, JobKind, State
from middleware.policy import KIB
from models.serving.forecaster import Forecaster
from storage.audit import AuditLog
from storage.exports import ExportState, ExportStore, StoredExport
from storage.idempotency import IdempotencyKey
from storage.keys import Scope
from storage.remote import RemoteError

MAX_UNFINISHED = 2
"""Exports of a caller that may wait or run: one at a time runs, and others wait for theirs, too."""

MAX_STORED = 100
"""Exports of a caller that have not expired."""

_UNAVAILABLE = Code.EXPORTS_UNAVAILABLE
_READING = frozenset({_UNAVAILABLE})
_OF_ONE = _READING | {Code.NOT_FOUND}

Result = TypeVar("Result")


@dataclass(frozen=True)
class ExportAccess:
    """Stores that calls about exports act on."""

    queue: JobQueue
    store: ExportStore
    files: ExportFiles
    audit: AuditLog

    async def call(self, act: Callable[[], Result]) -> Result:
        """Call the queue or the database in a thread.

        Raises:
            Problem: EXPORTS_UNAVAILABLE, CONFLICT.
        """
        return await call_jobs(act, unavailable=_UNAVAILABLE)


@operation(
    "POST",
    "/exports",
    Tag.FORECASTS,
    answer=ExportAnswer,
    status=202,
    scope=Scope.BATCH,
    cost=EXPORT,
    max_body=256 * KIB,
    headers=((IDEMPOTENCY, "Made by the caller: repeated, no second export."),),
    replayable=True,
    error_codes=_READING | {Code.CONFLICT},
)
async def start_export(
    access: ExportAccess, forecaster: Forecaster, payload: ExportRequest, request: Request
) -> Response:
    """Queue a job that writes forecasts into a file: all of a release, or those of some nodes.

    The forecasts are those of the release that answers this call, whichever serves while the file
    is written.
    """
    release = forecaster.release
    snapshot = release.engine.snapshot
    rows_of_export(snapshot, payload)
    window_of_export(snapshot, payload)
    idempotency = idempotency_key_of(request, f"export {payload.model_dump_json()}")
    if (repeated := await _find_repeated(access, request, payload, idempotency)) is not None:
        return _response_of(await _answer_of_stored(access, repeated), is_new=False)
    order = ExportOrder(
        bundle=release.engine.bundle.name,
        snapshot=snapshot.name,
        adaptation=None if release.adaptation is None else release.adaptation.name,
        payload=payload.model_dump(mode="json"),
        requested_at=access.store.clock(),
    )
    await _refuse_too_many(access, request, idempotency)
    job, is_new = await access.call(
        partial(
            access.queue.add,
            JobKind.EXPORT,
            order.model_dump(mode="json"),
            by=actor_of(request),
            idempotency=idempotency,
        )
    )
    if is_new:
        await record(access.audit, request, "export.start", job.id, payload.format)
    return _response_of(_answer_of_job(job), is_new=is_new)


@operation("GET", "/exports", Tag.FORECASTS, scope=Scope.BATCH, error_codes=_READING)
async def list_exports(access: ExportAccess, request: Request) -> ExportsAnswer:
    """List the caller's exports, the newest first, until they expire."""
    stored = await _stored_of_caller(access, request)
    known = {export.id for export in stored}
    jobs = await _unrecorded_of_caller(access, request, known)
    answers = [_answer_of_job(job) for job in jobs]
    answers += [await _answer_of_stored(access, export) for export in stored]
    return ExportsAnswer(sorted(answers, key=lambda export: export.queued_at, reverse=True))


@operation("GET", "/exports/{id}", Tag.FORECASTS, scope=Scope.BATCH, error_codes=_OF_ONE)
async def read_export(access: ExportAccess, request: Request) -> ExportAnswer:
    """Report the progress of an export, a link to its file, or why it failed."""
    export = await _find(access, request)
    if isinstance(export, Job):
        return _answer_of_job(export)
    return await _answer_of_stored(access, export)


@operation(
    "DELETE",
    "/exports/{id}",
    Tag.FORECASTS,
    scope=Scope.BATCH,
    error_codes=_OF_ONE | {Code.CONFLICT},
)
async def delete_export(access: ExportAccess, request: Request) -> ExportsAnswer:
    """Cancel an export that has not ended, or delete one that has; list what is left.

    A deleted export and its links are gone at once; its file is removed within ten minutes.
    """
    export = await _find(access, request)
    actor = actor_of(request)
    if isinstance(export, StoredExport):
        await access.call(partial(access.store.expire, export, by=actor))
    elif export.ended:
        await access.call(partial(access.queue.remove, [export.id]))
        await record(access.audit, request, "export.delete", export.id, "")
    else:
        await access.call(partial(access.queue.cancel, export.id, by=actor))
        await record(access.audit, request, "export.cancel", export.id, "")
    return await list_exports.handler(access, request)  # type: ignore[no-any-return]


@operation(
    "GET",
    "/exports/{id}/file",
    Tag.FORECASTS,
    answer=str,
    scope=Access.PUBLIC,
    download=True,
    etag=True,
    headers=(("Range", "Bytes of the file, such as `bytes=1000-`, to resume a download."),),
    error_codes=_READING | {Code.LINK_INVALID, Code.GONE, Code.RANGE_NOT_SATISFIABLE},
)
async def read_export_file(
    access: ExportAccess, query: ExportFileQuery, request: Request
) -> Response:
    """Send the file of an export, or a range of it, to whoever has a link.

    The link is `download` of the export.
    """
    name = request.path_params["id"]
    stored = await access.call(partial(access.store.find, name))
    export = check_link(stored, name, int(query.expires), query.signature, access.store.clock())
    form = _format_of(export)
    respond = partial(
        download_response,
        request,
        access.files.path_of(export.id),
        filename=_filename_of(export),
        media_type=form.media_type,
        etag=f'"{export.sha256}"',
    )
    try:
        return await anyio.to_thread.run_sync(respond, limiter=threads)
    except OSError:
        raise Problem(
            _UNAVAILABLE,
            "This server cannot read the file of the export: servers that share no volume need "
            "EXPORTS_URL.",
        ) from None


async def _find_repeated(
    access: ExportAccess,
    request: Request,
    payload: ExportRequest,
    idempotency: IdempotencyKey | None,
) -> StoredExport | None:
    """Return the export that a request repeats, if that has ended; the queue knows the others.

    Raises:
        Problem: CONFLICT: the earlier request was another one.
    """
    if idempotency is None:
        return None
    stored = await access.call(partial(access.store.find, job_id_of(idempotency)))
    if stored is None:
        return None
    if orjson.loads(stored.request) != payload.model_dump(mode="json"):
        raise Problem(
            Code.CONFLICT, "The Idempotency-Key was used for another request; use another one."
        )
    if stored.expires_at <= access.store.clock():
        raise Problem(
            Code.CONFLICT,
            "The Idempotency-Key is of an export that was deleted; use another one.",
        )
    return stored


async def _refuse_too_many(
    access: ExportAccess, request: Request, idempotency: IdempotencyKey | None
) -> None:
    """Refuse an export of a caller who has too many of them.

    Raises:
        Problem: CONFLICT.
    """
    stored = await _stored_of_caller(access, request)
    jobs = await _unrecorded_of_caller(access, request, {export.id for export in stored})
    if idempotency is not None and any(job.id == job_id_of(idempotency) for job in jobs):
        return  # the queue answers with it
    unfinished = sum(not job.ended for job in jobs)
    if unfinished >= MAX_UNFINISHED:
        raise Problem(
            Code.CONFLICT,
            f"{unfinished} of your exports have not ended: wait for one, or DELETE it.",
        )
    if len(stored) + len(jobs) >= MAX_STORED:
        raise Problem(
            Code.CONFLICT, f"You have {MAX_STORED} exports: DELETE those that you do not need."
        )


async def _stored_of_caller(access: ExportAccess, request: Request) -> list[StoredExport]:
    caller = actor_of(request).name
    return await access.call(partial(access.store.of_caller, caller, MAX_STORED))


async def _unrecorded_of_caller(
    access: ExportAccess, request: Request, recorded: set[str]
) -> Sequence[Job]:
    """Return the jobs of a caller's exports that have no record: they wait, run, or just failed."""
    jobs = await access.call(partial(access.queue.all, (JobKind.EXPORT,)))
    own = [job for job in jobs if job.by == actor_of(request).name and job.id not in recorded]
    ended = [job.id for job in own if job.ended]
    deleted = await access.call(partial(access.store.ids, ended)) if ended else set()
    return [job for job in own if job.state is not State.SUCCEEDED and job.id not in deleted]


async def _find(access: ExportAccess, request: Request) -> StoredExport | Job:
    """Return an export of the caller: its record, or its job while there is none.

    Raises:
        Problem: NOT_FOUND: there is none, or it is another caller's.
    """
    name, caller = request.path_params["id"], actor_of(request).name
    stored = await access.call(partial(access.store.find, name))
    if stored is not None:
        if stored.caller == caller and stored.expires_at > access.store.clock():
            return stored
        raise _unknown(name)
    job = await access.call(partial(access.queue.find, name))
    if job is None or job.kind is not JobKind.EXPORT or job.by != caller:
        raise _unknown(name)
    if job.state is State.SUCCEEDED:
        # its process has recorded it since the look above, or its record was removed
        stored = await access.call(partial(access.store.find, name))
        if stored is None or stored.expires_at <= access.store.clock():
            raise _unknown(name)
        return stored
    return job


def _unknown(name: str) -> Problem:
    return Problem(Code.NOT_FOUND, f"You have no export {name[:100]!r}; GET /exports lists them.")


def _response_of(answer: ExportAnswer, *, is_new: bool) -> Response:
    response = json_response(answer, status=202 if is_new else 200)
    response.headers["location"] = f"/exports/{answer.id}"
    return response


def _answer_of_job(job: Job) -> ExportAnswer:
    order = ExportOrder.model_validate(job.request)
    return ExportAnswer(
        id=job.id,
        state=job.state,
        request=order.payload,
        model_version=order.bundle,
        snapshot=order.snapshot,
        queued_at=order.requested_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=None,
        progress=None
        if job.progress is None or job.ended
        else ProgressAnswer.from_attributes(job.progress),
        detail=job.detail,
        rows=None,
        bytes=None,
        sha256=None,
        download=None,
        download_expires_at=None,
    )


async def _answer_of_stored(access: ExportAccess, export: StoredExport) -> ExportAnswer:
    has_file = export.state is ExportState.SUCCEEDED
    link = await _link_of(access, export) if has_file else None
    return ExportAnswer(
        id=export.id,
        state=State(export.state),
        request=orjson.loads(export.request),
        model_version=export.bundle,
        snapshot=export.snapshot,
        queued_at=export.queued_at,
        started_at=export.started_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
        progress=None,
        detail=export.detail or None,
        rows=export.rows if has_file else None,
        bytes=export.bytes if has_file else None,
        sha256=export.sha256 if has_file else None,
        download=None if link is None else link.address,
        download_expires_at=None if link is None else link.expires_at,
    )


async def _link_of(access: ExportAccess, export: StoredExport) -> Link:
    """Return a new link to the file of an export.

    Raises:
        Problem: EXPORTS_UNAVAILABLE: it is at a URL that this server cannot sign for.
    """
    now: datetime = access.store.clock()
    if not export.folder:
        return sign_link(export, now)
    if export.folder != access.files.url:
        raise Problem(
            _UNAVAILABLE, "The file of the export is not where EXPORTS_URL of this server says."
        )
    expires_at = expiry_of_link(export, now)
    sign = partial(
        access.files.sign,
        export.id,
        seconds=max(1, int((expires_at - now).total_seconds())),
        filename=_filename_of(export),
    )
    try:
        address = await anyio.to_thread.run_sync(sign, limiter=threads)
    except RemoteError as error:
        raise Problem(
            _UNAVAILABLE, "The store of exports cannot be used; its operator finds why in the log."
        ) from error
    return Link(address, expires_at)


def _format_of(export: StoredExport) -> ExportFormat:
    return ExportFormat(orjson.loads(export.request)["format"])


def _filename_of(export: StoredExport) -> str:
    """Return the name that a client stores a file under: with the day of the newest sales."""
    origin = export.snapshot.rpartition("-")[0]
    return f"forecasts-{origin}-{export.id}.{_format_of(export)}"
