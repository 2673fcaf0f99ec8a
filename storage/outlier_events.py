"""Outliers of served data in the database: adopted from snapshots, and acknowledged by people.

*Invariants*

- An outlier is one row as long as it goes on: its kind, node, column and first day identify it.
- A row is never deleted. Its acknowledgement is written once, with its entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, insert, select, update

from storage.audit import Actor, write
from storage.database import advisory_lock, reading, writing
from storage.errors import UnknownOutlierError
from storage.key_store import utc_now
from storage.tables import OUTLIER_EVENTS, fit_text

_LOCK = "outlier events"
_NODE_IN_AUDIT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutlierEvent:
    """An outlier that a snapshot has recorded.

    Attributes:
        kind, severity: as `features.data.screening.outlier` names them.
        series_column: column of the table of sales that holds the values.
        value, expected: sums over the node's series and the days from `first` to `last`.
        replaced: whether features read estimates in place of the values.
    """

    kind: str
    severity: str
    node: str
    series_column: str
    first: date
    last: date
    value: float
    expected: float | None
    message: str
    replaced: bool

    @property
    def identity(self) -> tuple[str, str, str, date]:
        return (self.kind, self.node, self.series_column, self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutlierEvent(NewOutlierEvent):
    """The record of an outlier. Times are in UTC and aware.

    Attributes:
        snapshot: newest one that has recorded it.
        recorded_at, updated_at: when it was adopted, and when it has last changed.
        real: whether the person who acknowledged it says that the values are right.
    """

    id: int
    snapshot: str
    recorded_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    real: bool | None
    note: str


@dataclass(frozen=True, slots=True)
class OutlierFilter:
    """Outliers to list.

    Attributes:
        first, last: only those with a day from `first` to `last`.
        acknowledged: only those that are, or are not.
    """

    kind: str | None = None
    node: str | None = None
    severity: str | None = None
    first: date | None = None
    last: date | None = None
    acknowledged: bool | None = None


def adopt_events(
    connection: Connection, snapshot: str, events: Sequence[NewOutlierEvent], *, at: datetime
) -> tuple[StoredOutlierEvent, ...]:
    """Record the outliers of a snapshot in the caller's transaction, and return what is new.

    What is recorded already gets the newer days and figures.
    """
    if not events:
        return ()
    advisory_lock(connection, _LOCK)
    table = OUTLIER_EVENTS.c
    query = select(OUTLIER_EVENTS).where(table.first >= min(event.first for event in events))
    known = {
        record.identity: record
        for record in map(_record_of_row, connection.execute(query).mappings())
    }
    new = []
    for event in events:
        values = asdict(event)
        before = known.get(event.identity)
        if before is None:
            added = {"snapshot": snapshot, "recorded_at": at, "updated_at": at, "note": ""}
            statement = insert(OUTLIER_EVENTS).returning(OUTLIER_EVENTS)
            row = connection.execute(statement, values | added).mappings().one()
            new.append(_record_of_row(row))
        elif any(getattr(before, name) != value for name, value in values.items()):
            changed = values | {"snapshot": snapshot, "updated_at": at}
            connection.execute(update(OUTLIER_EVENTS).where(table.id == before.id).values(changed))
    return tuple(new)


class OutlierEventStore:
    """The outliers of a database.

    Every call blocks, and can raise StorageError.

    Args:
        clock: the time, aware.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def list(
        self, wanted: OutlierFilter, limit: int, before: int | None = None
    ) -> tuple[StoredOutlierEvent, ...]:
        """Return outliers, the last recorded first.

        Args:
            limit: maximum number of them.
            before: only those with smaller numbers, for the next page.
        """
        query = select(OUTLIER_EVENTS).where(*_conditions(wanted))
        if before is not None:
            query = query.where(OUTLIER_EVENTS.c.id < before)
        query = query.order_by(OUTLIER_EVENTS.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return tuple(map(_record_of_row, connection.execute(query).mappings()))

    def acknowledge(
        self, number: int, *, real: bool, note: str, client: str, by: Actor
    ) -> StoredOutlierEvent:
        """Record that a person has looked at an outlier; the first acknowledgement stays.

        Args:
            real: whether the values are right.
            client: name of the caller.

        Raises:
            UnknownOutlierError: there is none of this number.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            advisory_lock(connection, _LOCK)
            event = _require(connection, number)
            if event.acknowledged_at is not None:
                return event
            values = {
                "acknowledged_at": now,
                "acknowledged_by": fit_text(OUTLIER_EVENTS.c.acknowledged_by, client),
                "real": real,
                "note": fit_text(OUTLIER_EVENTS.c.note, note),
            }
            statement = update(OUTLIER_EVENTS).where(OUTLIER_EVENTS.c.id == number)
            connection.execute(statement.values(values))
            verdict = "real" if real else "wrong"
            detail = (
                f"{event.kind} of {event.node[:_NODE_IN_AUDIT]}, {event.first} to {event.last}: "
                f"{verdict}"
            )
            write(connection, [by.make_event("outlier.acknowledge", str(number), detail, at=now)])
            return _require(connection, number)


def _conditions(wanted: OutlierFilter) -> list[ColumnElement[bool]]:
    table = OUTLIER_EVENTS.c
    conditions: list[ColumnElement[bool]] = [
        table[name] == getattr(wanted, name)
        for name in ("kind", "node", "severity")
        if getattr(wanted, name) is not None
    ]
    if wanted.first is not None:
        conditions.append(table.last >= wanted.first)
    if wanted.last is not None:
        conditions.append(table.first <= wanted.last)
    if wanted.acknowledged is not None:
        acknowledged = table.acknowledged_at
        conditions.append(
            acknowledged.is_not(None) if wanted.acknowledged else acknowledged.is_(None)
        )
    return conditions


def _require(connection: Connection, number: int) -> StoredOutlierEvent:
    query = select(OUTLIER_EVENTS).where(OUTLIER_EVENTS.c.id == number)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownOutlierError(number)
    return _record_of_row(row)


def _record_of_row(row: RowMapping) -> StoredOutlierEvent:
    return StoredOutlierEvent(**row)
