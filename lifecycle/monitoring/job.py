"""The process of a scoring, and the request for one when there is something to compare."""

from __future__ import annotations

import structlog
from sqlalchemy import Engine

from lifecycle.job_queue import JobQueue, QueueFullError
from lifecycle.job_task import Task, run_task
from lifecycle.jobs import Document, JobKind
from lifecycle.monitoring.scoring import PHASES, describe, score
from storage.actuals import ActualStore
from storage.artifacts import ArtifactError, Release, Store
from storage.audit import Actor
from storage.database import open_database
from storage.migrations import upgrade

_BY = Actor("mlrf")
_log = structlog.get_logger(__name__)


class ScoringRequester:
    """Requester of a scoring whenever what is served, or what was reported, has changed.

    The runner calls it at an interval, because it has the queue at hand: servers would have to load
    the queue's library for it.
    """

    def __init__(self, store: Store, database: Engine, queue: JobQueue) -> None:
        self._store = store
        self._database = database
        self._queue = queue
        self._requested: tuple[Release, int] | None = None

    def request_if_changed(self) -> None:
        """Add a job if there is something that no job was added for.

        Raises:
            StorageError: the database fails.
        """
        try:
            seen = self._store.current(), ActualStore(self._database).newest_report()
        except ArtifactError:  # nothing is served yet
            return
        if seen == self._requested:
            return
        try:
            self._queue.add(JobKind.SCORING, {"snapshot": seen[0].snapshot}, by=_BY)
        except QueueFullError as error:  # asked for again at the next call
            _log.warning("scoring_not_requested", reason=str(error))
            return
        self._requested = seen


def run_scoring(task: Task) -> Document:
    """Compare the kept forecasts with what was sold, and return what was compared."""
    database = open_database(task.order.database)
    try:
        upgrade(database)
        scored = score(
            task.order.store,
            database,
            enter=lambda phase: task.enter(phase, step=PHASES.index(phase) + 1, steps=len(PHASES)),
            advance=task.advance,
        )
    finally:
        database.dispose()
    for name, reason in scored.damaged.items():
        task.log(f"warning: the vintage {name} cannot be used: {reason}")
    return describe(scored)


if __name__ == "__main__":
    run_task(run_scoring)
