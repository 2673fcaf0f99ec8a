"""Log lines, metrics and events of jobs, for operators."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import structlog

from lifecycle.job_ends import NewestEnd, note_end
from lifecycle.job_queue import JobQueue
from lifecycle.jobs import Job, JobKind, State, now
from lifecycle.monitoring.events import publish_job_end
from storage.artifacts import Store
from storage.database import open_database, writing
from storage.errors import StorageError
from telemetry import metrics

PUBLISH_AGAIN = timedelta(days=1)
"""Time for which the end of a job is published again, shorter than the outbox recognizes it."""

_log = structlog.get_logger(__name__)

for _kind in JobKind:
    for _outcome in (State.SUCCEEDED, State.FAILED):
        metrics.JOBS.start(_kind, _outcome)


def report_end(job: Job) -> None:
    """Log and count a job that has ended; a failure is an error with its reason."""
    metrics.JOBS.add_now(job.kind, job.state)
    request = {name: value for name, value in job.request.items() if name != "payload"}
    about = {"job": job.id, "by": job.by, **request}  # a payload may name a thousand nodes
    if job.state is State.FAILED:
        _log.error(f"{_event_of(job)}_failed", **about, phase=job.phase, reason=job.detail)
    elif job.state is State.CANCELLED:
        _log.info(f"{_event_of(job)}_cancelled", **about, cancelled_by=job.cancelled_by)
    else:
        results = ("bundle", "snapshot", "outcome", "usable")
        result = {name: job.result[name] for name in results if name in job.result}
        _log.info(f"{_event_of(job)}_succeeded", **about, **result)


class EndedJobs:
    """Publisher of the ends of jobs.

    The queue has a database of its own. An end whose event could not be recorded, because the
    database failed or the runner died in between, is published again; the outbox takes it once.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self._queue = JobQueue(url)
        self._database = open_database(url)

    def publish(self, jobs: Iterable[Job]) -> None:
        """Publish the ends of jobs; log a failure."""
        try:
            with writing(self._database) as connection:
                for job in jobs:
                    publish_job_end(connection, job)
        except StorageError as error:
            _log.warning("job_event_not_recorded", reason=str(error))

    def publish_again(self) -> None:
        """Publish the ends of the jobs of the last day, those that were published too."""
        since = now() - PUBLISH_AGAIN
        try:
            jobs = self._queue.all()
        except StorageError as error:
            _log.warning("jobs_not_read", reason=str(error))
            return
        self.publish([job for job in jobs if job.finished_at and job.finished_at > since])


def note_job_end(store: Store, job: Job) -> None:
    """Record the end of a job beside the artifacts, from where servers export it."""
    if job.finished_at is None:
        return
    began = job.started_at or job.queued_at
    seconds = (job.finished_at - began).total_seconds()
    end = NewestEnd(kind=job.kind, outcome=job.state, at=job.finished_at, seconds=seconds)
    try:
        note_end(store, end)
    except OSError as error:
        _log.warning("job_end_not_noted", job=job.id, reason=str(error))


def _event_of(job: Job) -> str:
    return job.kind.value.replace("-", "_")
