"""Requests that their callers identify, so that a repeated one creates nothing a second time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from storage.database import advisory_lock
from storage.errors import IdempotencyKeyReusedError
from storage.tables import IDEMPOTENCY

IDEMPOTENCY_DAYS = 1
"""Days for which a repeated request is recognised."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """Identity of an idempotent request.

    Attributes:
        name: hash of the caller and the Idempotency-Key.
        fingerprint: hash of the request's content.
    """

    name: str
    fingerprint: str


def find_repeated(
    connection: Connection, idempotency: IdempotencyKey | None, now: datetime
) -> str | None:
    """Return the id of what an earlier request of this name created, or None.

    Requests of a name wait for one another until their transactions end. Old names are deleted.

    Raises:
        IdempotencyKeyReusedError: the earlier request had another content.
    """
    if idempotency is None:
        return None
    advisory_lock(connection, idempotency.name)
    since = now - timedelta(days=IDEMPOTENCY_DAYS)
    connection.execute(delete(IDEMPOTENCY).where(IDEMPOTENCY.c.created_at < since))
    query = select(IDEMPOTENCY.c.fingerprint, IDEMPOTENCY.c.key_id)
    row = connection.execute(query.where(IDEMPOTENCY.c.name == idempotency.name)).one_or_none()
    if row is None:
        return None
    if row.fingerprint != idempotency.fingerprint:
        raise IdempotencyKeyReusedError
    created: str = row.key_id
    return created


def record_request(
    connection: Connection, idempotency: IdempotencyKey | None, created: str, now: datetime
) -> None:
    """Remember what a request has created, by its id."""
    if idempotency is not None:
        row = {"name": idempotency.name, "fingerprint": idempotency.fingerprint}
        connection.execute(insert(IDEMPOTENCY), {**row, "key_id": created, "created_at": now})
