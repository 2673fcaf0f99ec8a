"""Reloads: accepted sources, the job's file, and its retention."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from errors import InputError
from lifecycle import reload
from lifecycle.jobs import INTERRUPTED, START_SECONDS, Job, Jobs, State, now
from lifecycle.reload import (
    InvalidSourceError,
    Reloader,
    ReloadRunningError,
    ReloadUnavailableError,
)
from models.faults import public_message
from storage.artifacts import ArtifactError, Store
from tests.support.waiting import wait_until


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "artifacts")


@pytest.fixture
def jobs(store: Store) -> Jobs:
    store.root.joinpath("jobs").mkdir(parents=True)
    return Jobs(store)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("may", "june", "deep/july", ".hidden"):
        (folder / name).mkdir(parents=True)
    (folder / "file").touch()
    return folder


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[str]:
    """Return a Python executable that builds nothing until the test is over."""
    over = tmp_path / "over"
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\nwhile [ ! -e {over} ]; do sleep 0.05; done\n")
    script.chmod(0o755)
    yield str(script)
    over.touch()


def wait_for_end(reloader: Reloader, name: str) -> Job:
    wait_until(lambda: (job := reloader.job(name)) is not None and job.ended)
    job = reloader.job(name)
    assert job is not None
    return job


# --- sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["may", "deep/july", ".hidden"])
def test_a_folder_below_the_data_is_a_source(
    store: Store, data: Path, idle: str, source: str
) -> None:
    job = Reloader(store, data, python=idle).start(source, force=True)
    assert (job.state, job.source, job.force) == (State.QUEUED, source, True)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("", id="nothing"),
        pytest.param(".", id="the data folder"),
        pytest.param("..", id="above it"),
        pytest.param("may/../../secret", id="up from a folder"),
        pytest.param("may/../june", id="up and down"),
        pytest.param("/etc", id="absolute"),
        pytest.param("//etc", id="absolute twice"),
        pytest.param("./may", id="a dot"),
        pytest.param("may/", id="a slash too many"),
        pytest.param("deep//july", id="a slash amid"),
        pytest.param("..\\secret", id="backslash"),
        pytest.param("may\0", id="NUL"),
        pytest.param("\ud800", id="not a text"),
        pytest.param("m" * 5000, id="too long"),
        pytest.param("august", id="missing"),
        pytest.param("file", id="a file"),
        pytest.param("out", id="a link out"),
        pytest.param("out/secret", id="through a link out"),
        pytest.param("holding", id="a table that is a link out"),
        pytest.param("parts", id="a part that is a link out"),
        pytest.param("circle", id="a link to itself"),
    ],
)
def test_any_other_source_is_refused(store: Store, data: Path, tmp_path: Path, source: str) -> None:
    (tmp_path / "outside" / "secret").mkdir(parents=True)
    (data / "out").symlink_to(tmp_path / "outside")
    (data / "circle").symlink_to(data / "circle")
    (data / "holding").mkdir()
    (data / "holding" / "train.csv").symlink_to("/etc/passwd")
    (data / "parts" / "train.parquet" / "day=1").mkdir(parents=True)
    (data / "parts" / "train.parquet" / "day=1" / "a.parquet").symlink_to("/etc/passwd")
    with pytest.raises(InvalidSourceError) as refused:
        Reloader(store, data).start(source)
    assert "'june', 'may'" in str(refused.value)
    assert str(tmp_path) not in str(refused.value)
    assert not store.root.exists()


def test_a_link_within_the_data_is_a_source(store: Store, data: Path, idle: str) -> None:
    """Mounted volumes contain such links."""
    (data / "newest").symlink_to(data / "june")
    assert Reloader(store, data, python=idle).start("newest").source == "newest"


def test_existing_folders_are_listed(store: Store, data: Path) -> None:
    assert Reloader(store, data).sources() == ["deep", "june", "may"]
    assert Reloader(store, data / "none").sources() == []


# --- jobs -------------------------------------------------------------------------------------


def test_a_second_reload_is_refused_while_the_first_runs(
    store: Store, data: Path, idle: str
) -> None:
    first = Reloader(store, data, python=idle).start("may")
    for source in ("may", "june"):
        with pytest.raises(ReloadRunningError, match=f"{first.id} is reloading may") as refused:
            Reloader(store, data).start(source)
        assert refused.value.job == first


def test_a_build_that_ends_immediately_has_failed(store: Store, data: Path) -> None:
    """If the table library is missing, callers do not wait a minute for the start."""
    reloader = Reloader(store, data, python="/bin/false")
    job = wait_for_end(reloader, reloader.start("may").id)
    assert job.state is State.FAILED
    assert "exit code 1" in (job.detail or "")


def test_a_build_that_cannot_be_started_has_failed(store: Store, data: Path) -> None:
    job = Reloader(store, data, python="/nowhere/python").start("may")
    assert job.state is State.FAILED
    assert job.detail == "Its process cannot be started (No such file or directory)."


def test_nothing_starts_in_an_unwritable_store(store: Store, data: Path) -> None:
    store.root.parent.mkdir(parents=True, exist_ok=True)
    store.root.touch()  # a file in place of the folder
    with pytest.raises(ReloadUnavailableError, match="cannot be written") as refused:
        Reloader(store, data).start("may")
    assert str(store.root) not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["", "20240601T000000-00000000", "../CURRENT", "20240601T000000-0000000/", "a\0"]
)
def test_an_unknown_job_does_not_exist(store: Store, data: Path, name: str) -> None:
    assert Reloader(store, data).job(name) is None
    assert Reloader(store, data).jobs() == []


def test_the_newest_jobs_are_retained(
    store: Store, data: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "MAX_JOBS", 3)
    monkeypatch.setattr("lifecycle.jobs.now", iter(_later_times()).__next__)
    old = [jobs.save(jobs.add("may", force=False).as_failed("")) for _ in range(5)]
    jobs.log_path(old[0].id).touch()
    reloader = Reloader(store, data, python="/nowhere/python")
    new = reloader.start("june")
    assert reloader.jobs() == [new, old[4], old[3]]
    assert {path.stem for path in jobs.folder.glob("2*")} == {new.id, old[4].id, old[3].id}


def _later_times() -> Iterator[datetime]:
    """Yield ever later times: now, in an hour, and so on."""
    when = now()
    while True:
        yield when
        when += timedelta(hours=1)


def test_a_running_job_whose_lock_is_free_was_interrupted(jobs: Jobs) -> None:
    job = jobs.save(
        jobs.add("may", force=False).model_copy(
            update={"state": State.RUNNING, "phase": "forecasting"}
        )
    )
    with jobs.build_lock():
        assert Jobs(Store(jobs.folder.parent)).read(job.id) == job
    stored = jobs.find(job.id)
    assert stored is not None
    assert (stored.state, stored.detail, stored.phase) == (State.FAILED, INTERRUPTED, "forecasting")
    assert jobs.read(job.id) == stored


def test_a_queued_job_has_time_to_begin(jobs: Jobs) -> None:
    job = jobs.add("may", force=False)
    assert jobs.find(job.id) == job
    long_ago = now() - timedelta(seconds=START_SECONDS + 1)
    jobs.save(job.model_copy(update={"queued_at": long_ago}))
    stored = jobs.find(job.id)
    assert stored is not None
    assert stored.state is State.FAILED


def test_a_damaged_file_is_no_job(jobs: Jobs) -> None:
    job = jobs.add("may", force=False)
    (jobs.folder / f"{job.id}.json").write_text("{")
    assert jobs.find(job.id) is None
    assert jobs.all() == []


# --- messages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(
            ArtifactError(Path("/srv/store/bundles/b"), "is missing"),
            "bundles/b: is missing",
            id="an artifact",
        ),
        pytest.param(
            InputError("/srv/data/may/train.csv, row 3: wrong\nvalue"),
            "may/train.csv, row 3: wrong value",
            id="a table",
        ),
        pytest.param(InputError("in /srv/store and /srv/data"), "in store and data", id="a root"),
        pytest.param(FileNotFoundError(2, "No such file", "/srv/x"), "No such file", id="a file"),
        pytest.param(OSError(), "the volume failed", id="a failure without a name"),
        pytest.param(KeyError("/srv/x"), "unexpected KeyError", id="anything"),
    ],
)
def test_a_fault_is_reported_without_paths(error: Exception, line: str) -> None:
    assert public_message(error, Path("/srv/store"), Path("/srv/data")) == line


def test_the_cause_of_a_fault_is_reported() -> None:
    error = InputError("cannot be read")
    error.__cause__ = ValueError("in /srv/store/x: 3")
    assert public_message(error, Path("/srv/store")) == "cannot be read (in x: 3)"


def test_messages_of_libraries_are_not_reported() -> None:
    error = ArtifactError(Path("/srv/store/b"), "does not hold a bundle")
    try:
        Job.model_validate({"id": 1})
    except ValidationError as cause:
        error.__cause__ = cause
    line = public_message(error, Path("/srv/store"))
    assert line == "b: does not hold a bundle (its id is not as expected)"


def test_a_process_that_reloads_loads_no_table_library() -> None:
    """Only the building process does."""
    script = (
        "import sys, lifecycle.reload, models.serving.watcher; assert 'polars' not in sys.modules"
    )
    root = Path(reload.__file__).parents[1]
    subprocess.run([sys.executable, "-c", script], cwd=root, check=True, timeout=60)


# --- reports of the end -----------------------------------------------------------------------


def test_the_end_of_a_reload_is_reported_once_with_its_reason(
    store: Store, data: Path, jobs: Jobs
) -> None:
    """No model exists, so the build fails immediately."""
    reported: list[Job] = []
    reloader = Reloader(store, data, on_end=reported.append)
    job = wait_for_end(reloader, reloader.start("may").id)
    wait_until(lambda: bool(reported))
    assert reported == [job]
    assert job.state is State.FAILED
    assert job.detail


def test_a_process_that_cannot_be_started_is_reported(store: Store, data: Path) -> None:
    reported: list[Job] = []
    Reloader(store, data, python="/no/python", on_end=reported.append).start("may")
    assert [job.state for job in reported] == [State.FAILED]


def test_a_job_whose_process_died_is_reported_by_the_next_reader(
    store: Store, data: Path, jobs: Jobs
) -> None:
    job = jobs.add("may", force=False)
    jobs.save(job.model_copy(update={"state": State.RUNNING}))
    reported: list[Job] = []
    reloader = Reloader(store, data, on_end=reported.append)
    assert [each.detail for each in reloader.jobs()] == [INTERRUPTED]
    reloader.jobs()
    assert [(each.id, each.detail) for each in reported] == [(job.id, INTERRUPTED)]
