"""Reload jobs: their request, progress and failure.

A job is a small file beside the artifacts, replaced by rename, so that every worker of every
replica on the volume can read it. The building process holds a lock for as long as it lives; a job
that has not ended while the lock is free was interrupted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from secrets import token_hex

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from storage.artifacts import Store, read_regular

START_SECONDS = 60
"""Time in which the process of a new job must acquire the lock."""

INTERRUPTED = "The build was interrupted: its process ended before it was done. Ask again."
_LONGEST_JOB = 2**20
_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
_LOCK_SECONDS = 10


class State(StrEnum):
    """State of a job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Job(BaseModel):
    """One reload.

    Attributes:
        source: folder of the tables, as requested.
        force: whether a snapshot older than the serving one is allowed.
        phase: current step, or the last one of an ended job.
        detail: reason of a failure.
        previous_snapshot: snapshot that served before; None until it is known.
        bundle, snapshot: release that serves since the job succeeded.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    source: str
    force: bool
    state: State
    queued_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    phase: str | None = None
    detail: str | None = None
    previous_snapshot: str | None = None
    bundle: str | None = None
    snapshot: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in (State.SUCCEEDED, State.FAILED)

    def as_failed(self, detail: str) -> Job:
        """Return the job with the state failed, finished now."""
        return self.model_copy(
            update={"state": State.FAILED, "finished_at": now(), "detail": detail}
        )


def now() -> datetime:
    return datetime.now(UTC)


class Jobs:
    """The jobs of one store, newest first.

    Every method may raise OSError: the volume cannot be read or written.

    Args:
        on_end: called with each job that this process finds interrupted.
    """

    def __init__(self, store: Store, on_end: Callable[[Job], object] = lambda job: None) -> None:
        self.folder = store.root / "jobs"
        self._on_end = on_end

    def build_lock(self, *, timeout: float = _LOCK_SECONDS) -> FileLock:
        """Return the lock of the building process; acquiring it may raise Timeout, an OSError."""
        return FileLock(self.folder / ".building", timeout=timeout)

    def start_lock(self) -> FileLock:
        """Return the lock under which a process checks for running jobs and adds one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / ".starting", timeout=_LOCK_SECONDS)

    def log_path(self, name: str) -> Path:
        """Return the path of the log of a job's process, for the operator."""
        return self.folder / f"{name}.log"

    def add(self, source: str, *, force: bool) -> Job:
        """Store a new, queued job and return it."""
        when = now()
        name = f"{when:%Y%m%dT%H%M%S}-{token_hex(4)}"
        return self.save(
            Job(id=name, source=source, force=force, state=State.QUEUED, queued_at=when)
        )

    def save(self, job: Job) -> Job:
        """Replace the file of a job, by one rename."""
        temporary = self.folder / f".{job.id}-{token_hex(4)}"
        temporary.write_text(job.model_dump_json(), encoding="utf-8")
        temporary.replace(self._path_of(job.id))
        return job

    def read(self, name: str) -> Job | None:
        """Return a job as stored; None if there is no such job."""
        if not _ID.fullmatch(name):  # a name comes from a caller and becomes a path
            return None
        try:
            return Job.model_validate_json(read_regular(self._path_of(name), _LONGEST_JOB))
        except (FileNotFoundError, ValidationError):
            return None

    def find(self, name: str) -> Job | None:
        """Return a job, closed first if its process has ended without closing it."""
        job = self.read(name)
        return job and self._close_if_interrupted(job)

    def all(self) -> list[Job]:
        """Return every job, newest first, each as `find` returns it."""
        names = sorted((path.stem for path in self.folder.glob("*.json")), reverse=True)
        return [job for name in names if (job := self.find(name)) is not None]

    def close(self, name: str, detail: str) -> None:
        """Mark a job as failed whose process has ended, unless the job has ended."""
        job = self.read(name)
        if job is not None and not job.ended:
            self.save(job.as_failed(detail))

    def trim(self, keep: int) -> None:
        """Remove all but the newest jobs."""
        for path in sorted(self.folder.glob("*.json"), reverse=True)[keep:]:
            for belonging in self.folder.glob(f"*{path.stem}*"):
                belonging.unlink(missing_ok=True)

    def _path_of(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _close_if_interrupted(self, job: Job) -> Job:
        starting = now() - job.queued_at < timedelta(seconds=START_SECONDS)
        if job.ended or (job.state is State.QUEUED and starting):
            return job
        with suppress(OSError), self.build_lock(timeout=0):
            # no other process can build while this one has the lock, so this state is final
            latest = self.read(job.id) or job
            if latest.ended:
                return latest
            interrupted = self.save(latest.as_failed(INTERRUPTED))
            self._on_end(interrupted)
            return interrupted
        return job
