"""Exports that have ended, in the database, until they expire.

*Invariants*

- The row of an export is written once, when it ends; only its expiry is ever changed, to now, which
  is how it is deleted. The runner removes its file, then its row.
- A row in which the export succeeded exists only after its file is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from secrets import token_hex

from sqlalchemy import Engine, RowMapping, delete, func, insert, select, update

from storage.audit import Actor, write
from storage.database import advisory_lock, reading, writing
from storage.key_store import utc_now
from storage.tables import EXPORTS, fit_text


class ExportState(StrEnum):
    """Outcome of an export."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExport:
    """An export that has ended. Times are in UTC and aware.

    Attributes:
        caller: principal that asked for it; no other one sees it.
        detail: why it failed; empty for others.
        request: what was asked for, as JSON.
        bundle, snapshot: release whose forecasts it has.
        expires_at: time from which it is gone.
        rows, bytes, sha256: of the file; 0 and empty without one.
        folder: URL of the folder that has the file; empty where it is on the volume of artifacts.
        secret: signs links to the file.
    """

    id: str
    caller: str
    state: ExportState
    detail: str = ""
    request: str
    bundle: str
    snapshot: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime
    expires_at: datetime
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    folder: str = ""
    secret: str = field(default_factory=lambda: token_hex(32), repr=False)


class ExportStore:
    """The exports of a database.

    Every call blocks, and can raise StorageError.

    Args:
        clock: the time, aware.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self.clock = clock

    def add(self, export: StoredExport) -> bool:
        """Add an export, unless there is one of its id; return whether it was added."""
        row = asdict(export) | {"caller": fit_text(EXPORTS.c.caller, export.caller)}
        with writing(self._engine) as connection:
            advisory_lock(connection, f"export {export.id}")
            known = connection.execute(select(EXPORTS.c.id).where(EXPORTS.c.id == export.id))
            if known.first() is not None:
                return False
            connection.execute(insert(EXPORTS), row)
        return True

    def find(self, name: str) -> StoredExport | None:
        """Return an export by its id, one that has expired too; None if there is none."""
        with reading(self._engine) as connection:
            query = select(EXPORTS).where(EXPORTS.c.id == name)
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _export_of(row)

    def of_caller(self, caller: str, most: int) -> list[StoredExport]:
        """Return the newest exports of a caller that have not expired, the newest first."""
        own = EXPORTS.c.caller == fit_text(EXPORTS.c.caller, caller)
        query = select(EXPORTS).where(own, EXPORTS.c.expires_at > self.clock())
        query = query.order_by(EXPORTS.c.queued_at.desc(), EXPORTS.c.id).limit(most)
        with reading(self._engine) as connection:
            return [_export_of(row) for row in connection.execute(query).mappings()]

    def expire(self, export: StoredExport, *, by: Actor) -> None:
        """Let an export expire now."""
        now = self.clock()
        with writing(self._engine) as connection:
            query = update(EXPORTS).where(EXPORTS.c.id == export.id, EXPORTS.c.expires_at > now)
            if connection.execute(query.values(expires_at=now)).rowcount:
                write(connection, [by.make_event("export.delete", export.id, "", at=now)])

    def expired(self) -> list[StoredExport]:
        """Return the exports that have expired, whose files are to be removed."""
        query = select(EXPORTS).where(EXPORTS.c.expires_at <= self.clock())
        with reading(self._engine) as connection:
            return [_export_of(row) for row in connection.execute(query).mappings()]

    def remove(self, names: Collection[str]) -> None:
        """Remove the rows of exports whose files are gone."""
        with writing(self._engine) as connection:
            connection.execute(delete(EXPORTS).where(EXPORTS.c.id.in_(names)))

    def ids(self, among: Collection[str] | None = None) -> set[str]:
        """Return the ids of all exports, or of those among some; expired ones too."""
        query = select(EXPORTS.c.id)
        if among is not None:
            query = query.where(EXPORTS.c.id.in_(among))
        with reading(self._engine) as connection:
            return set(connection.execute(query).scalars())

    def used_bytes(self) -> int:
        """Return the size of all files together."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.sum(EXPORTS.c.bytes))).scalar() or 0)


def _export_of(row: RowMapping) -> StoredExport:
    return StoredExport(**{**row, "state": ExportState(row["state"])})
