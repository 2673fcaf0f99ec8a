"""Log lines and metrics of reloads, for operators."""

from __future__ import annotations

import anyio.to_thread
import structlog

from lifecycle.jobs import Job, State
from lifecycle.reload import Reloader
from telemetry import metrics

_log = structlog.get_logger(__name__)


def report_end(job: Job) -> None:
    """Log and count a reload that has ended; a failure is an error with its reason."""
    metrics.count_reload(job.state.value)
    about = {"job": job.id, "source": job.source}
    if job.state is State.FAILED:
        _log.error("reload_failed", **about, phase=job.phase, reason=job.detail)
    else:
        _log.info("reload_succeeded", **about, bundle=job.bundle, snapshot=job.snapshot)


class ReloadWatch:
    """Metrics of the last reloads of all workers and replicas.

    They are derived from the files of the jobs, so they outlive a restart. Reading those files
    also ends jobs whose process has died, even if no client requests them.
    """

    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader

    async def observe(self) -> None:
        """Set the metrics of the times of the last success and of the last failure."""
        jobs = await anyio.to_thread.run_sync(self._reloader.jobs, abandon_on_cancel=True)
        for state in (State.SUCCEEDED, State.FAILED):
            times = [job.finished_at for job in jobs if job.state is state and job.finished_at]
            if times:
                metrics.set_last_reload(state.value, max(times))
