"""Reloads in a process of their own: the state of the job, and a killed process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from filelock import FileLock

from features.data.snapshot import Snapshot
from lifecycle import refresh as building
from lifecycle.jobs import Job, Jobs, State
from lifecycle.refresh import FORECASTING
from lifecycle.reload import Reloader, ReloadRunningError
from storage.artifacts import Store
from tests.support.waiting import wait_until

Wait = Callable[[Callable[[], bool]], None]
RunReload = Callable[..., Job]


def process_of(job: Job) -> psutil.Process:
    """Return the process of a job."""
    children = psutil.Process().children(recursive=True)
    (match,) = [child for child in children if job.id in child.cmdline()]
    return match


def test_a_reload_serves_the_new_snapshot(
    own_store: Store, run_reload: RunReload, snapshot: Snapshot
) -> None:
    before = own_store.current()
    job = run_reload("newer")
    assert (job.state, job.detail, job.source) == (State.SUCCEEDED, None, "newer")
    assert job.previous_snapshot == before.snapshot
    assert (job.bundle, job.snapshot) == (own_store.current().bundle, own_store.current().snapshot)
    assert date.fromisoformat((job.snapshot or "")[:10]) == snapshot.facts.origin + timedelta(1)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.queued_at <= job.started_at <= job.finished_at


def test_every_worker_can_read_a_job(own_store: Store, data: Path, run_reload: RunReload) -> None:
    """Also a worker that did not start the job, or that started later."""
    job = run_reload("newer")
    other = Reloader(own_store, data)
    assert other.job(job.id) == job
    assert other.jobs() == [job]


def test_a_successful_job_leaves_no_log(own_store: Store, run_reload: RunReload) -> None:
    job = run_reload("same")
    wait_until(lambda: not Jobs(own_store).log_path(job.id).exists())


def test_a_reload_deletes_old_snapshots(own_store: Store, run_reload: RunReload) -> None:
    """Except that of the previous release and the newest of the others."""
    for month in (1, 2, 3):
        folder = own_store.snapshots / f"2020-{month:02}-28-0123456789abcdef"
        folder.mkdir()
        os.utime(folder, (0, month))
    job = run_reload("newer")
    months = ["03", "02", "01"]

    def remaining_months() -> list[str]:
        return [month for month in months if list(own_store.snapshots.glob(f"2020-{month}-*"))]

    with Jobs(own_store).build_lock():  # held until all is done
        assert remaining_months() == ["03"]
    assert (own_store.snapshots / (job.previous_snapshot or "-")).is_dir()


def test_a_failed_job_names_file_row_and_column(
    own_store: Store, data: Path, run_reload: RunReload
) -> None:
    """Like the command line, but without absolute paths."""
    before = own_store.current()
    (data / "newer" / "oil.parquet").unlink()
    (data / "newer" / "oil.csv").write_text("date,dcoilwtico\n2024-06-01,70.5\n2024-06-02,much\n")
    job = run_reload("newer")
    assert job.state is State.FAILED
    assert (
        job.detail == "newer/oil.csv, row 3, column dcoilwtico: 'much' where a number is expected"
    )
    assert own_store.current() == before


def test_the_path_of_a_refused_bundle_is_relative_to_the_artifacts(
    own_store: Store, run_reload: RunReload
) -> None:
    bundle = own_store.current().bundle
    (own_store.bundles / bundle / "metrics.json").write_text("{}")
    job = run_reload("newer")
    assert job.state is State.FAILED
    assert (job.detail or "").startswith(f"bundles/{bundle}/metrics.json: has 2 bytes")


def test_a_store_that_cannot_be_written_is_reported(
    own_store: Store, run_reload: RunReload
) -> None:
    for folder in own_store.snapshots.iterdir():  # a file where the folder should be
        folder.rename(own_store.root / folder.name)
    own_store.snapshots.rmdir()
    own_store.snapshots.touch()
    job = run_reload("newer")
    assert job.state is State.FAILED
    assert job.detail == "snapshots: cannot be written: File exists"


def test_an_unexpected_error_fails_the_job_and_is_raised_into_its_log(
    own_store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise KeyError("nobody expected this")

    monkeypatch.setattr(building, "refresh", fail)
    jobs = Jobs(own_store)
    with jobs.start_lock():
        queued = jobs.add("newer", force=False)
    with pytest.raises(KeyError, match="nobody expected this"):
        building.run(own_store, data, queued.id)
    job = jobs.read(queued.id)
    assert job is not None
    assert job.state is State.FAILED
    assert (job.detail or "").startswith("unexpected KeyError")
    assert (job.detail or "").endswith(f"jobs/{job.id}.log, beside the artifacts, has more")


@pytest.fixture
def start_blocked_reload(own_store: Store, reloader: Reloader) -> Callable[[], Job]:
    """Start a reload, and wait until it blocks on a lock that the test holds."""

    def start_blocked_reload() -> Job:
        started = reloader.start("newer")
        wait_until(
            lambda: (job := reloader.job(started.id)) is not None and job.phase == FORECASTING
        )
        return started

    return start_blocked_reload


@pytest.fixture
def forecast_lock(own_store: Store) -> FileLock:
    """The lock that blocks the computation of forecasts."""
    return FileLock(own_store.forecasts / ".lock")


def test_one_reload_runs_at_a_time(
    own_store: Store,
    data: Path,
    reloader: Reloader,
    start_blocked_reload: Callable[[], Job],
    forecast_lock: FileLock,
) -> None:
    """Over all workers and replicas; the next one may start when it has ended."""
    with forecast_lock:
        running = start_blocked_reload()
        process = process_of(running)
        for worker in (reloader, Reloader(own_store, data)):
            with pytest.raises(ReloadRunningError, match=running.id) as refused:
                worker.start("same")
            assert refused.value.job.id == running.id
    wait_until(lambda: reloader.jobs()[0].ended)
    wait_until(lambda: not process.is_running())
    assert reloader.start("newer").id != running.id
    wait_until(lambda: reloader.jobs()[0].ended)


def test_the_build_has_a_lower_priority_than_the_workers(
    reloader: Reloader, start_blocked_reload: Callable[[], Job], forecast_lock: FileLock
) -> None:
    with forecast_lock:
        running = start_blocked_reload()
        assert process_of(running).nice() > psutil.Process().nice()
    wait_until(lambda: (job := reloader.job(running.id)) is not None and job.ended)


def test_a_killed_build_changes_nothing(
    own_store: Store,
    reloader: Reloader,
    run_reload: RunReload,
    start_blocked_reload: Callable[[], Job],
    forecast_lock: FileLock,
) -> None:
    """The next reload succeeds."""
    before = own_store.current()
    with forecast_lock:
        running = start_blocked_reload()
        process_of(running).send_signal(signal.SIGKILL)
        wait_until(lambda: (job := reloader.job(running.id)) is not None and job.ended)
    job = reloader.job(running.id)
    assert job is not None
    assert job.state is State.FAILED
    assert "interrupted" in (job.detail or "")
    assert own_store.current() == before
    assert run_reload("newer").state is State.SUCCEEDED
    assert own_store.current() != before


def test_other_workers_detect_a_build_that_died_with_its_worker(
    own_store: Store,
    data: Path,
    start_blocked_reload: Callable[[], Job],
    forecast_lock: FileLock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader of the job finds its lock released."""
    monkeypatch.setattr(Reloader, "_reap", lambda self, process, name: process.wait())
    with forecast_lock:
        running = start_blocked_reload()
        process = process_of(running)
        other = Reloader(own_store, data)
        job = other.job(running.id)
        assert job is not None
        assert not job.ended
        process.send_signal(signal.SIGKILL)
        wait_until(lambda: (job := other.job(running.id)) is not None and job.ended)
    job = other.job(running.id)
    assert job is not None
    assert (job.state, "interrupted" in (job.detail or "")) == (State.FAILED, True)
