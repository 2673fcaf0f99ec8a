"""Changes of the states of releases in the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, insert, select

from storage.database import advisory_lock, writing
from storage.tables import RELEASE_CHANGES, fit_text

_LOCK = "releases"


class ReleaseState(StrEnum):
    """State of a release.

    Attributes:
        CANDIDATE: trained or imported, and never served.
        SHADOW: loaded beside the active one; it answers nobody, and repeats requests to compare.
        CANARY: answers a share of the callers.
        ACTIVE: what is served; at most one.
        RETIRED: served before, and good to go back to.
        REJECTED: not to be served: it was rolled back, or refused.
    """

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    RETIRED = "retired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseChange:
    """A change of the state of a release, or of the data that it serves.

    Attributes:
        bundle: name of its bundle.
        snapshot: name of the snapshot that it serves, or was trained on if it never served.
        state: since then.
        at: time of the change, aware.
        actor: who changed it, as in `Actor.name`.
        reason: for people; may be empty.
    """

    bundle: str
    snapshot: str
    state: ReleaseState
    at: datetime
    actor: str
    reason: str


@contextmanager
def changing_releases(engine: Engine) -> Iterator[Connection]:
    """Yield a writing transaction, while no other process changes a release.

    Raises:
        StorageError: the database fails.
    """
    with writing(engine) as connection:
        advisory_lock(connection, _LOCK)
        yield connection


def list_changes(connection: Connection) -> list[ReleaseChange]:
    """Return all changes, oldest first."""
    query = select(RELEASE_CHANGES).order_by(RELEASE_CHANGES.c.id)
    rows = connection.execute(query).mappings()
    return [
        ReleaseChange(
            **{name: value for name, value in row.items() if name not in ("id", "state")},
            state=ReleaseState(row["state"]),
        )
        for row in rows
    ]


def add_change(connection: Connection, change: ReleaseChange) -> None:
    """Add a change; texts are cut to the length of their columns."""
    columns = RELEASE_CHANGES.c
    row = asdict(change) | {
        "actor": fit_text(columns.actor, change.actor),
        "reason": fit_text(columns.reason, change.reason),
    }
    connection.execute(insert(RELEASE_CHANGES), row)


IN_TRIAL = frozenset({ReleaseState.SHADOW, ReleaseState.CANARY})
"""States of a release that is loaded beside the active one."""
