"""Reloading the data while serving: starts the process that builds, and tells of its jobs.

Reading tables takes memory, time and a library that no worker has. `models.refresh` does it in a
process of its own; it makes the snapshot, its forecasts, and lets ``CURRENT`` name them, all or
nothing. Every worker then follows (see `models.watcher`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from threading import Thread

from artifacts import Store
from errors import InputError
from models.faults import told
from models.jobs import INTERRUPTED, Job, Jobs

KEPT_JOBS = 50
_ROOT = Path(__file__).resolve().parents[1]
_BUILDER = "models.refresh"
_LISTED = 20


def _leads_out(folder: Path, root: Path) -> bool:
    """Return whether a folder or anything below it lies, through links, outside of `root`.

    Raises:
        OSError: a folder cannot be read, is none, or links lead in a circle.
    """
    seen = {folder}
    waiting = list(folder.iterdir())
    while waiting:
        path = waiting.pop().resolve()
        if not path.is_relative_to(root):
            return True
        if path not in seen and path.is_dir():
            seen.add(path)
            waiting.extend(path.iterdir())
    return not folder.is_relative_to(root)


class InvalidSourceError(InputError):
    """There are no tables at a source that may be read."""


class ReloadRunningError(RuntimeError):
    """Another reload has not ended.

    Attributes:
        job: of that reload.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(
            f"Job {job.id} is reloading {job.source}; wait for it to end, then ask again."
        )
        self.job = job


class ReloadUnavailableError(RuntimeError):
    """Jobs cannot be kept beside the artifacts, which may be read-only."""


class Reloader:
    """Starts reloads, one at a time among all workers and replicas on the volume.

    Its methods wait for files and locks: call them in a thread.

    Args:
        data: the folder below which sources lie (``DATA_DIR``).
        python: that runs the build.
        on_end: called once, in any thread, with each job that this process started and that has
            ended, and with those that it finds to be interrupted.
    """

    def __init__(
        self,
        store: Store,
        data: Path,
        *,
        python: str = sys.executable,
        on_end: Callable[[Job], object] = lambda job: None,
    ) -> None:
        self._store = Store(store.root.resolve())
        self._data = data.resolve()
        self._jobs = Jobs(self._store, on_end)
        self._python = python
        self._on_end = on_end

    def start(self, source: str, *, force: bool = False) -> Job:
        """Begin to make a snapshot of the tables of a source, and to serve it.

        Args:
            source: a folder below the data folder, named from there.
            force: serve it also where its newest origin is before that of the serving one.

        Raises:
            InvalidSourceError: it is not such a folder.
            ReloadRunningError: another one runs. It may have read the tables before they were
                what they are now, so it does not stand for this one.
            ReloadUnavailableError: jobs cannot be kept here.
        """
        self._check(source)
        try:
            with self._jobs.starting():
                for job in self._jobs.all():
                    if not job.ended:
                        raise ReloadRunningError(job)
                self._jobs.trim(KEPT_JOBS - 1)
                return self._spawn(self._jobs.add(source, force=force))
        except OSError as error:
            raise ReloadUnavailableError(
                f"A reload cannot be started: the artifacts cannot be written ({told(error)})."
            ) from error

    def job(self, name: str) -> Job | None:
        """A job by its id, whichever worker or replica started it; None where there is none."""
        return self._jobs.find(name)

    def jobs(self) -> list[Job]:
        """The newest jobs, newest first."""
        return self._jobs.all()

    def sources(self) -> list[str]:
        """Folders directly below the data folder."""
        with suppress(OSError):
            folders = [path.name for path in self._data.iterdir() if path.is_dir()]
            return sorted(name for name in folders if not name.startswith("."))
        return []

    def _spawn(self, job: Job) -> Job:
        command = [self._python, "-m", _BUILDER, str(self._store.root), str(self._data), job.id]
        try:
            with self._jobs.log(job.id).open("wb") as log:
                process = subprocess.Popen(
                    command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        except OSError as error:
            failed = job.failed(f"Its process cannot be started ({told(error)}).")
            self._on_end(failed)
            return self._jobs.save(failed)
        Thread(target=self._reap, args=(process, job.id), daemon=True).start()
        return job

    def _reap(self, process: subprocess.Popen[bytes], name: str) -> None:
        code = process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        with suppress(OSError):
            self._jobs.close(name, f"The build was interrupted: its process ended with {how}.")
            job = self._jobs.read(name)
            if job is not None and job.detail != INTERRUPTED:  # whoever found that has told it
                self._on_end(job)

    def _check(self, source: str) -> None:
        parts = PurePosixPath(source).parts
        if (
            not parts
            or "\\" in source
            or source != "/".join(parts)  # not as it would be written: //, a trailing /, ./
            or {"/", ".."} & set(parts)
        ):
            raise self._invalid("is not the name of a folder below DATA_DIR")
        try:
            folder = (self._data / source).resolve(strict=True)
            outside = _leads_out(folder, self._data)
        except (OSError, RuntimeError, ValueError):  # missing, no folder, links in a circle, NUL
            raise self._invalid("is not a folder that can be read below DATA_DIR") from None
        if outside:
            raise self._invalid("leads out of DATA_DIR")

    def _invalid(self, what: str) -> InvalidSourceError:
        names = self.sources()
        there = ", ".join(map(repr, names[:_LISTED])) or "no folder"
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        return InvalidSourceError(f"The source {what}; there is {there}{more}.")
