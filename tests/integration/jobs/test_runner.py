"""The runner: one job at a time, and what is reported of jobs that were ended by others."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from lifecycle.job_queue import BUILDS, JOB, JobEndedError, JobQueue, QueueFullError
from lifecycle.jobs import INTERRUPTED, Job, JobKind, State, log_path
from lifecycle.runner import STOPPED
from storage.artifacts import Store
from storage.errors import StorageError
from tests.support.jobs import ANNA, JOB_SECONDS, Desk, RunningRunner, running_runner
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

Block = Callable[[], Job]


@pytest.fixture
def start_blocked(desk: Desk, runner: RunningRunner) -> Block:
    """Start a reload and wait until it blocks on `Desk.forecast_lock`, which the test holds."""

    def start_blocked() -> Job:
        job = desk.wait(desk.reload("newer"), lambda job: job.phase == "forecasting all nodes")
        assert job.state is State.RUNNING
        return job

    return start_blocked


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_waiting_job_begins_when_the_one_before_has_ended(
    desk: Desk, runner: RunningRunner, start_blocked: Block
) -> None:
    with desk.forecast_lock():
        first = start_blocked()
        second = desk.reload("same", force=True)
        process = runner.process_of(first)
        with pytest.raises(AssertionError, match="not within"):
            wait_until(lambda: desk.read(second).state is not State.QUEUED, 3)
        assert runner.process.children() == [process]
    first, second = desk.finish(first), desk.finish(second)
    assert (first.state, second.state) == (State.SUCCEEDED, State.SUCCEEDED)
    assert first.finished_at is not None
    assert second.started_at is not None
    assert second.started_at >= first.finished_at


def test_a_second_runner_waits_for_the_first(
    url: str, own_store: Store, data: Path, tmp_path: Path, desk: Desk, start_blocked: Block
) -> None:
    """Of a replica on the same volume; it does not report the job of the first as interrupted."""
    with desk.forecast_lock():
        job = start_blocked()
        with running_runner(url, own_store, data, tmp_path / "second.log") as second:
            wait_until(lambda: b"runner_waiting" in second.log.read_bytes())
            assert desk.read(job).state is State.RUNNING
            assert second.process.children() == []
    assert desk.finish(job).state is State.SUCCEEDED


def test_a_running_job_that_is_cancelled_is_gone_with_its_process(
    own_store: Store, desk: Desk, runner: RunningRunner, start_blocked: Block
) -> None:
    before = own_store.current()
    with desk.forecast_lock():
        job = start_blocked()
        process = runner.process_of(job)
        cancelled = desk.queue.cancel(job.id, by=ANNA)
        assert cancelled is not None
        assert cancelled.cancelled_by == "anna"
        job = desk.finish(job)
        assert job.state is State.CANCELLED
        assert has_ended(process)
    assert job.phase == "forecasting all nodes"
    assert own_store.current() == before
    with pytest.raises(JobEndedError, match=f"job {job.id} has ended .cancelled."):
        desk.queue.cancel(job.id, by=ANNA)
    assert desk.finish(desk.reload("newer")).state is State.SUCCEEDED, "the queue goes on"


def test_a_process_that_ignores_the_request_to_end_is_killed(
    desk: Desk, runner: RunningRunner, start_blocked: Block
) -> None:
    with desk.forecast_lock():
        job = start_blocked()
        process = runner.process_of(job)
        process.send_signal(signal.SIGSTOP)  # a stopped process handles no signal but SIGKILL
        desk.queue.cancel(job.id, by=ANNA)
        assert desk.finish(job).state is State.CANCELLED
        assert has_ended(process)


def test_a_waiting_job_that_is_cancelled_never_begins(desk: Desk, start_blocked: Block) -> None:
    with desk.forecast_lock():
        running = start_blocked()
        waiting = desk.reload("same", force=True)
        cancelled = desk.queue.cancel(waiting.id, by=ANNA)
        assert cancelled is not None
        assert cancelled.state is State.CANCELLED
        assert cancelled.finished_at is not None
    assert desk.finish(running).state is State.SUCCEEDED
    assert desk.read(waiting).started_at is None


def test_a_killed_process_fails_its_job_and_changes_nothing(
    own_store: Store, desk: Desk, runner: RunningRunner, start_blocked: Block
) -> None:
    before = own_store.current()
    with desk.forecast_lock():
        job = start_blocked()
        runner.process_of(job).kill()
        job = desk.finish(job)
    assert job.state is State.FAILED
    assert job.detail == "The job was interrupted: its process ended with signal 9."
    assert own_store.current() == before
    assert desk.finish(desk.reload("newer")).state is State.SUCCEEDED


def test_a_job_whose_runner_is_killed_dies_with_it_and_the_next_runner_reports_it(
    url: str, own_store: Store, data: Path, tmp_path: Path, desk: Desk
) -> None:
    """Jobs that waited are executed then; that one is not, because it may be what killed it."""
    before = own_store.current()
    with desk.forecast_lock():
        with running_runner(url, own_store, data, tmp_path / "first.log") as first:
            job = desk.wait(desk.reload("newer"), lambda job: job.phase == "forecasting all nodes")
            process = first.process_of(job)
            waiting = desk.reload("same", force=True)
            first.process.kill()
            wait_until(lambda: has_ended(process))
        assert desk.read(job).state is State.RUNNING, "nobody can report it yet"
    with running_runner(url, own_store, data, tmp_path / "second.log"):
        job, waiting = desk.finish(job), desk.finish(waiting)
    assert (job.state, job.detail) == (State.FAILED, INTERRUPTED)
    assert waiting.state is State.SUCCEEDED
    assert own_store.current() == before, "the tables of the other job are the same"


def test_a_runner_that_is_stopped_ends_its_job_and_says_so(
    url: str, own_store: Store, data: Path, tmp_path: Path, desk: Desk
) -> None:
    with desk.forecast_lock():
        with running_runner(url, own_store, data, tmp_path / "first.log") as first:
            job = desk.wait(desk.reload("newer"), lambda job: job.phase == "forecasting all nodes")
            process = first.process_of(job)
            waiting = desk.reload("same", force=True)
        job = desk.read(job)
        assert (job.state, job.detail) == (State.FAILED, STOPPED)
        assert has_ended(process)
    assert desk.read(waiting).state is State.QUEUED
    with running_runner(url, own_store, data, tmp_path / "second.log"):
        assert desk.finish(waiting).state is State.SUCCEEDED


def test_a_database_that_restarts_loses_no_job(
    own_store: Store, data: Path, tmp_path: Path
) -> None:
    """The process of a job does not need it; the runner records the end when it is back."""
    with running_postgresql() as process:
        server = PostgreSQL(process)
        queue = JobQueue(server.url)
        desk = Desk(queue, own_store)
        with running_runner(server.url, own_store, data, tmp_path / "runner.log") as runner:
            with desk.forecast_lock():
                job = desk.wait(
                    desk.reload("newer"), lambda job: job.phase == "forecasting all nodes"
                )
                child = runner.process_of(job)
                server.stop()
            with pytest.raises(StorageError):
                queue.find(job.id)
            wait_until(lambda: has_ended(child), JOB_SECONDS)
            server.start()
            assert desk.finish(job).state is State.SUCCEEDED
            assert desk.finish(desk.reload("same", force=True)).state is State.SUCCEEDED
        queue.close()


def test_old_jobs_and_their_logs_are_removed(
    queue: JobQueue, own_store: Store, desk: Desk, runner: RunningRunner
) -> None:
    jobs = [desk.finish(desk.reload("nowhere")) for _ in range(3)]
    for job in jobs:
        log_path(own_store, job.id).write_text("a line")
    stays = queue.trim(keep=1)
    assert stays == [jobs[-1].id]
    assert queue.find(jobs[0].id) is None
    assert [job.id for job in queue.all()] == stays


def test_a_full_queue_accepts_no_more(
    desk: Desk, start_blocked: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifecycle.job_queue.MAX_WAITING", 1)
    with desk.forecast_lock():
        running = start_blocked()
        waiting = desk.reload("same", force=True)
        with pytest.raises(QueueFullError, match="1 jobs wait already"):
            desk.reload("same", force=True)
        desk.queue.cancel(waiting.id, by=ANNA)
    desk.finish(running)


def test_a_row_that_names_pickle_runs_no_code(
    queue: JobQueue, desk: Desk, runner: RunningRunner, tmp_path: Path
) -> None:
    """A process that can write the database must not run code in those that read it."""
    import base64
    import pickle

    class Payload:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "executed",)

    job = desk.finish(desk.reload("nowhere"))
    payload = base64.b64encode(pickle.dumps({"args": Payload(), "kwargs": {}})).decode()
    with queue.engine.begin() as connection:
        table = (
            "workflow_status"
            if queue.engine.dialect.name == "sqlite"
            else ("mlrf_jobs.workflow_status")
        )
        connection.exec_driver_sql(
            f"update {table} set inputs = '{payload}', serialization = 'py_pickle', "
            f"status = 'ENQUEUED', queue_name = '{BUILDS}' where name = '{JOB}'"
        )
    assert queue.find(job.id) is None
    assert queue.all() == []
    wait_until(lambda: b"pickled" in runner.log.read_bytes())
    assert not (tmp_path / "executed").exists()


def test_kinds_that_build_share_one_queue() -> None:
    assert {kind for kind in JobKind if kind.builds} == {JobKind.RELOAD, JobKind.TRAINING}
