"""The audit log: who did what to what, when, and from where. Never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, String, insert, select

from storage.database import reading, writing
from storage.keys import masked
from storage.tables import AUDIT_LOG

_LENGTHS = {
    column.name: column.type.length
    for column in AUDIT_LOG.columns
    if isinstance(column.type, String) and column.type.length
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One administrative act, or one refused authentication.

    Attributes:
        at: when; aware.
        actor: who, as in `Actor.name`.
        action: what, as `key.create`.
        subject: what it was done to, as a key's public id; empty where there is nothing.
        address: from where, as far as it is known.
        request_id: of the request that asked for it, if one did.
        detail: the rest, for a person.
    """

    at: datetime
    actor: str
    action: str
    subject: str = ""
    address: str | None = None
    request_id: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where.

    Attributes:
        name: a key's public id, a token's subject, a person at the command line.
        address: as far as it is known.
        request_id: of the request that asks for it, if one does.
    """

    name: str
    address: str | None = None
    request_id: str | None = None

    def did(self, action: str, subject: str, detail: str, *, at: datetime) -> AuditEvent:
        """An act of this actor."""
        return AuditEvent(
            at=at,
            actor=self.name,
            action=action,
            subject=subject,
            address=self.address,
            request_id=self.request_id,
            detail=detail,
        )


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event with its place in the log; later ones have greater ids."""

    id: int
    event: AuditEvent


class AuditLog:
    """Writes and reads the log; there is no way to alter it here."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, events: Sequence[AuditEvent]) -> None:
        """Write events, all of them or none.

        Raises:
            StorageError: the database fails.
        """
        with writing(self._engine) as connection:
            write(connection, events)

    def latest(self, limit: int, before: int | None = None) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first.

        Args:
            limit: at most so many.
            before: only those with smaller ids, to read on where an earlier call ended.

        Raises:
            StorageError: the database fails.
        """
        query = select(AUDIT_LOG).order_by(AUDIT_LOG.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(AUDIT_LOG.c.id < before)
        with reading(self._engine) as connection:
            return tuple(_entry(**row) for row in connection.execute(query).mappings())


def write(connection: Connection, events: Sequence[AuditEvent]) -> None:
    """Write events as a part of the caller's transaction, so that none is without its act."""
    if events:
        rows = [
            {name: _clean(name, value) for name, value in asdict(event).items()} for event in events
        ]
        connection.execute(insert(AUDIT_LOG), rows)


def _clean(name: str, value: Any) -> Any:
    """A text as it may be stored: without keys, control characters and what is too long."""
    if not isinstance(value, str):
        return value
    text = masked(value)
    if not text.isprintable():  # PostgreSQL refuses NUL, and a terminal would obey the others
        text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text[: _LENGTHS[name]]


def _entry(**row: Any) -> AuditEntry:
    return AuditEntry(row.pop("id"), AuditEvent(**row))
