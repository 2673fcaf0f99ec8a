"""Rollouts in the database: trials of a release beside the active one, and their evidence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.release_changes import ReleaseState
from storage.tables import ROLLOUT_EVIDENCE, ROLLOUTS, fit_text

Document = dict[str, Any]

CACHED = "hit"
"""Last word of the name of a kind of call that the cache answered."""

_SUMS = ("answers", "failures", "log_seconds", "log_squares", "moved")


class Role(StrEnum):
    """Role of the release that made an answer.

    Attributes:
        ACTIVE: the active release, for callers who take no part.
        CANARY: the challenger, for callers who take part.
        SHADOW: the challenger, for requests that are repeated.
    """

    ACTIVE = "active"
    CANARY = "canary"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A trial of a release beside the active one.

    Attributes:
        bundle: name of its bundle.
        stage: shadow or canary.
        share: of the callers that it answers, from 0 to 1.
        automatic: whether it goes on to the next share by itself.
        started_at, step_at: when it began, and since when the share is what it is; aware.
        report: how it compares with the active release; None until a server has compared them.
    """

    id: int
    bundle: str
    stage: ReleaseState
    share: float
    automatic: bool
    started_at: datetime
    step_at: datetime
    report: Document | None

    @property
    def step(self) -> tuple[int, datetime]:
        """Its id, and when its share last changed: another value tells that it has gone on."""
        return self.id, self.step_at


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over answers.

    Attributes:
        failures: answers that failed: 5xx, or an exception.
        log_seconds, log_squares: sums of the logarithms of their times in seconds, and of the
            squares of these logarithms; of repeated requests, of the ratio to the first time.
        moved: sum of the relative differences of repeated answers.
    """

    answers: int = 0
    failures: int = 0
    log_seconds: float = 0.0
    log_squares: float = 0.0
    moved: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in _SUMS))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts of the answers to one kind of call.

    Attributes:
        call: route, and outcome of the cache.
        share: of the callers that the release answered meanwhile.
    """

    role: Role
    call: str
    share: float
    counts: Counts


def find_rollout(connection: Connection) -> Rollout | None:
    """Return the rollout that has not ended, or None."""
    query = select(ROLLOUTS).where(ROLLOUTS.c.ended_at.is_(None)).order_by(ROLLOUTS.c.id.desc())
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    report = row["report"]
    return Rollout(
        **{name: row[name] for name in ("id", "bundle", "share", "automatic")},
        started_at=row["started_at"],
        step_at=row["step_at"],
        stage=ReleaseState(row["stage"]),
        report=None if report is None else json.loads(report),
    )


def add_rollout(
    connection: Connection,
    bundle: str,
    stage: ReleaseState,
    *,
    share: float,
    automatic: bool,
    at: datetime,
) -> Rollout:
    """Add a rollout and return it."""
    values = {
        "bundle": bundle,
        "stage": stage,
        "share": share,
        "automatic": automatic,
        "started_at": at,
        "step_at": at,
    }
    done = connection.execute(insert(ROLLOUTS).values(**values))
    (key,) = done.inserted_primary_key or (0,)
    return Rollout(id=key, report=None, **values)  # type: ignore[arg-type]


def move_rollout(
    connection: Connection,
    rollout: Rollout,
    stage: ReleaseState,
    *,
    share: float,
    automatic: bool,
    at: datetime,
) -> Rollout:
    """Change the stage or the share of a rollout, and return it."""
    values: Document = {"stage": stage, "share": share, "automatic": automatic, "step_at": at}
    connection.execute(update(ROLLOUTS).where(ROLLOUTS.c.id == rollout.id).values(**values))
    return replace(rollout, **values)


def end_rollout(connection: Connection, bundle: str, *, at: datetime) -> None:
    """End the rollout of a bundle, if there is one that has not ended."""
    open_one = (ROLLOUTS.c.bundle == bundle) & ROLLOUTS.c.ended_at.is_(None)
    connection.execute(update(ROLLOUTS).where(open_one).values(ended_at=at))


def write_report(connection: Connection, rollout: int, report: Document) -> None:
    """Record how the release of a rollout compares with the active one."""
    values = {"report": json.dumps(report)}
    connection.execute(update(ROLLOUTS).where(ROLLOUTS.c.id == rollout).values(**values))


def add_evidence(
    connection: Connection, rollout: int, worker: str, evidence: Iterable[Evidence]
) -> None:
    """Add counts of a worker to those that it has added before."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for each in evidence:
        counts = {name: getattr(each.counts, name) for name in _SUMS}
        added = dialect.insert(ROLLOUT_EVIDENCE).values(
            rollout=rollout,
            worker=worker,
            role=each.role,
            call=fit_text(ROLLOUT_EVIDENCE.c.call, each.call),
            share=each.share,
            **counts,
        )
        connection.execute(
            added.on_conflict_do_update(
                index_elements=list(ROLLOUT_EVIDENCE.primary_key.columns),
                set_={name: ROLLOUT_EVIDENCE.c[name] + counts[name] for name in _SUMS},
            )
        )


def list_evidence(connection: Connection, rollout: int) -> list[Evidence]:
    """Return the counts of all workers together."""
    table = ROLLOUT_EVIDENCE.c
    by = (table.role, table.call, table.share)
    sums = [func.sum(table[name]).label(name) for name in _SUMS]
    query = select(*by, *sums).where(table.rollout == rollout).group_by(*by).order_by(*by)
    return [
        Evidence(
            Role(row["role"]),
            row["call"],
            row["share"],
            Counts(int(row["answers"]), int(row["failures"]), *(row[name] for name in _SUMS[2:])),
        )
        for row in connection.execute(query).mappings()
    ]
