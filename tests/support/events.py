"""Targets of events in a database, without a server that is configured with them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, insert

from storage.database import writing
from storage.key_store import utc_now
from storage.letters import Letter, LetterState
from storage.outbox import Outbox
from storage.tables import EVENT_TARGETS

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def add_target(engine: Engine, name: str = "webhook", *, since: datetime = LONG_AGO) -> None:
    """Add a target that a server was seen to be configured with just now."""
    row = {"name": name, "address": "here", "since": since, "seen_at": utc_now(), "lost": 0}
    with writing(engine) as connection:
        connection.execute(insert(EVENT_TARGETS), row)


def waiting(engine: Engine) -> list[Letter]:
    """Return what waits in the outbox, oldest first."""
    return Outbox(engine).letters(LetterState.WAITING, 1000)[::-1]
