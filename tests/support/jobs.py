"""Runners of jobs in processes of their own, and what tests ask the queue for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from config.paths import ROOT
from config.settings import SecretManager, Settings
from lifecycle.job_queue import JobQueue
from lifecycle.jobs import Job, JobKind
from lifecycle.runner import PROCESSES
from storage.artifacts import Store
from storage.audit import Actor
from tests.support.waiting import wait_until

ANNA = Actor("anna")
JOB_SECONDS = 300.0
"""Many times what a job takes, which has a lower priority than all else on the machine."""


@dataclass(frozen=True)
class RunningRunner:
    """A runner in a process of its own.

    Attributes:
        log: file with its log lines.
    """

    process: psutil.Process
    log: Path

    def process_of(self, job: Job) -> psutil.Process:
        """Return the process that executes a job, the only one of its kind."""
        children = self.process.children()
        (child,) = (each for each in children if PROCESSES[job.kind] in each.cmdline())
        return child


@contextmanager
def running_runner(
    url: str, store: Store, data: Path, log: Path, **settings: str
) -> Iterator[RunningRunner]:
    """Run a runner until the block ends; it may not have started its work yet.

    Args:
        settings: environment variables, beside those of the other arguments.
    """
    variables = [name.upper() for kind in (Settings, SecretManager) for name in kind.model_fields]
    own = {
        "ARTIFACTS_DIR": str(store.root),
        "DATA_DIR": str(data),
        "DATABASE_URL": url,
        **settings,
    }
    command = [
        *("env", *(part for name in variables for part in ("-u", name))),
        *(f"{name}={value}" for name, value in own.items()),
        *(sys.executable, "-m", "app.runner"),
    ]
    with log.open("ab") as lines:
        process = subprocess.Popen(command, cwd=ROOT, stdout=lines, stderr=lines)
    try:
        yield RunningRunner(psutil.Process(process.pid), log)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(30)


class Desk:
    """The queue, as a server uses it for callers."""

    def __init__(self, queue: JobQueue, store: Store) -> None:
        self.queue = queue
        self.store = store

    def add(self, kind: JobKind, **request: Any) -> Job:
        """Add a job, as soon as a runner is at work."""
        wait_until(lambda: (runner := self.queue.runner()) is not None and runner.is_alive)
        return self.queue.add(kind, request, by=ANNA)[0]

    def reload(self, source: str, *, force: bool = False) -> Job:
        return self.add(JobKind.RELOAD, source=source, force=force)

    def read(self, job: Job) -> Job:
        """Return a job as it is now."""
        current = self.queue.find(job.id)
        assert current is not None
        return current

    def wait(self, job: Job, holds: Callable[[Job], object]) -> Job:
        """Wait until something holds of a job, and return it."""
        wait_until(lambda: holds(self.read(job)), JOB_SECONDS)
        return self.read(job)

    def finish(self, job: Job) -> Job:
        """Wait for the end of a job."""
        return self.wait(job, lambda job: job.ended)

    def forecast_lock(self) -> FileLock:
        """Return a lock that blocks a reload at its last step."""
        return FileLock(self.store.forecasts / ".lock")
