"""The audit log: actor, action, subject, time and address of events; never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, String, insert, select

from storage.database import reading, writing
from storage.keys import mask_keys
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
        at: the time, aware.
        actor: as in `Actor.name`.
        action: such as `key.create`.
        subject: the object of the action, such as a key's public id; may be empty.
        address: of the client, if known.
        request_id: of the request that caused it, if any.
        detail: further facts, for people.
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
    """Principal of an administrative act.

    Attributes:
        name: a key's public id, a token's subject, or a user of the command line.
        address: of the client, if known.
        request_id: of the request, if any.
    """

    name: str
    address: str | None = None
    request_id: str | None = None

    def make_event(self, action: str, subject: str, detail: str, *, at: datetime) -> AuditEvent:
        """Return the event of an act of this actor."""
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
    """An event with its id in the log; later events have greater ids."""

    id: int
    event: AuditEvent


class AuditLog:
    """The audit log of a database, append-only."""

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
        """Return the newest entries, newest first.

        Args:
            limit: maximum number of entries.
            before: only entries with smaller ids, for the next page.

        Raises:
            StorageError: the database fails.
        """
        query = select(AUDIT_LOG).order_by(AUDIT_LOG.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(AUDIT_LOG.c.id < before)
        with reading(self._engine) as connection:
            return tuple(_make_entry(**row) for row in connection.execute(query).mappings())


def write(connection: Connection, events: Sequence[AuditEvent]) -> None:
    """Write events in the caller's transaction, atomically with the acts that they record."""
    if events:
        rows = [
            {name: _sanitize_value(name, value) for name, value in asdict(event).items()}
            for event in events
        ]
        connection.execute(insert(AUDIT_LOG), rows)


def _sanitize_value(name: str, value: Any) -> Any:
    """Return a text with keys masked, control characters replaced, cut to its column."""
    if not isinstance(value, str):
        return value
    text = mask_keys(value)
    if not text.isprintable():  # PostgreSQL refuses NUL, and a terminal would obey the others
        text = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return text[: _LENGTHS[name]]


def _make_entry(**row: Any) -> AuditEntry:
    return AuditEntry(row.pop("id"), AuditEvent(**row))
