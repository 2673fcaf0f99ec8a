"""Requests for a scoring, when there is something to compare."""

from __future__ import annotations

from dataclasses import replace

import structlog
from sqlalchemy import Engine

from lifecycle.job_queue import JobQueue, NoRunnerError, QueueFullError
from lifecycle.jobs import JobKind
from storage.actuals import ActualStore
from storage.artifacts import ArtifactError, Release, Store
from storage.audit import Actor
from storage.errors import StorageError

_BY = Actor("mlrf")
_log = structlog.get_logger(__name__)


class ScoringRequester:
    """Requester of a scoring whenever what is served, or what was reported, has changed.

    The runner calls it at an interval, because it has the queue at hand: servers would have to load
    the queue's library for it.
    """

    def __init__(self, store: Store, database: Engine) -> None:
        self._store = store
        self._actuals = ActualStore(database)
        self._requested: tuple[Release, int] | None = None
        self._reason = ""

    def request_if_changed(self, queue: JobQueue) -> None:
        """Add a job if there is something that no job was added for; else it is tried again."""
        try:
            # a scoring changes the adaptation itself
            release = replace(self._store.current(), adaptation=None)
            seen = release, self._actuals.newest_report()
            if seen == self._requested:
                return
            queue.add(JobKind.SCORING, {"snapshot": release.snapshot}, by=_BY)
        except ArtifactError:  # nothing is served yet
            return
        except (QueueFullError, NoRunnerError, StorageError) as error:
            if str(error) != self._reason:  # else it was logged
                _log.warning("scoring_not_requested", reason=str(error))
            self._reason = str(error)
            return
        self._requested, self._reason = seen, ""
