"""The sender, from the outbox of both databases to a receiver that fails in every way."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Event as Signal

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from app.events.sender import BATCH, PAUSE, EventSender, RetryPlan
from app.events.webhook import Webhook
from config.paths import ROOT
from config.values import webhook_keys
from storage import outbox as module
from storage.audit import Actor
from storage.database import writing
from storage.letters import LetterState
from storage.outbox import LEASE, MAX_AGE, Outbox
from telemetry.instruments import REGISTRY
from tests.support.clock import Clock
from tests.support.receiver import SECRET, Delivery, Receiver, Reply

PLAN = RetryPlan(first=10, longest=40, attempts=5)
SECOND = timedelta(seconds=1)


class Desk:
    """A worker that sends, pass by pass."""

    def __init__(self, receiver: Receiver, engine: Engine, clock: Clock[datetime]) -> None:
        self.clock = clock
        self.outbox = Outbox(engine, clock=clock)
        self._loop = asyncio.new_event_loop()
        self.sender = EventSender(
            Webhook(receiver.url, webhook_keys(SECRET), "/mlrf"),
            self.outbox,
            plan=PLAN,
            clock=clock,
            draw=lambda: 1.0,
        )

    def observe(self) -> None:
        self._loop.run_until_complete(self.sender.observe())

    def close(self) -> None:
        self._loop.run_until_complete(self.sender.aclose())
        self._loop.close()

    def ids(self, state: LetterState) -> list[str]:
        return [letter.event.id for letter in self.outbox.letters(state, 1000)][::-1]


@pytest.fixture
def make_desk(
    receiver: Receiver, open_engine: Callable[[], Engine], clock: Clock[datetime]
) -> Iterator[Callable[[], Desk]]:
    desks: list[Desk] = []

    def make_desk() -> Desk:
        desks.append(Desk(receiver, open_engine(), clock))
        return desks[-1]

    yield make_desk
    for desk in desks:
        desk.close()


@pytest.fixture
def desk(make_desk: Callable[[], Desk], engine: Engine) -> Desk:
    """A worker that has registered its webhook."""
    desk = make_desk()
    desk.observe()
    return desk


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"mlrf_{name}", {"target": "webhook", **labels}) or 0


def answer(*statuses: int) -> Callable[[Delivery, int], Reply]:
    """Return the replies of a receiver: each once, the last one from then on."""
    return lambda delivery, number: Reply(statuses[min(number, len(statuses) - 1)])


def test_what_was_recorded_is_sent_in_order(
    desk: Desk, receiver: Receiver, add: Callable[..., None]
) -> None:
    before = metric("events_total", outcome="sent")
    add("a", "b", "c")
    desk.observe()
    desk.observe()
    assert receiver.ids == ["a", "b", "c"]
    assert desk.ids(LetterState.SENT) == ["a", "b", "c"]
    assert metric("events_total", outcome="sent") == before + 3
    desk.observe()
    assert (metric("events_waiting"), metric("events_oldest_timestamp_seconds")) == (0, 0)


def test_more_than_a_batch_takes_several_passes(
    desk: Desk, receiver: Receiver, add: Callable[..., None]
) -> None:
    names = [f"{number:03}" for number in range(BATCH + 1)]
    add(*names)
    desk.observe()
    assert receiver.ids == names[:BATCH]
    desk.observe()
    assert receiver.ids == names


def test_a_failed_event_is_sent_again_later_and_later_and_then_given_up(
    desk: Desk, receiver: Receiver, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    receiver.reply = answer(500)
    add("a")
    times = []
    for _ in range(200):
        got = len(receiver.ids)
        desk.observe()
        if len(receiver.ids) > got:
            times.append(clock())
        clock.now += SECOND
    waits = [(after - before).total_seconds() for before, after in pairwise(times)]
    assert waits == [10, 20, 40, 40]
    assert receiver.ids == ["a"] * 5
    (dead,) = desk.outbox.letters(LetterState.DEAD, 10)
    assert (dead.event.id, dead.attempts, dead.failure) == ("a", 5, "answered 500")


def test_a_dead_letter_that_is_sent_again_has_the_same_id(
    desk: Desk, receiver: Receiver, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    receiver.reply = answer(500)
    add("a")
    for _ in range(5):
        desk.observe()
        clock.now += timedelta(seconds=40)
    receiver.reply = answer(204)
    (dead,) = desk.outbox.letters(LetterState.DEAD, 10)
    desk.outbox.resend(dead.number, by=Actor("anna"))
    desk.observe()
    assert receiver.ids == ["a"] * 6
    assert desk.ids(LetterState.SENT) == ["a"]


def test_an_event_that_fails_does_not_hold_up_the_others(
    desk: Desk, receiver: Receiver, add: Callable[..., None]
) -> None:
    receiver.reply = lambda delivery, number: Reply(400 if delivery.id == "a" else 204)
    add("a", "b", "c")
    desk.observe()
    assert desk.ids(LetterState.SENT) == ["b", "c"]
    assert desk.ids(LetterState.WAITING) == ["a"]


def test_a_receiver_that_only_fails_is_left_alone_for_a_while(
    desk: Desk, receiver: Receiver, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    """A thousand events that wait must not knock a thousand times."""
    receiver.reply = answer(503)
    add(*"abcdefgh")
    desk.observe()
    desk.observe()
    assert receiver.ids == ["a", "b", "c"]
    clock.now += PAUSE
    receiver.reply = answer(204)
    desk.observe()
    assert desk.ids(LetterState.SENT) == [*"abcdefgh"]


def test_a_receiver_that_asks_for_time_gets_it(
    desk: Desk, receiver: Receiver, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    receiver.reply = lambda delivery, number: Reply(429, {"retry-after": "30"})
    add("a", "b")
    desk.observe()
    (last, first) = desk.outbox.letters(LetterState.WAITING, 10)
    assert first.due_at == clock() + timedelta(seconds=30)
    assert last.due_at == clock()
    receiver.reply = answer(204)
    clock.now += timedelta(seconds=29)
    desk.observe()
    assert receiver.ids == ["a"]
    clock.now += SECOND
    desk.observe()
    assert sorted(desk.ids(LetterState.SENT)) == ["a", "b"]


def test_a_receiver_cannot_ask_for_more_time_than_the_longest_wait(
    desk: Desk, receiver: Receiver, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    receiver.reply = lambda delivery, number: Reply(429, {"retry-after": "9999999999"})
    add("a")
    desk.observe()
    receiver.reply = answer(204)
    clock.now += timedelta(seconds=PLAN.longest)
    desk.observe()
    assert desk.ids(LetterState.SENT) == ["a"]


def test_a_receiver_that_is_gone_gets_nothing_more(
    desk: Desk, receiver: Receiver, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    receiver.reply = answer(410)
    add("a", "b")
    with capture_logs() as lines:
        desk.observe()
    assert [line["event"] for line in lines] == ["event_target_gone"]
    clock.now += timedelta(hours=1)
    add("c")
    desk.observe()
    assert receiver.ids == ["a"]
    assert desk.ids(LetterState.DEAD) == ["a", "b"]
    assert desk.ids(LetterState.WAITING) == []


def test_of_two_servers_one_sends(
    desk: Desk,
    make_desk: Callable[[], Desk],
    receiver: Receiver,
    clock: Clock[datetime],
    add: Callable[..., None],
) -> None:
    other = make_desk()

    async def both() -> None:
        await asyncio.gather(desk.sender.observe(), other.sender.observe())

    add(*"abcdefgh")
    loop = desk._loop
    loop.run_until_complete(both())
    assert receiver.ids == [*"abcdefgh"]


def test_another_server_goes_on_where_one_has_ended(
    desk: Desk,
    make_desk: Callable[[], Desk],
    receiver: Receiver,
    add: Callable[..., None],
) -> None:
    add("a")
    desk.observe()
    desk._loop.run_until_complete(desk.sender.aclose())
    add("b")
    make_desk().observe()
    assert receiver.ids == ["a", "b"]


def test_a_slow_receiver_keeps_the_lease_of_its_worker(
    desk: Desk,
    make_desk: Callable[[], Desk],
    receiver: Receiver,
    add: Callable[..., None],
) -> None:
    done = Signal()
    receiver.reply = lambda delivery, number: Reply(wait=done)
    other = make_desk()
    add("a")

    async def both() -> None:
        first = asyncio.create_task(desk.sender.observe())
        await asyncio.to_thread(receiver.arrived.wait, 30)
        await other.sender.observe()
        done.set()
        await first

    desk._loop.run_until_complete(both())
    assert receiver.ids == ["a"]


def test_what_happens_while_the_database_is_unusable_is_sent_afterwards(
    desk: Desk, receiver: Receiver, engine: Engine, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a")
    with writing(engine) as connection:
        connection.execute(text("alter table event_outbox rename to taken_away"))
    with capture_logs() as lines:
        desk.observe()
        desk.observe()
    assert [line["event"] for line in lines] == ["events_not_sent"], "once, and not each second"
    with writing(engine) as connection:
        connection.execute(text("alter table taken_away rename to event_outbox"))
    desk.observe()
    assert receiver.ids == ["a"]


def test_what_waits_for_too_long_is_given_up_and_counted(
    desk: Desk, receiver: Receiver, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    before = metric("events_total", outcome="dead")
    receiver.reply = answer(500)
    add("a")
    desk.observe()
    assert metric("events_waiting") == 1
    desk.outbox.pause("webhook", clock() + 2 * MAX_AGE)
    clock.now += MAX_AGE
    with capture_logs() as lines:
        desk.observe()
    assert ("events_given_up", 1) in [(line["event"], line.get("events")) for line in lines]
    assert metric("events_total", outcome="dead") == before + 1
    assert desk.ids(LetterState.DEAD) == ["a"]


def test_what_finds_no_space_is_counted_and_logged(
    desk: Desk, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    before = metric("events_total", outcome="lost")
    add("a", "b", "c")
    with capture_logs() as lines:
        desk.observe()
    assert ("events_lost", 2) in [(line["event"], line.get("events")) for line in lines]
    assert metric("events_total", outcome="lost") == before + 2


@pytest.mark.slow
def test_a_worker_that_is_killed_before_it_records_what_it_sent_has_it_sent_again(
    url: str,
    desk: Desk,
    receiver: Receiver,
    clock: Clock[datetime],
    add: Callable[..., None],
) -> None:
    """At least once: the receiver has the event, and the database does not know that."""
    add("a")
    never = Signal()
    receiver.reply = lambda delivery, number: Reply(wait=never)
    script = """
import asyncio, sys
from datetime import datetime
from app.events.sender import EventSender
from app.events.webhook import Webhook
from config.values import webhook_keys
from storage.database import open_database
from storage.outbox import Outbox
url, target, secret, now = sys.argv[1:]
clock = lambda: datetime.fromisoformat(now)
outbox = Outbox(open_database(url), clock=clock)
webhook = Webhook(target, webhook_keys(secret), "/mlrf", deadline=600)
asyncio.run(EventSender(webhook, outbox, clock=clock).observe())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script, url, receiver.url, SECRET, clock().isoformat()], cwd=ROOT
    )
    assert receiver.arrived.wait(60)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL
    receiver.reply = answer(204)
    never.set()
    desk.observe()
    assert receiver.ids == ["a"], "another worker waits for the lease of the one that died"
    clock.now += LEASE
    desk.observe()
    assert receiver.ids == ["a", "a"]
    assert desk.ids(LetterState.SENT) == ["a"]


def test_waits_are_spread_so_that_events_do_not_return_together() -> None:
    plan = RetryPlan(first=5, longest=3600, attempts=30)
    assert [plan.delay(n, 1.0).total_seconds() for n in (1, 2, 10, 11, 99)] == [
        *(5, 10, 2560, 3600, 3600)
    ]
    assert plan.delay(1, 0.0).total_seconds() == 2.5
