"""Reloading the data while serving: starts the building process, and reports its jobs.

Reading tables takes memory, time and a library that workers do not load. `lifecycle.refresh` runs
in a separate process; it builds the snapshot and its forecasts and points ``CURRENT`` to them, all
or nothing. Every worker then activates the release (see `models.serving.watcher`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from threading import Thread

from errors import InputError
from lifecycle.jobs import INTERRUPTED, Job, Jobs
from models.faults import public_message
from storage.artifacts import Store

MAX_JOBS = 50
_ROOT = Path(__file__).resolve().parents[1]
_BUILDER = "lifecycle.refresh"
_MAX_LISTED = 20


def _leads_outside(folder: Path, root: Path) -> bool:
    """Return whether a folder or anything below it lies, through links, outside of `root`.

    Raises:
        OSError: a folder cannot be read, is none, or links lead in a circle.
    """
    seen = {folder}
    pending = list(folder.iterdir())
    while pending:
        path = pending.pop().resolve()
        if not path.is_relative_to(root):
            return True
        if path not in seen and path.is_dir():
            seen.add(path)
            pending.extend(path.iterdir())
    return not folder.is_relative_to(root)


class InvalidSourceError(InputError):
    """A source that is not a readable folder below the data folder."""


class ReloadRunningError(RuntimeError):
    """A reload that is refused because another one has not ended.

    Attributes:
        job: of that reload.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(
            f"Job {job.id} is reloading {job.source}; wait for it to end, then ask again."
        )
        self.job = job


class ReloadUnavailableError(RuntimeError):
    """Jobs cannot be stored beside the artifacts, which may be read-only."""


class Reloader:
    """Starter of reloads, one at a time among all workers and replicas on the volume.

    Its methods block on files and locks: call them in a thread.

    Args:
        data: the folder below which sources lie (``DATA_DIR``).
        python: interpreter that runs the build.
        on_end: called once, in any thread, with each ended job that this process started, and
            with each job that it finds to be interrupted.
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
        """Start a job that builds a snapshot from the tables of a source and serves it.

        Args:
            source: relative path of a folder below the data folder.
            force: serve it even if its newest origin is before that of the serving snapshot.

        Raises:
            InvalidSourceError: it is not such a folder.
            ReloadRunningError: another one runs. It may have read the tables before they were
                changed, so its result cannot replace this one's.
            ReloadUnavailableError: jobs cannot be stored.
        """
        self._check_source(source)
        try:
            with self._jobs.start_lock():
                for job in self._jobs.all():
                    if not job.ended:
                        raise ReloadRunningError(job)
                self._jobs.trim(MAX_JOBS - 1)
                return self._spawn(self._jobs.add(source, force=force))
        except OSError as error:
            reason = public_message(error)
            raise ReloadUnavailableError(
                f"A reload cannot be started: the artifacts cannot be written ({reason})."
            ) from error

    def job(self, name: str) -> Job | None:
        """Return a job by its id, of any worker or replica; None if there is none."""
        return self._jobs.find(name)

    def jobs(self) -> list[Job]:
        """Return the stored jobs, newest first."""
        return self._jobs.all()

    def sources(self) -> list[str]:
        """Return the names of the folders directly below the data folder."""
        with suppress(OSError):
            folders = [path.name for path in self._data.iterdir() if path.is_dir()]
            return sorted(name for name in folders if not name.startswith("."))
        return []

    def _spawn(self, job: Job) -> Job:
        command = [self._python, "-m", _BUILDER, str(self._store.root), str(self._data), job.id]
        try:
            with self._jobs.log_path(job.id).open("wb") as log:
                process = subprocess.Popen(
                    command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        except OSError as error:
            failed = job.as_failed(f"Its process cannot be started ({public_message(error)}).")
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
            if job is not None and job.detail != INTERRUPTED:  # reported by the finder
                self._on_end(job)

    def _check_source(self, source: str) -> None:
        parts = PurePosixPath(source).parts
        if (
            not parts
            or "\\" in source
            or source != "/".join(parts)  # not normalised: //, a trailing /, ./
            or {"/", ".."} & set(parts)
        ):
            raise self._make_invalid("is not the name of a folder below DATA_DIR")
        try:
            folder = (self._data / source).resolve(strict=True)
            outside = _leads_outside(folder, self._data)
        except (OSError, RuntimeError, ValueError):  # missing, no folder, links in a circle, NUL
            raise self._make_invalid("is not a folder that can be read below DATA_DIR") from None
        if outside:
            raise self._make_invalid("leads out of DATA_DIR")

    def _make_invalid(self, what: str) -> InvalidSourceError:
        names = self.sources()
        there = ", ".join(map(repr, names[:_MAX_LISTED])) or "no folder"
        more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
        return InvalidSourceError(f"The source {what}; there is {there}{more}.")
