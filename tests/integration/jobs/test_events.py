"""Events of jobs: each end is recorded once, though the queue has a database of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from app.jobs import EndedJobs
from lifecycle.job_queue import JobQueue
from lifecycle.jobs import State
from storage.database import writing
from tests.support.events import add_target, waiting
from tests.support.jobs import ANNA, Desk, RunningRunner
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def test_the_end_of_a_job_is_recorded_by_its_runner(
    engine: Engine, desk: Desk, runner: RunningRunner
) -> None:
    add_target(engine)
    job = desk.finish(desk.reload("nowhere"))
    assert job.state is State.FAILED
    wait_until(lambda: waiting(engine))
    (letter,) = waiting(engine)
    assert (letter.event.kind, letter.event.subject) == ("mlrf.job.failed", job.id)
    assert letter.event.at == job.finished_at


def test_an_end_that_could_not_be_recorded_is_recorded_later_and_once(
    url: str,
    engine: Engine,
    open_engine: Callable[[], Engine],
    desk: Desk,
    runner: RunningRunner,
    queue: JobQueue,
) -> None:
    with writing(engine) as connection:
        connection.execute(text("alter table event_targets rename to taken_away"))
    job = desk.finish(desk.reload("nowhere"))
    wait_until(lambda: b"job_event_not_recorded" in runner.log.read_bytes())
    with writing(engine) as connection:
        connection.execute(text("alter table taken_away rename to event_targets"))
    add_target(engine)
    ended = EndedJobs(url)
    for _ in range(2):
        ended.publish_again()
    assert [letter.event.subject for letter in waiting(engine)] == [job.id]
    assert job.by == str(ANNA.name)
