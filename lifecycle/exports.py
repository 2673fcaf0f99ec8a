"""Exports: files of forecasts that callers have asked for, on the volume or at a URL.

The job of an export writes its file (`api.exports.job`), here beside the artifacts, and moves it to
the URL where one is set. The record is in the database (`storage.exports`). What has expired, and
what a process that was killed has left, is removed by the runner.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import structlog
from pydantic import BaseModel, ConfigDict

from lifecycle.job_queue import JobQueue
from lifecycle.jobs import Document, Job, JobKind, State
from storage.artifacts import Release, Store
from storage.errors import StorageError
from storage.exports import ExportState, ExportStore, StoredExport
from storage.remote import RemoteError, RemoteFolder

_PART = ".part-"

_log = structlog.get_logger(__name__)


class ExportRules(BaseModel):
    """Place of the files of exports, and bounds on their time and size.

    Attributes:
        url: of the folder of their files; None for one on the volume of the artifacts.
        days: after which an export is removed.
        max_bytes: of all files together.
    """

    model_config = ConfigDict(frozen=True)

    url: str | None
    days: float
    max_bytes: int

    @property
    def lifetime(self) -> timedelta:
        return timedelta(days=self.days)


class ExportOrder(BaseModel):
    """Request of the job of an export.

    Attributes:
        bundle, snapshot, adaptation: the release whose forecasts are written, whichever serves by
            then.
        payload: what the caller asked for.
        requested_at: when, aware.
    """

    model_config = ConfigDict(frozen=True)

    bundle: str
    snapshot: str
    adaptation: str | None
    payload: Document
    requested_at: datetime

    @property
    def release(self) -> Release:
        return Release(self.bundle, self.snapshot, self.adaptation)

    def record(self, job: str, by: str, **more: Any) -> StoredExport:
        """Return the record of the export that a job has ended.

        Args:
            by: principal that asked for it.
            more: the other attributes of the record.
        """
        return StoredExport(
            id=job,
            caller=by,
            request=orjson.dumps(self.payload).decode(),
            bundle=self.bundle,
            snapshot=self.snapshot,
            queued_at=self.requested_at,
            **more,
        )


class ExportFiles:
    """The files of exports.

    Its methods block, and may raise OSError, or RemoteError where they are at a URL.

    Args:
        url: as in `ExportRules`.

    Attributes:
        folder: of files on the volume, and of those that are being written.
        url: of the folder; empty where it is on the volume.
    """

    def __init__(self, store: Store, url: str | None) -> None:
        self.folder = store.root / "exports"
        self.url = url or ""

    @cached_property
    def _remote(self) -> RemoteFolder:
        return RemoteFolder(self.url)

    def begin(self, name: str) -> Path:
        """Return the path at which the file of an export is written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{_PART}{name}"

    def publish(self, part: Path, name: str) -> None:
        """Put a complete file in its place."""
        if not self.url:
            part.replace(self.path_of(name))
            return
        self._remote.upload(part, name)
        part.unlink()

    def path_of(self, name: str) -> Path:
        """Return the path of a file on the volume."""
        return self.folder / name

    def sign(self, name: str, *, seconds: int, filename: str) -> str:
        """Return a URL that anyone can read a file at, for some time."""
        return self._remote.sign(name, seconds=seconds, filename=filename)

    def remove(self, name: str, folder: str) -> None:
        """Remove the file of an export, if there is one.

        Args:
            folder: as in `StoredExport`.
        """
        if folder:
            RemoteFolder(folder).remove(name)
        else:
            self.path_of(name).unlink(missing_ok=True)

    def remove_unknown(self, recorded: Collection[str], running: Collection[str]) -> None:
        """Remove files on the volume that no export has and no job writes.

        Args:
            recorded: ids of the exports that have ended: a part of one is of no use.
            running: ids of the jobs that run.
        """
        for path in self.folder.glob("*"):
            name = path.name.removeprefix(_PART)
            if name not in running and (name != path.name or name not in recorded):
                path.unlink(missing_ok=True)


def sweep_exports(
    store: ExportStore, files: ExportFiles, queue: JobQueue, running: Collection[str]
) -> None:
    """Remove exports that have expired, and files that no export has; log what fails.

    Args:
        running: ids of the jobs that run.
    """
    try:
        for export in store.expired():
            try:
                if export.bytes:
                    files.remove(export.id, export.folder)
            except (OSError, RemoteError) as error:  # tried again
                _log.warning("export_not_removed", export=export.id, reason=str(error))
                continue
            queue.remove([export.id])
            store.remove([export.id])
        files.remove_unknown(store.ids(), running)
    except (StorageError, OSError) as error:
        _log.warning("exports_not_swept", reason=str(error))


def note_export_end(store: ExportStore, job: Job, lifetime: timedelta) -> None:
    """Record an export whose job has failed or was cancelled; log a failure to do so.

    One that has succeeded was recorded by its process, which may have been killed after that.
    """
    if job.kind is not JobKind.EXPORT or job.finished_at is None or job.state is State.SUCCEEDED:
        return
    export = ExportOrder.model_validate(job.request).record(
        job.id,
        job.by,
        state=ExportState(job.state),
        detail=job.detail or "",
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.finished_at + lifetime,
    )
    try:
        store.add(export)
    except StorageError as error:
        _log.warning("export_not_recorded", export=job.id, reason=str(error))
