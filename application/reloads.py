"""What an operator sees of reloads: a log line when one ends, and metrics."""

from __future__ import annotations

import anyio.to_thread
import structlog

from models.jobs import Job, State
from models.reload import Reloader
from telemetry import metrics

_log = structlog.get_logger(__name__)


def report_end(job: Job) -> None:
    """Log and count a reload that has ended; a failure is an error with its reason."""
    metrics.reload_ended(job.state.value)
    about = {"job": job.id, "source": job.source}
    if job.state is State.FAILED:
        _log.error("reload_failed", **about, phase=job.phase, reason=job.detail)
    else:
        _log.info("reload_succeeded", **about, bundle=job.bundle, snapshot=job.snapshot)


class ReloadWatch:
    """Keeps the metrics of the last reloads, whichever worker or replica ran them.

    It reads the files of the jobs, so the metrics outlive a restart; looking at them also ends
    those whose process is gone, which nobody may ask for.
    """

    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader

    async def observe(self) -> None:
        """Set when the last reload succeeded, and when the last one failed."""
        jobs = await anyio.to_thread.run_sync(self._reloader.jobs, abandon_on_cancel=True)
        for state in (State.SUCCEEDED, State.FAILED):
            times = [job.finished_at for job in jobs if job.state is state and job.finished_at]
            if times:
                metrics.last_reload(state.value, max(times))
