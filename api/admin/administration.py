"""Administration: keys, the audit log, and reloading of data.

The database and the volume are waited for in threads, a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.http.acting import IDEMPOTENCY, actor_of, idempotency_key_of
from api.http.database import Result, as_sentence, call_database, threads
from api.http.operation import Handler, Operation, operation
from api.http.responses import json_response
from api.http.tags import Tag
from api.schemas.administration import (
    AuditAnswer,
    AuditEntryAnswer,
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
from errors import Code, FieldError, InputError, Problem
from lifecycle.jobs import Job
from lifecycle.reload import (
    InvalidSourceError,
    Reloader,
    ReloadRunningError,
    ReloadUnavailableError,
)
from storage.audit import AuditEntry, AuditLog
from storage.errors import (
    InactiveKeyError,
    StorageError,
    TooManyKeysError,
    UnknownKeyError,
)
from storage.key_store import KeyStore, NewKey
from storage.keys import ApiKey, Scope, mask_keys

_RELOAD = frozenset({Code.RELOAD_UNAVAILABLE})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Administration:
    """Stores and services that administrative calls act on.

    Attributes:
        reloader: None where no folder of tables is configured.
        tiers: names that a key's tier may have.
        default_tier: of a key that is created without one.
    """

    keys: KeyStore
    audit: AuditLog
    reloader: Reloader | None
    tiers: Collection[str]
    default_tier: str


def admin_operation(method: str, path: str, **more: Any) -> Callable[[Handler], Operation]:
    """Declare an operation of the administration; see `api.http.operation.operation`."""
    return operation(method, path, Tag.ADMINISTRATION, scope=Scope.ADMIN, **more)


@admin_operation("GET", "/admin/keys")
async def list_keys(admin: Administration, query: KeysQuery) -> KeysAnswer:
    """List keys, without the keys themselves."""
    keys = await _call_database(admin.keys.list, query.client)
    return KeysAnswer(
        keys=[KeyAnswer(**_key_document(key)) for key in keys],
        tiers=list(admin.tiers),
        default_tier=admin.default_tier,
    )


@admin_operation(
    "POST",
    "/admin/keys",
    answer=NewKeyAnswer,
    status=201,
    headers=((IDEMPOTENCY, "Made by the caller: repeated, no second key."),),
    replayable=True,
    error_codes=frozenset({Code.CONFLICT}),
)
async def create_key(admin: Administration, payload: KeyRequest, request: Request) -> Response:
    """Create a key, which only this response contains.

    With an `Idempotency-Key` a repeated request creates no second key: it is answered with the
    first one, `key` being null, because the key itself is not stored.
    """
    tier = admin.default_tier if payload.tier is None else payload.tier
    if tier not in admin.tiers:
        raise Problem.in_field(
            Code.INVALID_REQUEST,
            "/tier",
            f"There is no tier {tier!r}; there is {', '.join(admin.tiers)}",
        )
    new = await _call_database(
        partial(
            admin.keys.create,
            payload.client,
            payload.scopes,
            tier,
            payload.expires_at,
            by=actor_of(request),
            idempotency=idempotency_key_of(request, payload.model_dump_json()),
        )
    )
    return _new_key_response(new)


@admin_operation(
    "POST",
    "/admin/keys/{id}/rotate",
    answer=NewKeyAnswer,
    status=201,
    headers=((IDEMPOTENCY, "Made by the caller: repeated, no second successor."),),
    replayable=True,
    error_codes=frozenset({Code.CONFLICT, Code.NOT_FOUND}),
)
async def rotate_key(admin: Administration, payload: RotateRequest, request: Request) -> Response:
    """Replace a key by a new one; the old one expires after a grace period.

    With an `Idempotency-Key` a repeated request makes no second successor: it is answered as that
    of a creation.
    """
    name = request.path_params["id"]
    new = await _call_database(
        partial(
            admin.keys.rotate,
            name,
            by=actor_of(request),
            grace=timedelta(seconds=payload.grace_seconds),
            idempotency=idempotency_key_of(request, f"rotate {name} {payload.model_dump_json()}"),
        )
    )
    return _new_key_response(new)


@admin_operation("DELETE", "/admin/keys/{id}", error_codes=frozenset({Code.NOT_FOUND}))
async def revoke_key(admin: Administration, request: Request) -> KeyAnswer:
    """Revoke a key; every worker refuses it within seconds."""
    name = request.path_params["id"]
    key = await _call_database(partial(admin.keys.revoke, name, by=actor_of(request)))
    return KeyAnswer(**_key_document(key))


@admin_operation("GET", "/admin/audit")
async def audit_log(admin: Administration, query: AuditQuery) -> AuditAnswer:
    """List administrative acts and refused authentications, the newest first."""
    entries = await _call_database(admin.audit.latest, query.limit, query.before)
    more = len(entries) == query.limit and entries[-1].id > 1
    return AuditAnswer(
        entries=[_audit_entry_answer(entry) for entry in entries],
        next=entries[-1].id if more else None,
    )


@admin_operation(
    "POST",
    "/admin/reload-features",
    answer=JobAnswer,
    status=202,
    error_codes=_RELOAD | {Code.CONFLICT, Code.INVALID_SOURCE},
)
async def reload_features(
    admin: Administration, payload: ReloadRequest, request: Request
) -> Response:
    """Start to build a snapshot of newer tables, which every worker will serve.

    Until it is complete, and if it fails, the previous data are served; the job reports progress.
    """
    job = await _call_reloader(
        partial(_require_reloader(admin).start, payload.source, force=payload.force)
    )
    await _record_reload(admin, request, job)
    response = json_response(JobAnswer.from_attributes(job), status=202)
    response.headers["location"] = f"/admin/reload-features/{job.id}"
    return response


@admin_operation("GET", "/admin/reload-features/{id}", error_codes=_RELOAD | {Code.NOT_FOUND})
async def reload_job(admin: Administration, request: Request) -> JobAnswer:
    """Report the progress of a reload, and why it failed if it did."""
    name = request.path_params["id"]
    job = await _call_reloader(partial(_require_reloader(admin).job, name))
    if job is None:
        raise Problem(Code.NOT_FOUND, f"There is no job {name[:100]!r}; the newest 50 are kept.")
    return JobAnswer.from_attributes(job)


@admin_operation("GET", "/admin/reload-features", error_codes=_RELOAD)
async def reload_jobs(admin: Administration) -> JobsAnswer:
    """List the newest reloads."""
    jobs = await _call_reloader(_require_reloader(admin).jobs)
    return JobsAnswer([JobAnswer.from_attributes(job) for job in jobs])


async def _call_database(act: Callable[..., Result], *arguments: Any) -> Result:
    """Call the key store or the audit log in a thread and return its result.

    Raises:
        Problem: KEYS_UNAVAILABLE where the database fails; NOT_FOUND, CONFLICT or
            INVALID_REQUEST where it refuses the call.
    """
    try:
        return await call_database(act, *arguments, unavailable=Code.KEYS_UNAVAILABLE)
    except UnknownKeyError as error:
        raise Problem(
            Code.NOT_FOUND, f"There is no key {mask_keys(error.public_id)[:40]!r}."
        ) from None
    except (TooManyKeysError, InactiveKeyError) as error:
        raise Problem(Code.CONFLICT, as_sentence(error)) from None
    except InputError as error:
        raise Problem(Code.INVALID_REQUEST, as_sentence(error)) from None


async def _call_reloader(act: Callable[[], Result]) -> Result:
    """Call the reloader in a thread and return its result.

    Raises:
        Problem: INVALID_SOURCE, CONFLICT or RELOAD_UNAVAILABLE.
    """
    try:
        return await anyio.to_thread.run_sync(act, limiter=threads)
    except InvalidSourceError as error:
        fault = FieldError("/source", str(error))
        raise Problem(Code.INVALID_SOURCE, str(error), errors=[fault]) from None
    except ReloadRunningError as error:
        raise Problem(Code.CONFLICT, str(error)) from None
    except ReloadUnavailableError as error:
        raise Problem(Code.RELOAD_UNAVAILABLE, str(error)) from error
    except OSError as error:
        _log.error("jobs_failed", exc_info=error)
        raise Problem(
            Code.RELOAD_UNAVAILABLE, "The jobs cannot be read; the volume of artifacts failed."
        ) from error


def _require_reloader(admin: Administration) -> Reloader:
    if admin.reloader is None:
        raise Problem(
            Code.RELOAD_UNAVAILABLE,
            "This server reads no tables: DATA_DIR names no folder that it could reload from.",
        )
    return admin.reloader


async def _record_reload(admin: Administration, request: Request, job: Job) -> None:
    """Record a reload in the audit log.

    A failure is logged and not raised: the reload is running already, and is what was requested.
    """
    event = actor_of(request).make_event("reload.start", job.id, job.source, at=datetime.now(UTC))
    try:
        await anyio.to_thread.run_sync(admin.audit.record, [event], limiter=threads)
    except StorageError as error:
        _log.error("audit_not_written", action=event.action, job=job.id, reason=str(error))


def _new_key_response(new: NewKey) -> Response:
    response = json_response(
        NewKeyAnswer(**_key_document(new.record), key=new.text), status=201 if new.text else 200
    )
    response.headers["cache-control"] = "no-store"
    return response


def _key_document(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "client": key.client,
        "state": key.state(datetime.now(UTC)),
        "scopes": sorted(key.scopes),
        "unknown_scopes": sorted(key.unknown_scopes),
        "tier": key.tier,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _audit_entry_answer(entry: AuditEntry) -> AuditEntryAnswer:
    return AuditEntryAnswer(id=entry.id, **asdict(entry.event))
