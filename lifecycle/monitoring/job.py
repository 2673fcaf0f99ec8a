"""The process of a scoring: forecasts are compared with the sales, and what serves is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from filelock import Timeout
from sqlalchemy import Engine

from errors import InputError
from lifecycle.job_task import Task, run_task
from lifecycle.jobs import Document, jobs_folder, now, scoring_lock
from lifecycle.monitoring.scoring import COMPARING, KEEPING, Scored, score
from lifecycle.monitoring.watch import Watched, watch
from models.engine import Progress
from storage.artifacts import Store
from storage.database import open_database
from storage.migrations import upgrade

JUDGING = "looking for drift"
PHASES = (KEEPING, COMPARING, JUDGING)

LOCK_SECONDS = 60.0
"""Time for which a scoring waits for another one."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of a scoring."""

    scored: Scored
    watched: Watched

    def describe(self) -> dict[str, Any]:
        """Return what was done, as JSON."""
        return {
            "vintages": list(self.scored.vintages),
            "days": {bundle: _span(days) for bundle, days in self.scored.days.items()},
            "damaged": dict(self.scored.damaged),
            "adaptation": self.scored.release.adaptation,
            "outliers": [each.message for each in self.watched.outliers],
            "drifts_opened": [each.message for each in self.watched.opened],
            "drifts_closed": [each.message for each in self.watched.closed],
            "has_reference": self.watched.has_reference,
        }


def score_and_watch(
    store: Store,
    database: Engine,
    *,
    adapt_intervals: bool | None = None,
    enter: Callable[[str], object] = lambda phase: None,
    advance: Progress = lambda done, total: None,
) -> Outcome:
    """Compare the kept forecasts with what was sold, and judge what serves by it.

    Args:
        adapt_intervals, enter, advance: as in `lifecycle.monitoring.scoring.score`.

    Raises:
        InputError: another process does so.
        ArtifactError: nothing is served, or it is damaged.
        StorageError: the database fails.
    """
    jobs_folder(store).mkdir(parents=True, exist_ok=True)
    try:
        with scoring_lock(store, timeout=LOCK_SECONDS):
            scored = score(
                store, database, adapt_intervals=adapt_intervals, enter=enter, advance=advance
            )
            enter(JUDGING)
            return Outcome(scored, watch(store, database, today=now().date()))
    except Timeout:
        raise InputError(
            f"another scoring has been running for more than {LOCK_SECONDS:g} s; ask again later"
        ) from None


def run_scoring(task: Task) -> Document:
    """Do the work of a scoring, and return what was done."""
    database = open_database(task.order.database)
    try:
        upgrade(database)
        outcome = score_and_watch(
            task.order.store,
            database,
            adapt_intervals=task.order.adapt_intervals,
            enter=lambda phase: task.enter(phase, step=PHASES.index(phase) + 1, steps=len(PHASES)),
            advance=task.advance,
        )
    finally:
        database.dispose()
    for name, reason in outcome.scored.damaged.items():
        task.log(f"warning: the vintage {name} cannot be used: {reason}")
    return outcome.describe()


def _span(days: list[date]) -> Mapping[str, Any]:
    return {"first": min(days).isoformat(), "last": max(days).isoformat(), "count": len(days)}


if __name__ == "__main__":
    run_task(run_scoring)
