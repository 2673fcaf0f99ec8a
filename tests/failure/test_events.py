"""Events of two servers: each is sent once, through failures of the receiver and the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from lifecycle.monitoring.events import DriftChanged, EventKind, publish
from storage.artifacts import Store
from storage.database import open_database, reading, writing
from storage.errors import StorageError
from storage.migrations import upgrade
from storage.tables import EVENT_TARGETS
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.receiver import SECRET, Delivery, Receiver, Reply, running_receiver
from tests.support.servers import running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

SECONDS = 180.0
"""Many times the half minute for which a receiver that fails is left alone."""

DRIFT = DriftChanged(
    drift=1,
    detector="residuals",
    severity="warning",
    group="store",
    value=0.3,
    reference=0.2,
    since=date(2026, 11, 1),
)


@pytest.fixture
def postgresql() -> Iterator[PostgreSQL]:
    with running_postgresql() as server:
        yield PostgreSQL(server)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


def test_each_event_is_sent_once_by_one_of_two_servers_though_everything_fails_in_between(
    trained: Store, postgresql: PostgreSQL, receiver: Receiver, tmp_path: Path
) -> None:
    engine = open_database(postgresql.url)
    upgrade(engine)

    def record(*facts: str) -> None:
        with writing(engine) as connection:
            for fact in facts:
                publish(connection, EventKind.DRIFT_OPENED, fact, DRIFT, fact=fact)

    def has_target() -> bool:
        with reading(engine) as connection:
            return connection.execute(select(EVENT_TARGETS.c.name)).first() is not None

    def subjects(status: int) -> list[str]:
        return [delivery.event["subject"] for delivery, sent in answers if sent == status]

    answers: list[tuple[Delivery, int]] = []
    status = 204

    def reply(delivery: Delivery, number: int) -> Reply:
        answers.append((delivery, status))
        return Reply(status)

    receiver.reply = reply
    settings = {
        "DATABASE_URL": postgresql.url,
        "EVENTS_WEBHOOK_URL": receiver.url,
        "EVENTS_WEBHOOK_SECRET": SECRET,
    }
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    with (
        running(folders[0], trained, **settings) as first,
        running(folders[1], trained, **settings) as second,
    ):
        for server in (first, second):
            server.wait_for("/readyz")
        wait_until(has_target)
        many = [f"{number:03}" for number in range(60)]
        record(*many)
        wait_until(lambda: set(many) <= set(subjects(204)), SECONDS)
        drifts = [name for name in subjects(204) if name in many]
        assert drifts == many, "in order, and none twice, though both servers look"
        status = 503
        record("late")
        wait_until(lambda: "late" in subjects(503), SECONDS)
        with postgresql.outage():
            with pytest.raises(StorageError):
                record("during the outage")
            for server in (first, second):
                assert server.get("/meta").status_code == 200
            status = 204
        wait_until(lambda: "late" in subjects(204), SECONDS)
        record("afterwards")
        wait_until(lambda: "afterwards" in subjects(204), SECONDS)
        assert subjects(204).count("late") == 1
    engine.dispose()
