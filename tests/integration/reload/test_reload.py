"""Reloading in a process of its own: what its job says, and what happens when it is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
from filelock import FileLock

from artifacts import Store
from features.snapshot import Snapshot
from models import refresh as building
from models.jobs import Job, Jobs, State
from models.refresh import FORECASTING
from models.reload import Reloader, ReloadRunningError

Wait = Callable[[Callable[[], bool]], None]
Done = Callable[..., Job]


def builder(job: Job) -> psutil.Process:
    """The process of a job."""
    children = psutil.Process().children(recursive=True)
    (found,) = [child for child in children if job.id in child.cmdline()]
    return found


def test_a_reload_serves_the_new_snapshot(own_store: Store, done: Done, snapshot: Snapshot) -> None:
    before = own_store.current()
    job = done("newer")
    assert (job.state, job.detail, job.source) == (State.SUCCEEDED, None, "newer")
    assert job.previous_snapshot == before.snapshot
    assert (job.bundle, job.snapshot) == (own_store.current().bundle, own_store.current().snapshot)
    assert date.fromisoformat((job.snapshot or "")[:10]) == snapshot.facts.origin + timedelta(1)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.queued_at <= job.started_at <= job.finished_at


def test_every_worker_can_tell_of_a_job(own_store: Store, data: Path, done: Done) -> None:
    """Also one that did not start it, or started after it."""
    job = done("newer")
    other = Reloader(own_store, data)
    assert other.job(job.id) == job
    assert other.jobs() == [job]


def test_a_job_that_ended_well_leaves_no_log(own_store: Store, done: Done, wait: Wait) -> None:
    job = done("same")
    wait(lambda: not Jobs(own_store).log(job.id).exists())


def test_a_reload_clears_away_what_is_old(own_store: Store, done: Done) -> None:
    """But neither the release before, nor the newest of the others."""
    for month in (1, 2, 3):
        folder = own_store.snapshots / f"2020-{month:02}-28-0123456789abcdef"
        folder.mkdir()
        os.utime(folder, (0, month))
    job = done("newer")
    months = ["03", "02", "01"]

    def left() -> list[str]:
        return [month for month in months if list(own_store.snapshots.glob(f"2020-{month}-*"))]

    with Jobs(own_store).building():  # held until all is done
        assert left() == ["03"]
    assert (own_store.snapshots / (job.previous_snapshot or "-")).is_dir()


def test_a_failed_job_names_file_row_and_column(own_store: Store, data: Path, done: Done) -> None:
    """As the command line would, but without the paths of the machine."""
    before = own_store.current()
    (data / "newer" / "oil.parquet").unlink()
    (data / "newer" / "oil.csv").write_text("date,dcoilwtico\n2024-06-01,70.5\n2024-06-02,much\n")
    job = done("newer")
    assert job.state is State.FAILED
    assert (
        job.detail == "newer/oil.csv, row 3, column dcoilwtico: 'much' where a number is expected"
    )
    assert own_store.current() == before


def test_a_refused_bundle_is_named_from_the_artifacts_on(own_store: Store, done: Done) -> None:
    bundle = own_store.current().bundle
    (own_store.bundles / bundle / "metrics.json").write_text("{}")
    job = done("newer")
    assert job.state is State.FAILED
    assert (job.detail or "").startswith(f"bundles/{bundle}/metrics.json: has 2 bytes")


def test_a_store_that_cannot_be_written_is_said_so(own_store: Store, done: Done) -> None:
    for folder in own_store.snapshots.iterdir():  # a file where the folder should be
        folder.rename(own_store.root / folder.name)
    own_store.snapshots.rmdir()
    own_store.snapshots.touch()
    job = done("newer")
    assert job.state is State.FAILED
    assert job.detail == "snapshots: cannot be written: File exists"


def test_what_nobody_expected_ends_the_job_and_is_raised_into_its_log(
    own_store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise KeyError("nobody expected this")

    monkeypatch.setattr(building, "refresh", fail)
    jobs = Jobs(own_store)
    with jobs.starting():
        queued = jobs.add("newer", force=False)
    with pytest.raises(KeyError, match="nobody expected this"):
        building.run(own_store, data, queued.id)
    job = jobs.read(queued.id)
    assert job is not None
    assert job.state is State.FAILED
    assert (job.detail or "").startswith("unexpected KeyError")
    assert (job.detail or "").endswith(f"jobs/{job.id}.log, beside the artifacts, has more")


@pytest.fixture
def held(own_store: Store, reloader: Reloader, wait: Wait) -> Callable[[], Job]:
    """Starts a reload, and waits until it stands before a lock that the test holds."""

    def held() -> Job:
        started = reloader.start("newer")
        wait(lambda: (job := reloader.job(started.id)) is not None and job.phase == FORECASTING)
        return started

    return held


@pytest.fixture
def forecasting(own_store: Store) -> FileLock:
    """Nobody makes forecasts while it is held."""
    return FileLock(own_store.forecasts / ".lock")


def test_one_reload_runs_at_a_time(
    own_store: Store,
    data: Path,
    reloader: Reloader,
    held: Callable[[], Job],
    forecasting: FileLock,
    wait: Wait,
) -> None:
    """Among all workers and replicas; the next may begin when it has ended."""
    with forecasting:
        running = held()
        for worker in (reloader, Reloader(own_store, data)):
            with pytest.raises(ReloadRunningError, match=running.id) as refused:
                worker.start("same")
            assert refused.value.job.id == running.id
    wait(lambda: reloader.jobs()[0].ended)
    wait(lambda: not psutil.Process().children(recursive=True))
    assert reloader.start("newer").id != running.id
    wait(lambda: reloader.jobs()[0].ended)


def test_the_build_stands_back_behind_the_workers(
    reloader: Reloader, held: Callable[[], Job], forecasting: FileLock, wait: Wait
) -> None:
    with forecasting:
        running = held()
        assert builder(running).nice() > psutil.Process().nice()
    wait(lambda: (job := reloader.job(running.id)) is not None and job.ended)


def test_a_killed_build_changes_nothing(
    own_store: Store,
    reloader: Reloader,
    done: Done,
    held: Callable[[], Job],
    forecasting: FileLock,
    wait: Wait,
) -> None:
    """And the next reload goes through."""
    before = own_store.current()
    with forecasting:
        running = held()
        builder(running).send_signal(signal.SIGKILL)
        wait(lambda: (job := reloader.job(running.id)) is not None and job.ended)
    job = reloader.job(running.id)
    assert job is not None
    assert job.state is State.FAILED
    assert "interrupted" in (job.detail or "")
    assert own_store.current() == before
    assert done("newer").state is State.SUCCEEDED
    assert own_store.current() != before


def test_a_build_that_died_with_its_worker_is_seen_by_others(
    own_store: Store, data: Path, held: Callable[[], Job], forecasting: FileLock, wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Whoever looks finds that nobody holds the lock."""
    monkeypatch.setattr(Reloader, "_reap", lambda self, process, name: process.wait())
    with forecasting:
        running = held()
        process = builder(running)
        other = Reloader(own_store, data)
        job = other.job(running.id)
        assert job is not None
        assert not job.ended
        process.send_signal(signal.SIGKILL)
        began = time.monotonic()
        wait(lambda: (job := other.job(running.id)) is not None and job.ended)
        assert time.monotonic() - began < 10
    job = other.job(running.id)
    assert job is not None
    assert (job.state, "interrupted" in (job.detail or "")) == (State.FAILED, True)
