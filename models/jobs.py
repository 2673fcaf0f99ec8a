"""The jobs of reloading: what was asked for, how far it is, and why it failed.

A job is a small file beside the artifacts, replaced by rename, so that every worker of every
replica on the volume can tell of it. Who builds holds a lock for as long as it lives; a job that
has not ended while the lock is free was interrupted.
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

from artifacts import Store, read_regular

START_SECONDS = 60
"""Time that the process of a job has until it holds the lock."""

INTERRUPTED = "The build was interrupted: its process ended before it was done. Ask again."
_LONGEST_JOB = 2**20
_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
_LOCK_SECONDS = 10


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Job(BaseModel):
    """One reload.

    Attributes:
        source: folder of the tables, as it was asked for.
        force: whether a snapshot older than the serving one was asked for.
        phase: the step that it is in, or was in when it ended.
        detail: why it failed.
        previous_snapshot: that served before it; None until it is known.
        bundle, snapshot: that serve since it succeeded.
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

    def failed(self, detail: str) -> Job:
        """The same job, failed now."""
        return self.model_copy(
            update={"state": State.FAILED, "finished_at": now(), "detail": detail}
        )


def now() -> datetime:
    return datetime.now(UTC)


class Jobs:
    """The jobs of one store, newest first.

    Every method may raise OSError: the volume cannot be read or written.

    Args:
        on_end: called with a job that this process finds to be interrupted.
    """

    def __init__(self, store: Store, on_end: Callable[[Job], object] = lambda job: None) -> None:
        self.folder = store.root / "jobs"
        self._on_end = on_end

    def building(self, *, timeout: float = _LOCK_SECONDS) -> FileLock:
        """The lock of the one process that builds; Timeout, an OSError, if it is not had."""
        return FileLock(self.folder / ".building", timeout=timeout)

    def starting(self) -> FileLock:
        """The lock under which a process looks for running jobs and adds one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / ".starting", timeout=_LOCK_SECONDS)

    def log(self, name: str) -> Path:
        """Where the process of a job writes what nobody expected, for the operator."""
        return self.folder / f"{name}.log"

    def add(self, source: str, *, force: bool) -> Job:
        """A new job, queued."""
        when = now()
        name = f"{when:%Y%m%dT%H%M%S}-{token_hex(4)}"
        return self.save(
            Job(id=name, source=source, force=force, state=State.QUEUED, queued_at=when)
        )

    def save(self, job: Job) -> Job:
        """Replace the file of a job, by one rename."""
        written = self.folder / f".{job.id}-{token_hex(4)}"
        written.write_text(job.model_dump_json(), encoding="utf-8")
        written.replace(self._file(job.id))
        return job

    def read(self, name: str) -> Job | None:
        """A job as its file has it; None where there is no such job."""
        if not _ID.fullmatch(name):  # a name comes from a caller and becomes a path
            return None
        try:
            return Job.model_validate_json(read_regular(self._file(name), _LONGEST_JOB))
        except (FileNotFoundError, ValidationError):
            return None

    def find(self, name: str) -> Job | None:
        """A job, after a look at whether anybody still works on it."""
        job = self.read(name)
        return job and self._settled(job)

    def all(self) -> list[Job]:
        """Every job, as `find` gives it."""
        names = sorted((path.stem for path in self.folder.glob("*.json")), reverse=True)
        return [job for name in names if (job := self.find(name)) is not None]

    def close(self, name: str, detail: str) -> None:
        """Let a job fail whose process has ended, unless it has ended itself."""
        job = self.read(name)
        if job is not None and not job.ended:
            self.save(job.failed(detail))

    def trim(self, keep: int) -> None:
        """Remove all but the newest jobs."""
        for path in sorted(self.folder.glob("*.json"), reverse=True)[keep:]:
            for belonging in self.folder.glob(f"*{path.stem}*"):
                belonging.unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _settled(self, job: Job) -> Job:
        starting = now() - job.queued_at < timedelta(seconds=START_SECONDS)
        if job.ended or (job.state is State.QUEUED and starting):
            return job
        with suppress(OSError), self.building(timeout=0):
            # nobody builds while the lock is held here, so what was written last is the last
            last = self.read(job.id) or job
            if last.ended:
                return last
            interrupted = self.save(last.failed(INTERRUPTED))
            self._on_end(interrupted)
            return interrupted
        return job
