"""What administration takes and gives."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, Field

from api.schemas.answer import Answer
from api.schemas.requests import Request, WholeNumber
from models.jobs import State
from storage.keys import KeyState, Scope

MOST_GRACE_SECONDS = 30 * 86_400


class KeyRequest(Request):
    """A key to make."""

    client: str
    """Whose key it is: up to 100 letters, digits and `._@:+-`, with a letter or digit first."""
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = (
        Scope.FORECAST,
        Scope.EXPLAIN,
        Scope.WHATIF,
        Scope.BATCH,
    )
    """What it may be used for."""
    tier: str | None = None
    """Which limits hold for it; `DEFAULT_TIER` if left out."""
    expires_at: AwareDatetime | None = None
    """When it expires, with a time zone; never if left out."""


class RotateRequest(Request):
    """How a key is to be replaced."""

    grace_seconds: Annotated[WholeNumber, Field(ge=0, le=MOST_GRACE_SECONDS)] = 86_400
    """How long the old key goes on working."""


class KeysQuery(Request):
    """Which keys."""

    client: str | None = None
    """Only those of this client."""


class AuditQuery(Request):
    """Which part of the audit log."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    """Entries, the newest first."""
    before: Annotated[int, Field(ge=1, le=2**62)] | None = None
    """Only entries with smaller ids: `next` of the page before."""


class ReloadRequest(Request):
    """Tables to serve from now on."""

    source: str
    """A folder below `DATA_DIR`, named from there."""
    force: Annotated[bool, Field(strict=True)] = False
    """Serve them also where their newest day is before the one served now."""


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
    """As last written: up to a minute behind."""


@dataclass(frozen=True, slots=True)
class NewKeyAnswer(KeyAnswer):
    """A key that was just made."""

    key: str | None
    """The key itself, told this once. Null where the request repeats one that made it."""


@dataclass(frozen=True, slots=True)
class KeysAnswer(Answer):
    """Keys, the oldest first."""

    keys: list[KeyAnswer]


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


@dataclass(frozen=True, slots=True)
class JobAnswer(Answer):
    """A reload."""

    id: str
    source: str
    force: bool
    state: State
    queued_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    phase: str | None
    """The step that it is in, or was in when it ended."""
    detail: str | None
    """Why it failed."""
    previous_snapshot: str | None
    bundle: str | None
    snapshot: str | None
    """What serves since it succeeded."""


@dataclass(frozen=True, slots=True)
class JobsAnswer(Answer):
    """Reloads, the newest first."""

    jobs: list[JobAnswer]
