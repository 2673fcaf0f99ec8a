"""Jobs that servers are asked for: their kinds, states, progress and outcomes.

A job is requested by a call, waits in the queue (`lifecycle.job_queue`), and is executed by a
runner (`lifecycle.runner`) in a process of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from storage.artifacts import Store

MAX_JOBS = 50
"""Number of ended jobs of each kind that are kept."""

INTERRUPTED = "The job was interrupted: its process ended before it was done. Ask again."

Document = dict[str, Any]


class JobKind(StrEnum):
    """Kind of a job.

    Attributes:
        RELOAD: builds a snapshot of newer tables, and serves it.
        TRAINING: trains a model on tables, and serves it if it is to be.
        TRAINING_CHECK: says what a training would do, without training.
        UPLOAD: checks uploaded tables, and makes them a source.
        SCORING: compares the forecasts that are kept with what was sold.
        EXPORT: writes forecasts of a release into a file.
    """

    RELOAD = "reload"
    TRAINING = "training"
    TRAINING_CHECK = "training-check"
    UPLOAD = "upload"
    SCORING = "scoring"
    EXPORT = "export"

    @property
    def builds(self) -> bool:
        """Return whether it may change what is served: no two such jobs run at the same time."""
        return self in (JobKind.RELOAD, JobKind.TRAINING)

    @property
    def trains(self) -> bool:
        """Return whether it needs the libraries of a training."""
        return self in (JobKind.TRAINING, JobKind.TRAINING_CHECK)


class State(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class JobProgress(_Frozen):
    """Progress of a job.

    Attributes:
        phase: name of the current step, or of the last one of an ended job.
        step, steps: its number, from 1, and the number of all steps; None if not known.
        done, total: parts of the step that are done; None if it has no parts.
        seconds_remaining: estimate for the whole job; None if there is none.
    """

    phase: str
    step: int | None = None
    steps: int | None = None
    done: int | None = None
    total: int | None = None
    seconds_remaining: float | None = None


class JobEnd(_Frozen):
    """End of a job.

    Attributes:
        detail: reason of a failure.
        result: of a success; what it contains depends on the kind.
    """

    state: State
    finished_at: datetime
    detail: str | None = None
    result: Document | None = None


class Job(_Frozen):
    """One job.

    Attributes:
        request: what was asked for, by the names of the call.
        by: the principal that asked.
        cancelled_by: the principal that asked to cancel it.
    """

    id: str
    kind: JobKind
    request: Document
    by: str
    queued_at: datetime
    state: State
    started_at: datetime | None = None
    progress: JobProgress | None = None
    cancelled_by: str | None = None
    outcome: JobEnd | None = None

    @property
    def ended(self) -> bool:
        return self.state not in (State.QUEUED, State.RUNNING)

    @property
    def finished_at(self) -> datetime | None:
        return None if self.outcome is None else self.outcome.finished_at

    @property
    def phase(self) -> str | None:
        return None if self.progress is None else self.progress.phase

    @property
    def detail(self) -> str | None:
        return None if self.outcome is None else self.outcome.detail

    @property
    def result(self) -> Document:
        return (None if self.outcome is None else self.outcome.result) or {}


def now() -> datetime:
    return datetime.now(UTC)


def jobs_folder(store: Store) -> Path:
    """Return the folder of the logs and locks of jobs."""
    return store.root / "jobs"


def log_path(store: Store, job: str) -> Path:
    """Return the path of what the process of a job has written."""
    return jobs_folder(store) / f"{job}.log"


def build_lock(store: Store, *, timeout: float) -> FileLock:
    """Return the lock of the process that builds; acquiring it may raise Timeout, an OSError."""
    return FileLock(jobs_folder(store) / ".building", timeout=timeout)


def scoring_lock(store: Store, *, timeout: float) -> FileLock:
    """Return the lock of the process that compares forecasts with the sales, as `build_lock`."""
    return FileLock(jobs_folder(store) / ".scoring", timeout=timeout)


def runner_lock(store: Store) -> FileLock:
    """Return the lock of the runner that works on the jobs of a store."""
    return FileLock(jobs_folder(store) / ".runner")
