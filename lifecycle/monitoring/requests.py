"""Requests for a scoring, when there is something to compare."""

from __future__ import annotations

import time
from collections.abc import Callable
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


QUIET_SECONDS = 60.0
"""Time for which nothing changes before a scoring is asked for: reports come many at once."""


class ScoringRequester:
    """Requester of a scoring when what is served, or what was reported, has changed.

    The runner calls it at an interval, because it has the queue at hand: servers would have to load
    the queue's library for it.
    """

    def __init__(
        self,
        store: Store,
        database: Engine,
        *,
        quiet: float = QUIET_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._actuals = ActualStore(database)
        self._quiet = quiet
        self._clock = clock
        self._seen: tuple[Release, int] | None = None
        self._since = 0.0
        self._requested: tuple[Release, int] | None = None
        self._reason = ""

    def request_if_changed(self, queue: JobQueue) -> None:
        """Add a job if there is something new that has not changed for a while."""
        try:
            # a scoring changes the adaptation itself
            release = replace(self._store.current(), adaptation=None)
            seen = release, self._actuals.newest_report()
            if seen != self._seen:
                self._seen, self._since = seen, self._clock()
            if seen == self._requested or self._clock() - self._since < self._quiet:
                return
            queue.add(JobKind.SCORING, {"snapshot": release.snapshot}, by=_BY)
        except ArtifactError:  # nothing is served yet
            return
        except (QueueFullError, NoRunnerError, StorageError) as error:  # tried again
            if str(error) != self._reason:  # else it was logged
                _log.warning("scoring_not_requested", reason=str(error))
            self._reason = str(error)
            return
        self._requested, self._reason = seen, ""
