"""Events on their way to targets: written with what happened, sent later, kept when they fail.

A target is known here as soon as a server is configured with it, so that every process that
changes something, whatever its settings, records events for the same targets, and none where there
is none. Only one worker sends to a target at a time: it has a lease.

Invariants:
- An event is added once for a target: an id that waits, was sent in the last days, or is a dead
  letter is not added again.
- A letter leaves the outbox only when it was sent, or as a dead letter.
- What waits for a target, and how many dead letters are kept, is bounded; what finds no space is
  counted in `EVENT_TARGETS.lost`, or returned by `trim`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.audit import Actor, write
from storage.database import reading, writing
from storage.errors import AbsentTargetError, UnknownLetterError
from storage.key_store import utc_now
from storage.letters import Event, Letter, LetterState
from storage.tables import EVENT_DEAD_LETTERS, EVENT_OUTBOX, EVENT_TARGETS, fit_text

MAX_WAITING = 10_000
"""Most events that wait for a target; further ones are lost, and counted."""

MAX_AGE = timedelta(days=3)
"""Time after which an event that waits becomes a dead letter."""

KEEP_SENT = timedelta(days=7)
"""Time for which sent events are kept, to recognize one that is published again."""

MAX_DEAD, KEEP_DEAD = 10_000, timedelta(days=90)
"""Most dead letters, and the time for which they are kept."""

TARGET_LIFETIME = MAX_AGE
"""Time after which a target that no server is configured with any more gets no events."""

LEASE = timedelta(seconds=60)
"""Time for which a worker may send to a target without a sign of life."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Letters that wait for a target.

    Attributes:
        oldest: time since which the oldest one waits; None if nothing does.
        is_due: whether one can be sent now, by any worker.
    """

    waiting: int
    oldest: datetime | None
    is_due: bool


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Numbers of what was given up for its age, by target, and of dead letters removed."""

    expired: Mapping[str, int]
    removed: int


def add_event(connection: Connection, event: Event, *, now: datetime) -> None:
    """Add an event for every target, in the caller's transaction.

    Targets that were set up after it happened do not get it.
    """
    targets = EVENT_TARGETS.c
    query = select(targets.name).where(
        targets.seen_at > now - TARGET_LIFETIME,
        targets.stopped_at.is_(None),
        targets.since <= event.at,
    )
    for name in connection.execute(query).scalars().all():
        _add_letter(connection, name, event, now)


def _add_letter(connection: Connection, target: str, event: Event, now: datetime) -> None:
    same = [
        select(table.c.id).where(table.c.target == target, table.c.event == event.id)
        for table in (EVENT_OUTBOX, EVENT_DEAD_LETTERS)
    ]
    if any(connection.execute(query).first() for query in same):
        return
    if _count_waiting(connection, target) >= MAX_WAITING:
        lost = update(EVENT_TARGETS).where(EVENT_TARGETS.c.name == target)
        connection.execute(lost.values(lost=EVENT_TARGETS.c.lost + 1))
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = dialect.insert(EVENT_OUTBOX).values(
        target=target,
        event=event.id,
        kind=event.kind,
        subject=fit_text(EVENT_OUTBOX.c.subject, event.subject),
        at=event.at,
        data=json.dumps(event.data),
        queued_at=now,
        due_at=now,
        attempts=0,
        failure="",
    )
    # another transaction may be adding the same one
    connection.execute(row.on_conflict_do_nothing(index_elements=["target", "event"]))


def _count_waiting(connection: Connection, target: str) -> int:
    outbox = EVENT_OUTBOX.c
    query = select(func.count()).where(outbox.target == target, outbox.sent_at.is_(None))
    return int(connection.execute(query).scalar_one())


class Outbox:
    """The outbox of a database, for those who send and those who look.

    Every method is a transaction of its own, and may raise StorageError.

    Args:
        clock: the time, aware.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    # --- sending ------------------------------------------------------------------------------

    def register(self, target: str, address: str) -> None:
        """Record that a server is configured to send to a target.

        Args:
            address: digest of where it sends to. Another one begins the target anew: it is no
                longer paused or gone.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            targets = EVENT_TARGETS.c
            known = connection.execute(
                select(targets.address, targets.seen_at).where(targets.name == target)
            ).first()
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            row = dialect.insert(EVENT_TARGETS).values(
                name=target, address=address, since=now, seen_at=now, lost=0
            )
            renewed: Document = {"seen_at": now}
            if known is not None and known.address != address:
                renewed |= {"address": address, "stopped_at": None, "paused_until": None}
            if known is not None and known.seen_at <= now - TARGET_LIFETIME:
                renewed |= {"since": now}  # it was out of use: what happened meanwhile is not sent
            connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=renewed))

    def backlog(self, target: str, worker: str) -> Backlog:
        """Return what waits for a target, and whether a worker could send some of it."""
        now = self._clock()
        with reading(self._engine) as connection:
            outbox, targets = EVENT_OUTBOX.c, EVENT_TARGETS.c
            waiting = connection.execute(
                select(
                    func.count(),
                    func.min(outbox.queued_at, type_=outbox.queued_at.type),
                    func.min(outbox.due_at, type_=outbox.due_at.type),
                ).where(outbox.target == target, outbox.sent_at.is_(None))
            ).one()
            free = select(targets.name).where(targets.name == target, _is_free(worker, now))
            is_due = waiting[2] is not None and waiting[2] <= now
            is_due = is_due and connection.execute(free).first() is not None
            return Backlog(waiting[0], waiting[1], is_due)

    def take_due(self, target: str, worker: str, limit: int) -> list[Letter]:
        """Return the letters that are due, oldest first, if this worker gets the lease."""
        now = self._clock()
        with writing(self._engine) as connection:
            if not self._renew_lease(connection, target, worker, now):
                return []
            outbox = EVENT_OUTBOX.c
            query = (
                select(EVENT_OUTBOX)
                .where(outbox.target == target, outbox.sent_at.is_(None), outbox.due_at <= now)
                .order_by(outbox.id)
                .limit(limit)
            )
            return [_letter_of(row) for row in connection.execute(query).mappings()]

    def mark_sent(self, letter: Letter, worker: str) -> bool:
        """Record that a letter was sent; return whether the worker still has the lease."""
        now = self._clock()
        with writing(self._engine) as connection:
            self._update(connection, letter, sent_at=now, attempts=letter.attempts + 1, failure="")
            return self._renew_lease(connection, letter.target, worker, now)

    def postpone(self, letter: Letter, worker: str, *, failure: str, due_at: datetime) -> bool:
        """Record a failed attempt; return whether the worker still has the lease."""
        with writing(self._engine) as connection:
            self._update(
                connection,
                letter,
                attempts=letter.attempts + 1,
                due_at=due_at,
                failure=fit_text(EVENT_OUTBOX.c.failure, failure),
            )
            return self._renew_lease(connection, letter.target, worker, self._clock())

    def give_up(self, letter: Letter, worker: str, *, failure: str) -> bool:
        """Make a letter a dead one; return whether the worker still has the lease."""
        now = self._clock()
        with writing(self._engine) as connection:
            self._update(
                connection,
                letter,
                attempts=letter.attempts + 1,
                failure=fit_text(EVENT_OUTBOX.c.failure, failure),
            )
            _bury(connection, EVENT_OUTBOX.c.id == letter.number, now)
            return self._renew_lease(connection, letter.target, worker, now)

    def pause(self, target: str, until: datetime) -> None:
        """Send nothing to a target until a time."""
        with writing(self._engine) as connection:
            rows = update(EVENT_TARGETS).where(EVENT_TARGETS.c.name == target)
            connection.execute(rows.values(paused_until=until))

    def stop(self, target: str, *, failure: str) -> int:
        """Stop a target that is gone; return the number of letters that waited, dead now."""
        now, outbox = self._clock(), EVENT_OUTBOX.c
        waits = (outbox.target == target) & outbox.sent_at.is_(None)
        with writing(self._engine) as connection:
            rows = update(EVENT_TARGETS).where(EVENT_TARGETS.c.name == target)
            connection.execute(rows.values(stopped_at=now, owner=None, lease_until=None))
            failed = update(EVENT_OUTBOX).where(waits)
            connection.execute(failed.values(failure=fit_text(outbox.failure, failure)))
            return _bury(connection, waits, now)

    def release(self, target: str, worker: str) -> None:
        """Give the lease of a worker back, so that another one need not wait for its end."""
        rows = update(EVENT_TARGETS).where(
            EVENT_TARGETS.c.name == target, EVENT_TARGETS.c.owner == worker
        )
        with writing(self._engine) as connection:
            connection.execute(rows.values(owner=None, lease_until=None))

    def take_lost(self, target: str) -> int:
        """Return the number of events that found no space since it was last taken."""
        query = select(EVENT_TARGETS.c.lost).where(EVENT_TARGETS.c.name == target)
        with reading(self._engine) as connection:
            if not connection.execute(query).scalar():
                return 0
        with writing(self._engine) as connection:
            lost = int(connection.execute(query.with_for_update()).scalar() or 0)
            rows = update(EVENT_TARGETS).where(EVENT_TARGETS.c.name == target)
            connection.execute(rows.values(lost=0))
            return lost

    def trim(self) -> Trimmed:
        """Give up letters that wait for too long, and remove old sent and dead ones."""
        now, outbox, dead = self._clock(), EVENT_OUTBOX.c, EVENT_DEAD_LETTERS.c
        old = outbox.sent_at.is_(None) & (outbox.queued_at <= now - MAX_AGE)
        with writing(self._engine) as connection:
            by_target = select(outbox.target, func.count()).where(old).group_by(outbox.target)
            expired = {name: int(count) for name, count in connection.execute(by_target)}
            _bury(connection, old, now)
            connection.execute(delete(EVENT_OUTBOX).where(outbox.sent_at <= now - KEEP_SENT))
            newest = select(dead.id).order_by(dead.died_at.desc(), dead.id.desc()).limit(MAX_DEAD)
            removed = connection.execute(
                delete(EVENT_DEAD_LETTERS).where(
                    or_(dead.died_at <= now - KEEP_DEAD, dead.id.not_in(newest))
                )
            ).rowcount
            return Trimmed(expired, removed)

    def _update(self, connection: Connection, letter: Letter, **values: Any) -> None:
        rows = update(EVENT_OUTBOX).where(EVENT_OUTBOX.c.id == letter.number)
        connection.execute(rows.values(**values))

    def _renew_lease(self, connection: Connection, target: str, worker: str, now: datetime) -> bool:
        rows = update(EVENT_TARGETS).where(EVENT_TARGETS.c.name == target, _is_free(worker, now))
        taken = connection.execute(rows.values(owner=worker, lease_until=now + LEASE))
        return taken.rowcount == 1

    # --- looking ------------------------------------------------------------------------------

    def letters(self, state: LetterState, limit: int, before: int | None = None) -> list[Letter]:
        """Return letters of a state, those with the greatest numbers first.

        Args:
            before: only smaller numbers, for the next page.
        """
        table = EVENT_DEAD_LETTERS if state is LetterState.DEAD else EVENT_OUTBOX
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if state is not LetterState.DEAD:
            sent = EVENT_OUTBOX.c.sent_at
            query = query.where(sent.is_not(None) if state is LetterState.SENT else sent.is_(None))
        if before is not None:
            query = query.where(table.c.id < before)
        with reading(self._engine) as connection:
            return [_letter_of(row) for row in connection.execute(query).mappings()]

    def resend(self, number: int, *, by: Actor) -> Letter:
        """Put a dead letter back into the outbox, and begin its target anew if it was stopped.

        Raises:
            UnknownLetterError: there is no such dead letter.
            AbsentTargetError: no server sends to its target at present.
        """
        now, dead = self._clock(), EVENT_DEAD_LETTERS.c
        with writing(self._engine) as connection:
            one = select(EVENT_DEAD_LETTERS).where(dead.id == number).with_for_update()
            row = connection.execute(one).mappings().first()
            if row is None:
                raise UnknownLetterError(number)
            target = row["target"]
            present = (EVENT_TARGETS.c.name == target) & (
                EVENT_TARGETS.c.seen_at > now - TARGET_LIFETIME
            )
            resumed = connection.execute(
                update(EVENT_TARGETS).where(present).values(stopped_at=None, paused_until=None)
            )
            if resumed.rowcount == 0:
                raise AbsentTargetError(target)
            again = {name: value for name, value in row.items() if name != "died_at"} | {
                "queued_at": now,
                "due_at": now,
                "attempts": 0,
            }
            connection.execute(delete(EVENT_DEAD_LETTERS).where(dead.id == number))
            connection.execute(insert(EVENT_OUTBOX).values(**again))
            detail = f"{row['kind']} of {row['subject']} to {target}"
            write(connection, [by.make_event("event.resend", str(number), detail, at=now)])
            return _letter_of({**again, "sent_at": None})


def _is_free(worker: str, now: datetime) -> Any:
    """Return the condition that a worker may send to a target."""
    targets = EVENT_TARGETS.c
    return (
        targets.stopped_at.is_(None)
        & or_(targets.paused_until.is_(None), targets.paused_until <= now)
        & or_(targets.owner.is_(None), targets.owner == worker, targets.lease_until <= now)
    )


def _bury(connection: Connection, which: Any, now: datetime) -> int:
    """Make letters dead ones; return their number."""
    names = [column.name for column in EVENT_DEAD_LETTERS.columns if column.name != "died_at"]
    rows = connection.execute(
        select(*(EVENT_OUTBOX.c[name] for name in names)).where(which).with_for_update()
    )
    letters = [{**row, "died_at": now} for row in rows.mappings()]
    for part in _chunks(letters, 500):
        connection.execute(insert(EVENT_DEAD_LETTERS), part)
        numbers = [letter["id"] for letter in part]
        connection.execute(delete(EVENT_OUTBOX).where(EVENT_OUTBOX.c.id.in_(numbers)))
    return len(letters)


def _chunks(rows: Sequence[Document], size: int) -> Iterator[Sequence[Document]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _letter_of(row: Mapping[Any, Any]) -> Letter:
    died, sent = row.get("died_at"), row.get("sent_at")
    state = LetterState.DEAD if died else LetterState.SENT if sent else LetterState.WAITING
    return Letter(
        number=row["id"],
        target=row["target"],
        event=Event(
            id=row["event"],
            kind=row["kind"],
            subject=row["subject"],
            at=row["at"],
            data=json.loads(row["data"]),
        ),
        state=state,
        attempts=row["attempts"],
        failure=row["failure"],
        queued_at=row["queued_at"],
        due_at=row["due_at"] if state is LetterState.WAITING else None,
        ended_at=died or sent,
    )
