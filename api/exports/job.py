"""The process of an export: its file is written from one release, whichever serves meanwhile."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from anyio.from_thread import BlockingPortal, start_blocking_portal
from numpy.typing import NDArray
from sqlalchemy import Engine

from api.exports.file import ExportTable, write_table_file
from api.forecasts.days import Prediction, forecast
from api.forecasts.planning import Planning
from api.forecasts.windows import ForecastWindow
from api.http.tables import Row
from api.schemas.exports import ExportRequest
from errors import InputError, Problem
from lifecycle.exports import ExportFiles, ExportOrder, ExportRules
from lifecycle.job_task import Task, run_task
from lifecycle.jobs import Document, now
from models.serving.forecaster import Forecaster
from models.serving.release import load_release
from storage.database import open_database
from storage.exports import ExportState, ExportStore, StoredExport
from storage.migrations import upgrade
from storage.override_store import OverrideStore
from storage.remote import RemoteError

LOADING, WRITING, STORING = "loading the release", "writing the file", "storing the file"
PHASES = (LOADING, WRITING, STORING)

_FULL = (errno.ENOSPC, errno.EDQUOT)


class StoredForecastsOnly:
    """Takes the place of the runners of a forecaster: an export needs none.

    Forecasts of days ahead of the newest sales are stored with the release.
    """

    async def infer(self, bundle: str, snapshot: str, rows: NDArray[np.float32]) -> NoReturn:
        raise AssertionError("an export has days ahead of the newest sales only")

    async def reconcile(self, bundle: str, snapshot: str, base: NDArray[np.float64]) -> NoReturn:
        raise AssertionError("an export has days ahead of the newest sales only")


def write_export(task: Task) -> Document:
    """Do the work of an export, and return what was written."""
    rules = task.order.exports
    if rules is None:
        raise InputError("this runner makes no exports: it was started without their settings")
    database = open_database(task.order.database)
    try:
        upgrade(database)
        stored = _Export(task, rules, database).make()
    finally:
        database.dispose()
    return {"rows": stored.rows, "bytes": stored.bytes, "sha256": stored.sha256}


class _Export:
    """One export, from its request to its record."""

    def __init__(self, task: Task, rules: ExportRules, database: Engine) -> None:
        self._task = task
        self._rules = rules
        self._database = database
        self._order = ExportOrder.model_validate(task.order.request)
        self._files = ExportFiles(task.order.store, rules.url)
        self._store = ExportStore(database)
        self._began = now()

    def make(self) -> StoredExport:
        """Write the file, put it in its place, and record it."""
        job = self._task.order.job
        part = self._files.begin(job)
        try:
            table = self._write(part)
            self._enter(STORING)
            with part.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = part.stat().st_size
            self._files.publish(part, job)
            finished = now()
            export = self._order.record(
                job,
                self._task.order.by,
                state=ExportState.SUCCEEDED,
                started_at=self._began,
                finished_at=finished,
                expires_at=finished + self._rules.lifetime,
                rows=table.n_rows,
                bytes=size,
                sha256=digest,
                folder=self._files.url,
            )
            self._task.commit()
            self._store.add(export)
        except BaseException as error:
            part.unlink(missing_ok=True)
            with suppress(OSError, RemoteError):  # what failed before is what is reported
                self._files.remove(job, self._files.url)
            if isinstance(error, OSError) and error.errno in _FULL:
                raise InputError(
                    "the disk of the server's exports is full; delete exports that are not needed, "
                    "or ask its operator for space"
                ) from None
            raise
        return export

    def _write(self, part: Path) -> ExportTable:
        self._enter(LOADING)
        release = load_release(self._task.order.store, self._order.release)
        none = StoredForecastsOnly()
        with start_blocking_portal() as portal:
            forecaster = Forecaster(release, none, none)
            payload = ExportRequest.model_validate(self._order.payload)
            try:
                if payload.adjusted:  # all of them as they stand now, until the end
                    planning = Planning(OverrideStore(self._database))
                    forecaster = portal.call(planning.plan, forecaster).forecaster
                table = ExportTable(forecaster, payload)
                self._enter(WRITING, done=0, total=len(table.nodes))
                chunks = self._bounded_chunks(table, part, portal)
                write_table_file(part, payload.format, table.columns, chunks, table.facts)
            except Problem as problem:
                raise InputError(problem.detail) from problem
        self._check_size(part)
        return table

    def _bounded_chunks(
        self, table: ExportTable, part: Path, portal: BlockingPortal
    ) -> Iterator[list[Row]]:
        def forecast_some(window: ForecastWindow, nodes: NDArray[np.intp]) -> Prediction:
            return portal.call(partial(forecast, table.forecaster, window, nodes))

        for rows in table.chunks(forecast_some, self._task.advance):
            self._check_size(part)
            yield rows

    def _check_size(self, part: Path) -> None:
        """Refuse a file that would take more than all exports together may."""
        size = part.stat().st_size if part.exists() else 0
        used = self._store.used_bytes()
        if used + size > self._rules.max_bytes:
            raise InputError(
                f"the exports that there are take {used:,} bytes of the {self._rules.max_bytes:,} "
                "that they may (EXPORTS_MAX_BYTES), and this one does not fit in beside them; "
                "delete some, or ask for less"
            )

    def _enter(self, phase: str, **place: Any) -> None:
        self._task.enter(phase, step=PHASES.index(phase) + 1, steps=len(PHASES), **place)


if __name__ == "__main__":
    run_task(write_export)
