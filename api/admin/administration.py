"""Administration of keys, and the audit log.

The database is waited for in threads, a few at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from api.http.acting import IDEMPOTENCY, actor_of, idempotency_key_of
from api.http.database import Result, as_sentence, call_database
from api.http.operation import Handler, Operation, operation
from api.http.responses import json_response
from api.http.tags import Tag
from api.schemas.administration import (
    AuditAnswer,
    AuditEntryAnswer,
    AuditQuery,
    KeyAnswer,
    KeyRequest,
    KeysAnswer,
    KeysQuery,
    NewKeyAnswer,
    RotateRequest,
)
from errors import Code, InputError, Problem
from storage.audit import AuditEntry, AuditLog
from storage.errors import (
    InactiveKeyError,
    TooManyKeysError,
    UnknownKeyError,
)
from storage.key_store import KeyStore, NewKey
from storage.keys import ApiKey, Scope, mask_keys


@dataclass(frozen=True)
class Administration:
    """Stores and services that administrative calls act on.

    Attributes:
        tiers: names that a key's tier may have.
        default_tier: of a key that is created without one.
    """

    keys: KeyStore
    audit: AuditLog
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
