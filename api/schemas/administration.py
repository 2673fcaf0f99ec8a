"""Requests and answers of administrative calls."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, Field

from api.schemas.answer import Answer
from api.schemas.requests import Request, WholeNumber
from storage.keys import KeyState, Scope

MOST_GRACE_SECONDS = 30 * 86_400


class KeyRequest(Request):
    """A key to create."""

    client: str
    """Owner of the key: up to 100 letters, digits and `._@:+-`, with a letter or digit first."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = (
        Scope.FORECAST,
        Scope.EXPLAIN,
        Scope.WHATIF,
        Scope.BATCH,
    )
    """Calls that it gives access to."""
    tier: str | None = None
    """Tier that sets its limits; `DEFAULT_TIER` if left out."""
    expires_at: AwareDatetime | None = None
    """Time of its expiry, with a time zone; it never expires if left out."""


class RotateRequest(Request):
    """Options of replacing a key."""

    grace_seconds: Annotated[WholeNumber, Field(ge=0, le=MOST_GRACE_SECONDS)] = 86_400
    """Seconds for which the old key still works."""


class KeysQuery(Request):
    """A filter of keys."""

    client: str | None = None
    """Only those of this client."""


class AuditQuery(Request):
    """A page of the audit log."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Largest number of entries, the newest first."""
    before: Annotated[int, Field(ge=1, le=2**62)] | None = None
    """Only entries with smaller ids: `next` of the previous page."""


@dataclass(frozen=True, slots=True)
class KeyAnswer(Answer):
    """A key, without the key itself."""

    id: str
    """The public id."""
    client: str
    state: KeyState
    scopes: list[Scope]
    unknown_scopes: list[str]
    """Scopes in the database that this release does not know, and ignores."""
    tier: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None
    """As last stored: up to a minute late."""


@dataclass(frozen=True, slots=True)
class NewKeyAnswer(KeyAnswer):
    """A key that was just created."""

    key: str | None
    """The key itself, which no other answer contains. Null for a repeated request."""


@dataclass(frozen=True, slots=True)
class KeysAnswer(Answer):
    """Keys, the oldest first."""

    keys: list[KeyAnswer]
    tiers: list[str]
    """Tiers that a new key may have."""
    default_tier: str
    """Of a key that is created without one."""


@dataclass(frozen=True, slots=True)
class AuditEntryAnswer(Answer):
    """One administrative act, or one refused authentication."""

    id: int
    at: dt.datetime
    actor: str
    action: str
    subject: str
    address: str | None
    request_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class AuditAnswer(Answer):
    """A page of the audit log, the newest entries first."""

    entries: list[AuditEntryAnswer]
    next: int | None
    """`before` of the next page; null on the last."""
