"""A receiver of webhooks, and what there is to send to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from storage.database import writing
from storage.letters import Event
from storage.outbox import add_event
from tests.support.clock import Clock
from tests.support.receiver import Receiver, running_receiver

START = datetime(2026, 11, 21, 7, 31, tzinfo=UTC)


def event_of(name: str, at: datetime = START) -> Event:
    return Event(
        id=name, kind="mlrf.release.activated", subject="2026-11-20-0a1b", at=at, data={"é": [1]}
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def clock() -> Clock[datetime]:
    return Clock(START)


@pytest.fixture
def add(engine: Engine, clock: Clock[datetime]) -> Callable[..., None]:
    """Record events, as a process does that changes something."""

    def add(*names: str) -> None:
        with writing(engine) as connection:
            for name in names:
                add_event(connection, event_of(name, clock()), now=clock())

    return add
