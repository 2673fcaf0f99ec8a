"""The process of one job, seen from inside: its order, its reports, and its end.

The runner starts it with an order on standard input, and reads reports from standard output: a
line of JSON for each progress, and one for the result or the failure. Standard error is the log.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import orjson
from filelock import Timeout
from pydantic import BaseModel, ConfigDict

from config.margins import MARGINS, Margins
from config.outliers import OutlierPolicy
from errors import InputError
from features.data.findings import Report, Severity
from lifecycle.exports import ExportRules
from lifecycle.jobs import Document, JobKind, JobProgress, build_lock, jobs_folder
from models.faults import public_message
from storage.artifacts import ArtifactError, Store
from storage.audit import Actor
from storage.errors import StorageError

LOCK_SECONDS = 60.0
"""Time for which a job waits for another one that builds, as after a restart of the runner."""

REPORT_SECONDS = 0.5
"""Least time between two reports of the progress of one step."""

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class JobOrder(BaseModel):
    """Order of the runner to the process of a job.

    Attributes:
        runner: id of the runner's process.
        root, data: folders of the artifacts and of the sources.
        database: URL of the database, with its password: never written anywhere.
        by: the principal that asked for the job.
        margins: by which a model that is trained may be worse than the one that serves.
        outliers: treatment of outliers on newer days.
        adapt_intervals: as in `lifecycle.monitoring.scoring.score`.
        exports: rules of the exports; None where none is made.
    """

    model_config = ConfigDict(frozen=True)

    job: str
    kind: JobKind
    request: Document
    runner: int
    root: Path
    data: Path
    database: str
    by: str
    margins: Margins = MARGINS
    outliers: OutlierPolicy = OutlierPolicy.WARN
    adapt_intervals: bool | None = None
    exports: ExportRules | None = None

    @property
    def store(self) -> Store:
        return Store(self.root)

    @property
    def actor(self) -> Actor:
        return Actor(self.by, request_id=f"job {self.job}")


class Task:
    """Order of a job, with the functions that report its progress."""

    def __init__(self, order: JobOrder, write: Callable[[bytes], object]) -> None:
        self.order = order
        self._write = write
        self._reported = 0.0
        self._progress = JobProgress(phase="starting")

    def enter(self, phase: str, **place: Any) -> None:
        """Report that a step begins."""
        self._progress = JobProgress(phase=phase, **place)
        self._report()

    def advance(self, done: int, total: int) -> None:
        """Report how much of the step is done, at most twice a second."""
        self._progress = self._progress.model_copy(update={"done": done, "total": total})
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            self._report()

    def log_warnings(self, report: Report) -> None:
        """Write a line for each kind of warning to the log."""
        for line in report.summary_lines(Severity.WARNING):
            self.log(f"warning: {line}")

    def log(self, line: str) -> None:
        """Write a line to the log."""
        print(line, file=sys.stderr)

    def commit(self) -> None:
        """Ignore requests to end from now on: what follows cannot be taken back."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def send(self, document: Document) -> None:
        """Send a report to the runner; if that has died, this process is about to."""
        self._write(orjson.dumps(document) + b"\n")

    def _report(self) -> None:
        self._reported = time.monotonic()
        self.send({"progress": self._progress.model_dump()})


def run_task(work: Callable[[Task], Document]) -> NoReturn:
    """Do the work of this process's job, report how it ended, and exit."""
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # libraries that print do so into the log
    order = JobOrder.model_validate_json(sys.stdin.buffer.read())
    _die_with(order.runner)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # tidies up
    task = Task(order, reports.write)
    try:
        task.send({"result": _do(work, task)})
    except (ArtifactError, InputError) as error:
        task.send({"failure": public_message(error, order.root, order.data)})
    except StorageError as error:
        task.send({"failure": f"The database failed: {error}"})
    except Exception as error:
        message = public_message(error, order.root, order.data)
        task.send({"failure": f"{message}; the job's log has more"})
        raise
    sys.exit(0)


def _do(work: Callable[[Task], Document], task: Task) -> Document:
    if not task.order.kind.builds:
        return work(task)
    jobs_folder(task.order.store).mkdir(parents=True, exist_ok=True)
    try:
        with build_lock(task.order.store, timeout=LOCK_SECONDS):
            return work(task)
    except Timeout:
        raise InputError(
            f"another job has been building for more than {LOCK_SECONDS:g} s; ask again later"
        ) from None


def _die_with(runner: int) -> None:
    """Let the kernel kill this process when the runner ends, however that happens.

    Otherwise a training whose runner was killed would go on, and serve its model although the job
    was reported as interrupted. Linux alone can do so; elsewhere the lock of the build makes the
    next job wait.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl failed")
    if os.getppid() != runner:  # it ended before this was arranged
        sys.exit("the runner has ended")
