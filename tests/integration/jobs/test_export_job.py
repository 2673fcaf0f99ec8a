"""The job of an export: one release, a bounded size, no remains of one that was not completed."""

from __future__ import annotations

import csv
import hashlib
import shutil
import signal
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine

from api.exports.job import write_export
from errors import InputError
from lifecycle.exports import (
    ExportFiles,
    ExportOrder,
    ExportRules,
    note_export_end,
    sweep_exports,
)
from lifecycle.job_queue import JobQueue
from lifecycle.job_task import JobOrder, Task
from lifecycle.jobs import JobKind, State
from storage.artifacts import ArtifactError, Store
from storage.exports import ExportState, ExportStore
from storage.remote import RemoteFolder
from tests.support.jobs import ANNA, JOB_SECONDS, Desk, RunningRunner, running_runner
from tests.support.waiting import wait_until

NAME = "35663b4b0f2a9c11"
RULES = ExportRules(url=None, days=7, max_bytes=10**9)
Make = Callable[..., dict[str, Any]]


def request_of(store: Store, **payload: Any) -> dict[str, Any]:
    """Return the request of a job, of the release that serves."""
    release = store.current()
    order = ExportOrder(
        bundle=release.bundle,
        snapshot=release.snapshot,
        adaptation=release.adaptation,
        payload={"format": "csv", **payload},
        requested_at=datetime.now(UTC),
    )
    return order.model_dump(mode="json")


@pytest.fixture
def exports(engine: Engine) -> ExportStore:
    return ExportStore(engine)


@pytest.fixture
def make(
    own_store: Store, url: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Make:
    """Do the job of an export, and return its result."""
    monkeypatch.setattr(Task, "commit", lambda task: None)  # which would change the test's process

    def make(
        rules: ExportRules = RULES, request: dict[str, Any] | None = None, **payload: Any
    ) -> dict[str, Any]:
        order = JobOrder(
            job=NAME,
            kind=JobKind.EXPORT,
            request=request or request_of(own_store, **payload),
            runner=1,
            root=own_store.root,
            data=tmp_path,
            database=url,
            by="anna",
            exports=rules,
        )
        return write_export(Task(order, lambda line: None))

    return make


def folder_of(store: Store) -> list[str]:
    return sorted(path.name for path in (store.root / "exports").iterdir())


def test_a_file_is_of_the_release_that_was_asked_though_another_one_serves(
    own_store: Store, make: Make, exports: ExportStore
) -> None:
    request = request_of(own_store, nodes=["total"], horizon=3)
    make(request=request)
    before = (own_store.root / "exports" / NAME).read_bytes()
    exports.remove([NAME])
    own_store.pointer.write_text("bundle=another\nsnapshot=another\n", encoding="utf-8")
    make(request=request)
    assert (own_store.root / "exports" / NAME).read_bytes() == before
    export = exports.find(NAME)
    assert export is not None
    assert (export.bundle, export.snapshot) == (request["bundle"], request["snapshot"])
    assert export.sha256 == hashlib.sha256(before).hexdigest()
    assert (export.rows, export.bytes) == (3, len(before))


def test_a_release_that_is_gone_fails_the_export(own_store: Store, make: Make) -> None:
    request = request_of(own_store)
    shutil.rmtree(own_store.snapshots / request["snapshot"])
    with pytest.raises(ArtifactError, match=request["snapshot"]):
        make(request=request)
    assert folder_of(own_store) == []


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_an_export_that_does_not_fit_in_fails_and_leaves_nothing(
    own_store: Store, make: Make, exports: ExportStore, form: str
) -> None:
    with pytest.raises(InputError, match=r"0 bytes of the 5,000 .*EXPORTS_MAX_BYTES"):
        make(RULES.model_copy(update={"max_bytes": 5_000}), format=form)
    assert folder_of(own_store) == []
    assert exports.find(NAME) is None


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_a_full_disk_fails_the_export_and_says_so(
    own_store: Store, make: Make, exports: ExportStore, form: str
) -> None:
    files = ExportFiles(own_store, None)
    files.begin(NAME).symlink_to("/dev/full")  # every write to it finds no space
    with pytest.raises(InputError, match="disk of the server's exports is full"):
        make(format=form)
    assert folder_of(own_store) == []
    assert exports.find(NAME) is None


def test_the_days_of_a_node_do_not_depend_on_the_chunk_that_has_them(
    own_store: Store, make: Make, exports: ExportStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(horizon=7)
    whole = (own_store.root / "exports" / NAME).read_bytes()
    exports.remove([NAME])
    monkeypatch.setattr("api.exports.file.ROWS_OF_A_CHUNK", 1)  # one node at a time
    make(horizon=7)
    assert (own_store.root / "exports" / NAME).read_bytes() == whole
    assert len(list(csv.reader(whole.decode().splitlines()))) > 100


# --- removal ----------------------------------------------------------------------------------


def test_what_has_expired_is_removed_with_its_file_and_its_job(
    own_store: Store, exports: ExportStore, queue: JobQueue, desk: Desk, url: str, tmp_path: Path
) -> None:
    with running_runner(url, own_store, tmp_path, tmp_path / "runner.log"):  # it sweeps, too
        job = desk.finish(desk.add(JobKind.EXPORT, **request_of(own_store, nodes=["total"])))
    assert job.state is State.SUCCEEDED, job.detail
    files = ExportFiles(own_store, None)
    for name in ("left", ".part-left", f".part-{job.id}", ".part-running"):
        (files.folder / name).write_bytes(b"x")
    sweep_exports(exports, files, queue, {"running"})
    assert folder_of(own_store) == [".part-running", job.id]
    export = exports.find(job.id)
    assert export is not None
    exports.expire(export, by=ANNA)
    sweep_exports(exports, files, queue, ())
    assert folder_of(own_store) == []
    assert (exports.find(job.id), queue.find(job.id)) == (None, None)


def test_a_job_that_failed_is_recorded_once(
    own_store: Store, exports: ExportStore, desk: Desk, runner: RunningRunner
) -> None:
    request = request_of(own_store) | {"snapshot": "2024-01-01-0123456789abcdef"}
    job = desk.finish(desk.add(JobKind.EXPORT, **request))
    wait_until(lambda: exports.find(job.id) is not None)
    export = exports.find(job.id)
    assert export is not None
    assert (export.state, export.detail) == (ExportState.FAILED, job.detail)
    assert "2024-01-01-0123456789abcdef" in export.detail
    note_export_end(exports, job, timedelta(days=1))
    assert exports.find(job.id) == export


def test_an_export_whose_process_is_killed_has_failed_and_leaves_no_file(
    own_store: Store, exports: ExportStore, desk: Desk, runner: RunningRunner
) -> None:
    request = request_of(own_store, horizon=90)
    job = desk.add(JobKind.EXPORT, **request)

    def process() -> psutil.Process | None:
        try:
            return runner.process_of(job)
        except ValueError:
            return None

    wait_until(process, JOB_SECONDS)
    child = process()
    assert child is not None
    ExportFiles(own_store, None).begin(job.id).write_bytes(b"some of it")
    child.send_signal(signal.SIGKILL)
    job = desk.finish(job)
    assert job.state is State.FAILED
    wait_until(lambda: exports.find(job.id) is not None)
    wait_until(lambda: folder_of(own_store) == [])


# --- at a URL ---------------------------------------------------------------------------------


@pytest.fixture
def stored(make: Make, bucket: str, exports: ExportStore) -> ExportFiles:
    """The files of exports in a bucket, with one."""
    make(RULES.model_copy(update={"url": bucket}), nodes=["total"], horizon=3)
    export = exports.find(NAME)
    assert export is not None
    assert export.folder == bucket
    return ExportFiles(Store(Path("/nowhere")), bucket)


def test_a_file_goes_to_the_bucket_and_is_read_by_a_link_that_its_store_signs(
    stored: ExportFiles, exports: ExportStore, own_store: Store
) -> None:
    assert folder_of(own_store) == []
    link = stored.sign(NAME, seconds=60, filename="forecasts.csv")
    with urllib.request.urlopen(link, timeout=10) as response:
        content = response.read()
        assert response.headers["content-disposition"] == 'attachment; filename="forecasts.csv"'
    export = exports.find(NAME)
    assert export is not None
    assert hashlib.sha256(content).hexdigest() == export.sha256


def test_a_file_in_the_bucket_is_removed_when_it_has_expired(
    stored: ExportFiles,
    exports: ExportStore,
    own_store: Store,
    queue: JobQueue,
    bucket: str,
    desk: Desk,
    runner: RunningRunner,
) -> None:
    assert RemoteFolder(bucket).read(NAME, 10_000).startswith(b"node,level")
    export = exports.find(NAME)
    assert export is not None
    exports.expire(export, by=ANNA)
    wait_until(lambda: queue.runner() is not None)  # which makes the tables of the queue
    sweep_exports(exports, ExportFiles(own_store, bucket), queue, ())
    with pytest.raises(InputError, match="does not exist"):
        RemoteFolder(bucket).read(NAME, 10_000)
    assert exports.find(NAME) is None


def test_a_bucket_that_cannot_be_used_fails_the_export(
    make: Make,
    bucket: str,
    own_store: Store,
    exports: ExportStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot be written"):
        make(RULES.model_copy(update={"url": bucket}), nodes=["total"], horizon=3)
    assert folder_of(own_store) == []
    assert exports.find(NAME) is None
