"""Reloads as jobs: each in a process of its own, all or nothing."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from features.data.snapshot import Snapshot
from lifecycle.jobs import Job, State, log_path
from storage.artifacts import Store
from tests.support.jobs import Desk, RunningRunner

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runner")]


@pytest.fixture(params=["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; `test_runner` has those of both kinds."""
    return f"sqlite:///{tmp_path}/var/keys.db"


def test_a_reload_serves_the_new_snapshot(own_store: Store, desk: Desk, snapshot: Snapshot) -> None:
    before = own_store.current()
    job = desk.finish(desk.reload("newer"))
    assert (job.state, job.detail, job.request["source"]) == (State.SUCCEEDED, None, "newer")
    after = own_store.current()
    assert job.result == {
        "previous_snapshot": before.snapshot,
        "bundle": after.bundle,
        "snapshot": after.snapshot,
        "outliers": [],
    }
    assert date.fromisoformat(after.snapshot[:10]) == snapshot.facts.origin + timedelta(1)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.queued_at <= job.started_at <= job.finished_at
    assert not log_path(own_store, job.id).exists(), "it had nothing to say"


def test_a_reload_deletes_old_snapshots(own_store: Store, desk: Desk) -> None:
    """Except that of the previous release and the newest of the others."""
    for month in (1, 2, 3):
        folder = own_store.snapshots / f"2020-{month:02}-28-0123456789abcdef"
        folder.mkdir()
        os.utime(folder, (0, month))
    job = desk.finish(desk.reload("newer"))
    left = [month for month in (1, 2, 3) if list(own_store.snapshots.glob(f"2020-0{month}-*"))]
    assert left == [3]
    assert (own_store.snapshots / job.result["previous_snapshot"]).is_dir()


def reason_of(desk: Desk, job: Job) -> str:
    failed = desk.finish(job)
    assert failed.state is State.FAILED
    assert failed.result == {}
    return failed.detail or ""


def test_a_failed_job_names_file_row_and_column(own_store: Store, data: Path, desk: Desk) -> None:
    """Like the command line, but without absolute paths."""
    before = own_store.current()
    (data / "newer" / "oil.parquet").unlink()
    (data / "newer" / "oil.csv").write_text("date,dcoilwtico\n2024-06-01,70.5\n2024-06-02,much\n")
    assert reason_of(desk, desk.reload("newer")) == (
        "newer/oil.csv, row 3, column dcoilwtico: 'much' where a number is expected"
    )
    assert own_store.current() == before


def test_the_path_of_a_refused_bundle_is_relative_to_the_artifacts(
    own_store: Store, desk: Desk
) -> None:
    bundle = own_store.current().bundle
    (own_store.bundles / bundle / "metrics.json").write_text("{}")
    reason = reason_of(desk, desk.reload("newer"))
    assert reason.startswith(f"bundles/{bundle}/metrics.json: has 2 bytes")


def test_a_store_that_cannot_be_written_is_reported(own_store: Store, desk: Desk) -> None:
    for folder in own_store.snapshots.iterdir():  # a file where the folder should be
        folder.rename(own_store.root / folder.name)
    own_store.snapshots.rmdir()
    own_store.snapshots.touch()
    assert reason_of(desk, desk.reload("newer")) == "snapshots: cannot be written: File exists"


def test_an_unexpected_error_fails_the_job_and_its_log_has_the_traceback(
    own_store: Store, desk: Desk, runner: RunningRunner
) -> None:
    """A request of another version of MLRF, which names no source."""
    job = desk.add(desk.reload("newer").kind, force=False)
    assert reason_of(desk, job) == "unexpected KeyError; the job's log has more"
    assert "KeyError: 'source'" in log_path(own_store, job.id).read_text()


def test_a_reload_has_a_lower_priority_than_the_workers(desk: Desk, runner: RunningRunner) -> None:
    with desk.forecast_lock():
        job = desk.wait(desk.reload("newer"), lambda job: job.phase == "forecasting all nodes")
        process = runner.process_of(job)
        assert process.nice() > runner.process.nice()
        group = Path(f"/proc/{process.pid}/autogroup")
        assert not group.exists() or group.read_text().endswith("nice 10\n")
    desk.finish(job)
