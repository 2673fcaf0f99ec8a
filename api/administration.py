"""Administration: keys, the audit log, and reloading of data.

The database and the volume are waited for in threads, a few at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import structlog
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.parsing import read_json, read_query
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
from models.jobs import Job
from models.reload import (
    InvalidSourceError,
    Reloader,
    ReloadRunningError,
    ReloadUnavailableError,
)
from storage.audit import Actor, AuditEntry, AuditLog
from storage.errors import (
    InactiveKeyError,
    OnceReusedError,
    StorageError,
    StorageFullError,
    TooManyKeysError,
    UnknownKeyError,
)
from storage.key_store import IdempotencyKey, KeyStore, NewKey
from storage.keys import ApiKey, masked

Result = TypeVar("Result")

IDEMPOTENCY = "Idempotency-Key"
"""Header of draft-ietf-httpapi-idempotency-key-header."""

_log = structlog.get_logger(__name__)
_threads = anyio.CapacityLimiter(4)


@dataclass(frozen=True)
class Administration:
    """What administrative calls act on.

    Attributes:
        reloader: None where no folder of tables is configured.
        tiers: names that a key's tier may have.
        default_tier: of a key for which none is given.
    """

    keys: KeyStore
    audit: AuditLog
    reloader: Reloader | None
    tiers: Collection[str]
    default_tier: str


async def list_keys(admin: Administration, request: Request) -> Response:
    """Every key, without the keys themselves."""
    asked = read_query(request, KeysQuery)
    found = await _stored(admin.keys.list, asked.client)
    return answer(KeysAnswer([KeyAnswer(**_told(key)) for key in found]))


async def create_key(admin: Administration, request: Request) -> Response:
    """Make a key, which is told this once.

    With an `Idempotency-Key` a request that is repeated makes no second key: it is answered with
    the first one, `key` being null, because the key itself is not kept.
    """
    asked = await read_json(request, KeyRequest)
    tier = admin.default_tier if asked.tier is None else asked.tier
    if tier not in admin.tiers:
        raise Problem.in_field(
            Code.INVALID_REQUEST,
            "/tier",
            f"There is no tier {tier!r}; there is {', '.join(admin.tiers)}",
        )
    new = await _stored(
        partial(
            admin.keys.create,
            asked.client,
            asked.scopes,
            tier,
            asked.expires_at,
            by=_actor(request),
            once=_once(request, asked.model_dump_json()),
        )
    )
    return _new(new)


async def rotate_key(admin: Administration, request: Request) -> Response:
    """Make a key in the place of another, which expires a while later."""
    asked = await read_json(request, RotateRequest)
    grace = timedelta(seconds=asked.grace_seconds)
    name = request.path_params["id"]
    return _new(await _stored(partial(admin.keys.rotate, name, by=_actor(request), grace=grace)))


async def revoke_key(admin: Administration, request: Request) -> Response:
    """End a key; every worker refuses it within seconds."""
    name = request.path_params["id"]
    key = await _stored(partial(admin.keys.revoke, name, by=_actor(request)))
    return answer(KeyAnswer(**_told(key)))


async def audit_log(admin: Administration, request: Request) -> Response:
    """Administrative acts and refused authentications, the newest first."""
    asked = read_query(request, AuditQuery)
    entries = await _stored(admin.audit.latest, asked.limit, asked.before)
    more = len(entries) == asked.limit and entries[-1].id > 1
    return answer(
        AuditAnswer(
            entries=[_entry(entry) for entry in entries], next=entries[-1].id if more else None
        )
    )


async def reload_features(admin: Administration, request: Request) -> Response:
    """Begin to make a snapshot of newer tables, which every worker will serve.

    Until then, and if it fails, the data before go on being served; the job says how far it is.
    """
    asked = await read_json(request, ReloadRequest)
    job = await _reloading(partial(_reloader(admin).start, asked.source, force=asked.force))
    await _note(admin, request, job)
    told = answer(JobAnswer(**_job(job)), status=202)
    told.headers["location"] = f"/admin/reload-features/{job.id}"
    return told


async def reload_job(admin: Administration, request: Request) -> Response:
    """How far a reload is, and why it failed if it did."""
    name = request.path_params["id"]
    job = await _reloading(partial(_reloader(admin).job, name))
    if job is None:
        raise Problem(Code.NOT_FOUND, f"There is no job {name[:100]!r}; the newest 50 are kept.")
    return answer(JobAnswer(**_job(job)))


async def reload_jobs(admin: Administration, request: Request) -> Response:
    """The newest reloads."""
    jobs = await _reloading(_reloader(admin).jobs)
    return answer(JobsAnswer([JobAnswer(**_job(job)) for job in jobs]))


async def _stored(act: Callable[..., Result], *arguments: Any) -> Result:
    """What the database says.

    Raises:
        Problem: it cannot be reached, or refuses.
    """
    try:
        return await anyio.to_thread.run_sync(act, *arguments, limiter=_threads)
    except StorageError as error:
        _log.error("database_failed", reason=str(error))
        full = isinstance(error, StorageFullError)
        raise Problem(
            Code.KEYS_UNAVAILABLE,
            "The database cannot be written: its disk is full. Free space there, then try again."
            if full
            else "The database cannot be reached; try again shortly.",
            headers={"Retry-After": "5"},
        ) from error
    except UnknownKeyError as error:
        raise Problem(
            Code.NOT_FOUND, f"There is no key {masked(error.public_id)[:40]!r}."
        ) from None
    except (TooManyKeysError, InactiveKeyError, OnceReusedError) as error:
        raise Problem(Code.CONFLICT, _sentence(error)) from None
    except InputError as error:
        raise Problem(Code.INVALID_REQUEST, _sentence(error)) from None


async def _reloading(act: Callable[[], Result]) -> Result:
    """What the reloader says.

    Raises:
        Problem: INVALID_SOURCE, CONFLICT or RELOAD_UNAVAILABLE.
    """
    try:
        return await anyio.to_thread.run_sync(act, limiter=_threads)
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


def _reloader(admin: Administration) -> Reloader:
    if admin.reloader is None:
        raise Problem(
            Code.RELOAD_UNAVAILABLE,
            "This server reads no tables: DATA_DIR names no folder that it could reload from.",
        )
    return admin.reloader


async def _note(admin: Administration, request: Request, job: Job) -> None:
    """Write a reload into the audit log; it runs already, so a failure is not the caller's."""
    event = _actor(request).did("reload.start", job.id, job.source, at=datetime.now(UTC))
    try:
        await anyio.to_thread.run_sync(admin.audit.record, [event], limiter=_threads)
    except StorageError as error:
        _log.error("audit_not_written", action=event.action, job=job.id, reason=str(error))


def _actor(request: Request) -> Actor:
    state = request.scope["state"]
    caller = state.get("caller")
    name, address = (caller.subject, caller.address) if caller else ("unknown", None)
    return Actor(name, address, state.get("request_id"))


def _once(request: Request, fingerprint: str) -> IdempotencyKey | None:
    """What makes a repeated request known, for this caller alone.

    Raises:
        Problem: INVALID_REQUEST: the header is empty, or longer than 255 characters.
    """
    given = request.headers.get(IDEMPOTENCY)
    if given is None:
        return None
    if not 1 <= len(given.strip()) <= 255:
        raise Problem.in_field(
            Code.INVALID_REQUEST, IDEMPOTENCY, "It is 1 to 255 characters, such as a UUID"
        )
    named = f"{_actor(request).name}\n{given.strip()}"
    return IdempotencyKey(
        *(hashlib.sha256(text.encode()).hexdigest() for text in (named, fingerprint))
    )


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}."


def _new(new: NewKey) -> Response:
    told = answer(NewKeyAnswer(**_told(new.record), key=new.text), status=201 if new.text else 200)
    told.headers["cache-control"] = "no-store"
    return told


def _told(key: ApiKey) -> dict[str, Any]:
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


def _entry(entry: AuditEntry) -> AuditEntryAnswer:
    return AuditEntryAnswer(id=entry.id, **asdict(entry.event))


def _job(job: Job) -> dict[str, Any]:
    return {field.name: getattr(job, field.name) for field in fields(JobAnswer)}
