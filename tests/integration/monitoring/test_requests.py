"""A scoring is asked for once for each change, when nothing has changed for a while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from lifecycle.job_queue import JobQueue
from lifecycle.jobs import Job, JobKind, now
from lifecycle.monitoring.requests import QUIET_SECONDS, ScoringRequester
from storage.actuals import Actual, ActualStore
from storage.artifacts import Store
from storage.audit import Actor
from storage.database import open_database
from tests.support.clock import Clock
from tests.support.jobs import running_runner
from tests.support.waiting import wait_until

BY = Actor("till")


@pytest.fixture
def queue(url: str, store: Store, tmp_path: Path) -> Iterator[JobQueue]:
    """The queue of a runner that works."""
    queue = JobQueue(url)
    with running_runner(url, store, tmp_path, tmp_path / "runner.log"):
        wait_until(lambda: (runner := queue.runner()) is not None and runner.is_alive, seconds=120)
        yield queue
    queue.close()


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(0.0)


@pytest.fixture
def requester(store: Store, engine: Engine, clock: Clock[float]) -> ScoringRequester:
    return ScoringRequester(store, engine, clock=clock)


def scorings(queue: JobQueue) -> list[Job]:
    return queue.all([JobKind.SCORING])


def pass_quietly(requester: ScoringRequester, queue: JobQueue, clock: Clock[float]) -> None:
    requester.request_if_changed(queue)
    clock.now += QUIET_SECONDS
    requester.request_if_changed(queue)


def test_a_scoring_is_asked_for_once(
    requester: ScoringRequester, queue: JobQueue, clock: Clock[float], store: Store
) -> None:
    pass_quietly(requester, queue, clock)
    pass_quietly(requester, queue, clock)
    (job,) = scorings(queue)
    assert job.request == {"snapshot": store.current().snapshot}


def test_reports_that_follow_each_other_are_compared_together(
    requester: ScoringRequester, queue: JobQueue, clock: Clock[float], engine: Engine
) -> None:
    pass_quietly(requester, queue, clock)
    for units in (1.0, 2.0, 3.0):
        day = now().date() + timedelta(units)
        ActualStore(engine).report([Actual("store:1/family:DAIRY", day, units)], by=BY, at=now())
        requester.request_if_changed(queue)
        clock.now += QUIET_SECONDS / 2
    assert len(scorings(queue)) == 1
    clock.now += QUIET_SECONDS
    requester.request_if_changed(queue)
    assert len(scorings(queue)) == 2


def test_a_release_that_serves_other_data_is_compared(
    requester: ScoringRequester, queue: JobQueue, clock: Clock[float], store: Store
) -> None:
    pass_quietly(requester, queue, clock)
    older = sorted(path.name for path in store.snapshots.glob("2*"))[0]
    store.promote(replace(store.current(), snapshot=older))
    pass_quietly(requester, queue, clock)
    assert scorings(queue)[0].request["snapshot"] == older


def test_a_database_that_fails_is_tried_again(store: Store, queue: JobQueue) -> None:
    broken = ScoringRequester(store, open_database("sqlite:////proc/no/such.db"), quiet=0)
    with capture_logs() as lines:
        broken.request_if_changed(queue)
        broken.request_if_changed(queue)
    assert [line["event"] for line in lines] == ["scoring_not_requested"]


def test_the_runner_executes_it(
    requester: ScoringRequester, queue: JobQueue, clock: Clock[float]
) -> None:
    pass_quietly(requester, queue, clock)
    (job,) = scorings(queue)
    wait_until(lambda: (read := queue.find(job.id)) is not None and read.ended, seconds=300)
    read = queue.find(job.id)
    assert read is not None
    assert read.result["days"]
    assert not read.result["damaged"]
