"""The overrides in the database: creation, withdrawal, and the plan that stands at a time.

*Invariants*

- A row is never deleted, and only its withdrawal is ever written to it, once.
- Changes (creations and withdrawals) are numbered from 1 in the order in which they are committed:
  each takes a lock until its transaction ends. The number of the newest is the *revision*.
- A change and its entry in the audit log are one transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)

from storage.audit import Actor, write
from storage.database import advisory_lock, reading, writing
from storage.errors import StalePlanError, UnknownOverrideError
from storage.idempotency import IdempotencyKey, find_repeated, record_request
from storage.key_store import utc_now
from storage.overrides import (
    NewOverride,
    OverrideState,
    PlannedDay,
    Reason,
    StatisticalDay,
    StoredOverride,
)
from storage.tables import OVERRIDES, fit_text

_LOCK = "overrides"
_NODE_IN_AUDIT = 150


@dataclass(frozen=True, slots=True)
class PlanState:
    """The overrides that stand at a time, by what identifies them.

    Attributes:
        revision: number of the newest change; 0 where there was none.
        at: the time, which decides what has expired.
        token: equal for equal sets of standing overrides, and for no others. It holds the time of
            the newest change too, so that it differs between databases.
    """

    revision: int
    at: datetime
    token: str


@dataclass(frozen=True, slots=True)
class OverrideFilter:
    """Overrides to list.

    Attributes:
        state: all where None.
        newest: the newest day whose sales are known, which decides what is over.
        first, last: only those with a day from `first` to `last`.
    """

    newest: date
    node: str | None = None
    state: OverrideState | None = None
    first: date | None = None
    last: date | None = None


class OverrideStore:
    """The overrides of a database.

    Every call blocks, and can raise StorageError.

    Args:
        clock: the time, aware.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self.clock = clock

    def state(self) -> PlanState:
        """Return what identifies the overrides that stand now."""
        now = self.clock()
        with reading(self._engine) as connection:
            return _read_state(connection, now)

    def standing(self, state: PlanState, after: date) -> tuple[StoredOverride, ...]:
        """Return the overrides that stand in a state, in their order.

        The result is that of the state, whatever has changed since.

        Args:
            after: only those whose last day is later.
        """
        query = _in_order().where(_standing(state), OVERRIDES.c.last > after)
        with reading(self._engine) as connection:
            return tuple(map(_record_of_row, connection.execute(query).mappings()))

    def changed_since(self, revision: int, first: date, last: date) -> tuple[StoredOverride, ...]:
        """Return the overrides of some days that were made or withdrawn after a revision."""
        changed = or_(
            OVERRIDES.c.created_revision > revision, OVERRIDES.c.withdrawn_revision > revision
        )
        days = and_(OVERRIDES.c.first <= last, OVERRIDES.c.last >= first)
        with reading(self._engine) as connection:
            rows = connection.execute(_in_order().where(changed, days)).mappings()
            return tuple(map(_record_of_row, rows))

    def made(self, first: date, last: date) -> tuple[StoredOverride, ...]:
        """Return all overrides with a day from `first` to `last`, in any state and their order."""
        days = and_(OVERRIDES.c.first <= last, OVERRIDES.c.last >= first)
        with reading(self._engine) as connection:
            rows = connection.execute(_in_order().where(days)).mappings()
            return tuple(map(_record_of_row, rows))

    def find(self, number: int) -> StoredOverride:
        """Return an override, in any state.

        Raises:
            UnknownOverrideError: there is none of this number.
        """
        with reading(self._engine) as connection:
            return _require(connection, number)

    def list(
        self, wanted: OverrideFilter, limit: int, before: int | None = None
    ) -> tuple[StoredOverride, ...]:
        """Return overrides, the newest first.

        Args:
            limit: maximum number of them.
            before: only those with smaller numbers, for the next page.
        """
        query = select(OVERRIDES).where(*_conditions(wanted, self.clock()))
        if before is not None:
            query = query.where(OVERRIDES.c.id < before)
        query = query.order_by(OVERRIDES.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return tuple(map(_record_of_row, connection.execute(query).mappings()))

    def find_repeated(self, idempotency: IdempotencyKey | None) -> StoredOverride | None:
        """Return what an earlier request of the same identity has created, or None.

        Raises:
            IdempotencyKeyReusedError: the earlier request had another content.
        """
        if idempotency is None:
            return None
        with writing(self._engine) as connection:
            earlier = find_repeated(connection, idempotency, self.clock())
            return None if earlier is None else _require(connection, int(earlier))

    def create(
        self,
        new: NewOverride,
        *,
        revision: int,
        by: Actor,
        idempotency: IdempotencyKey | None = None,
    ) -> StoredOverride:
        """Store an override that was computed on a revision.

        Args:
            idempotency: identity of the request; if it created an override before, that one is
                returned.

        Raises:
            StalePlanError: the revision is no longer the newest.
            IdempotencyKeyReusedError: the earlier request of this identity had another content.
        """
        now = self.clock()
        with writing(self._engine) as connection:
            advisory_lock(connection, _LOCK)
            earlier = find_repeated(connection, idempotency, now)
            if earlier is not None:
                return _require(connection, int(earlier))
            if _read_state(connection, now).revision != revision:
                raise StalePlanError
            row = _row_of_record(new) | {"created_at": now, "created_revision": revision + 1}
            statement = insert(OVERRIDES).returning(OVERRIDES.c.id)
            number: int = connection.execute(statement, row).scalar_one()
            record_request(connection, idempotency, str(number), now)
            write(
                connection, [by.make_event("override.create", str(number), _describe(new), at=now)]
            )
            return _require(connection, number)

    def withdraw(self, number: int, *, client: str, by: Actor) -> StoredOverride:
        """Withdraw an override now; one that is withdrawn already stays as it is.

        Args:
            client: name of the caller.

        Raises:
            UnknownOverrideError: there is none of this number.
        """
        now = self.clock()
        with writing(self._engine) as connection:
            advisory_lock(connection, _LOCK)
            override = _require(connection, number)
            if override.withdrawn_at is not None:
                return override
            values = {
                "withdrawn_at": now,
                "withdrawn_by": fit_text(OVERRIDES.c.withdrawn_by, client),
                "withdrawn_revision": _read_state(connection, now).revision + 1,
            }
            connection.execute(update(OVERRIDES).where(OVERRIDES.c.id == number).values(values))
            detail = f"of {override.author}: {_describe(override)}"
            write(connection, [by.make_event("override.withdraw", str(number), detail, at=now)])
            return _require(connection, number)


def _read_state(connection: Connection, now: datetime) -> PlanState:
    # Three indexed look-ups. If a change is committed between the first two, the revision is the
    # later of them, and all changes up to it are committed, because a lock orders them. So the
    # revision says which rows are meant, and later reads select by it.
    changes = [
        change
        for column, time in (
            (OVERRIDES.c.created_revision, OVERRIDES.c.created_at),
            (OVERRIDES.c.withdrawn_revision, OVERRIDES.c.withdrawn_at),
        )
        if (
            change := connection.execute(
                select(column, time).where(column.is_not(None)).order_by(column.desc()).limit(1)
            ).one_or_none()
        )
    ]
    revision, changed_at = max(map(tuple, changes), default=(0, None))
    # what expires at a revision does so in a fixed order, so that its number says what it is
    expired = connection.execute(
        select(func.count())
        .select_from(OVERRIDES)
        .where(_in_force_at(revision), OVERRIDES.c.expires_at <= now)
    ).scalar_one()
    digest = hashlib.sha256(f"{revision} {changed_at} {expired}".encode()).hexdigest()
    return PlanState(revision, now, digest[:32])


def _in_force_at(revision: int) -> ColumnElement[bool]:
    """Return the condition that an override is made and not withdrawn at a revision."""
    withdrawn = OVERRIDES.c.withdrawn_revision
    return and_(
        OVERRIDES.c.created_revision <= revision,
        or_(withdrawn.is_(None), withdrawn > revision),
    )


def _standing(state: PlanState) -> ColumnElement[bool]:
    expires = OVERRIDES.c.expires_at
    return and_(_in_force_at(state.revision), or_(expires.is_(None), expires > state.at))


def _conditions(wanted: OverrideFilter, now: datetime) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter, by the same rules as `StoredOverride.state`."""
    table = OVERRIDES.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.node is not None:
        conditions.append(table.node == wanted.node)
    if wanted.first is not None:
        conditions.append(table.last >= wanted.first)
    if wanted.last is not None:
        conditions.append(table.first <= wanted.last)
    unexpired = or_(table.expires_at.is_(None), table.expires_at > now)
    standing = and_(table.withdrawn_at.is_(None), unexpired)
    match wanted.state:
        case OverrideState.WITHDRAWN:
            conditions.append(table.withdrawn_at.is_not(None))
        case OverrideState.EXPIRED:
            conditions.append(and_(table.withdrawn_at.is_(None), table.expires_at <= now))
        case OverrideState.OVER:
            conditions.append(and_(standing, table.last <= wanted.newest))
        case OverrideState.ACTIVE:
            conditions.append(and_(standing, table.last > wanted.newest))
    return conditions


def _in_order() -> Select[Any]:
    return select(OVERRIDES).order_by(OVERRIDES.c.id)


def _require(connection: Connection, number: int) -> StoredOverride:
    query = select(OVERRIDES).where(OVERRIDES.c.id == number)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownOverrideError(number)
    return _record_of_row(row)


def _row_of_record(new: NewOverride) -> dict[str, Any]:
    return asdict(new) | {
        "reason": str(new.reason),
        "author": fit_text(OVERRIDES.c.author, new.author),
        "subject": fit_text(OVERRIDES.c.subject, new.subject),
        "statistical": json.dumps([asdict(day) for day in new.statistical], default=str),
        "days": json.dumps([asdict(day) for day in new.days], default=str),
    }


def _record_of_row(row: RowMapping) -> StoredOverride:
    values = dict(row)
    values["reason"] = Reason(row["reason"])
    for name, kind in (("statistical", StatisticalDay), ("days", PlannedDay)):
        values[name] = tuple(
            kind(**day | {"date": date.fromisoformat(day["date"])}) for day in json.loads(row[name])
        )
    return StoredOverride(**values)


def _describe(override: NewOverride) -> str:
    """Return an override in words, for the audit log."""
    node = override.node[:_NODE_IN_AUDIT]
    change = f"{override.op} {override.value:g} a {override.spread}"
    return f"{node}, {override.first} to {override.last}: {change}; {override.reason}"
