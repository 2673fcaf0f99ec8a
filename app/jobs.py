"""Log lines and metrics of jobs, for operators."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from lifecycle.jobs import Job, JobKind, State
from telemetry import metrics

_log = structlog.get_logger(__name__)


def report_end(job: Job) -> None:
    """Log and count a job that has ended; a failure is an error with its reason."""
    metrics.count_job(job.kind.value, job.state.value)
    about = {"job": job.id, "by": job.by, **job.request}
    if job.state is State.FAILED:
        _log.error(f"{_event_of(job)}_failed", **about, phase=job.phase, reason=job.detail)
    elif job.state is State.CANCELLED:
        _log.info(f"{_event_of(job)}_cancelled", **about, cancelled_by=job.cancelled_by)
    else:
        results = ("bundle", "snapshot", "outcome", "usable")
        result = {name: job.result[name] for name in results if name in job.result}
        _log.info(f"{_event_of(job)}_succeeded", **about, **result)
    if job.kind is JobKind.RELOAD and job.state is not State.CANCELLED:
        metrics.count_reload(job.state.value)
        show_last_reloads([job])


def show_last_reloads(jobs: Iterable[Job]) -> None:
    """Set the metrics of the last success and failure of the reloads among some jobs."""
    reloads = [job for job in jobs if job.kind is JobKind.RELOAD]
    for state in (State.SUCCEEDED, State.FAILED):
        times = [job.finished_at for job in reloads if job.state is state and job.finished_at]
        if times:
            metrics.set_last_reload(state.value, max(times))


def _event_of(job: Job) -> str:
    return job.kind.value.replace("-", "_")
