"""The outbox on SQLite and on PostgreSQL: what enters it, who sends it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import Engine

from storage import outbox as module
from storage.audit import Actor, AuditLog
from storage.database import reading, writing
from storage.errors import AbsentTargetError, UnknownLetterError
from storage.letters import Event, LetterState
from storage.outbox import KEEP_DEAD, KEEP_SENT, LEASE, MAX_AGE, TARGET_LIFETIME, Outbox, add_event
from tests.support.clock import Clock

ANNA = Actor("anna")
SECOND = timedelta(seconds=1)
HOOK, KAFKA = "webhook", "kafka"
ONE, OTHER = "worker-1", "worker-2"


@pytest.fixture
def outbox(engine: Engine, clock: Clock[datetime]) -> Outbox:
    outbox = Outbox(engine, clock=clock)
    outbox.register(HOOK, "here")
    return outbox


def event_of(name: str, at: datetime) -> Event:
    return Event(id=name, kind="mlrf.job.failed", subject="job", at=at, data={"job": name})


@pytest.fixture
def add(engine: Engine, clock: Clock[datetime]) -> Callable[..., None]:
    def add(*names: str) -> None:
        with writing(engine) as connection:
            for name in names:
                add_event(connection, event_of(name, clock()), now=clock())

    return add


def names(outbox: Outbox, state: LetterState) -> list[str]:
    return [letter.event.id for letter in outbox.letters(state, 100)][::-1]


def take(outbox: Outbox, worker: str = ONE, target: str = HOOK) -> list[str]:
    return [letter.event.id for letter in outbox.take_due(target, worker, 100)]


# --- what enters --------------------------------------------------------------------------------


def test_without_a_target_nothing_is_recorded(
    engine: Engine, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a")
    assert names(Outbox(engine, clock=clock), LetterState.WAITING) == []


def test_every_target_gets_an_event_of_its_own(outbox: Outbox, add: Callable[..., None]) -> None:
    outbox.register(KAFKA, "there")
    add("a")
    assert take(outbox) == take(outbox, target=KAFKA) == ["a"]


def test_an_event_is_undone_with_what_it_tells(
    engine: Engine, outbox: Outbox, clock: Clock[datetime]
) -> None:
    def change() -> None:
        with writing(engine) as connection:
            add_event(connection, event_of("a", clock()), now=clock())
            raise LookupError

    with pytest.raises(LookupError):
        change()
    assert names(outbox, LetterState.WAITING) == []


def test_an_event_from_before_a_target_was_set_up_is_not_sent_there(
    engine: Engine, outbox: Outbox, clock: Clock[datetime]
) -> None:
    with writing(engine) as connection:
        add_event(connection, event_of("a", clock() - SECOND), now=clock())
    assert names(outbox, LetterState.WAITING) == []


def test_a_target_that_no_server_is_configured_with_any_more_gets_no_events(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    clock.now += TARGET_LIFETIME
    add("a")
    outbox.register(HOOK, "here")
    add("b")
    assert names(outbox, LetterState.WAITING) == ["b"]


@pytest.mark.parametrize("end", ["waiting", "sent", "dead"])
def test_an_event_is_added_once(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None], end: str
) -> None:
    add("a")
    (letter,) = outbox.take_due(HOOK, ONE, 1)
    if end == "sent":
        outbox.mark_sent(letter, ONE)
    elif end == "dead":
        outbox.give_up(letter, ONE, failure="answered 500")
    clock.now += KEEP_SENT - SECOND
    outbox.register(HOOK, "here")
    before = {state: names(outbox, state) for state in LetterState}
    with writing(outbox._engine) as connection:
        add_event(connection, event_of("a", clock()), now=clock())
    assert {state: names(outbox, state) for state in LetterState} == before


def test_concurrent_transactions_add_an_event_once(
    open_engine: Callable[[], Engine], outbox: Outbox, clock: Clock[datetime]
) -> None:
    engines = [open_engine() for _ in range(4)]
    start = Barrier(len(engines))

    def add(engine: Engine) -> None:
        start.wait(10)
        with writing(engine) as connection:
            add_event(connection, event_of("a", clock()), now=clock())

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(add, engines))
    assert names(outbox, LetterState.WAITING) == ["a"]


def test_what_finds_no_space_is_counted_once(
    outbox: Outbox, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    add("a", "b", "c", "d")
    assert names(outbox, LetterState.WAITING) == ["a", "b"]
    assert [outbox.take_lost(HOOK), outbox.take_lost(HOOK)] == [2, 0]
    (first, _) = outbox.take_due(HOOK, ONE, 2)
    outbox.mark_sent(first, ONE)
    add("e")
    assert names(outbox, LetterState.WAITING) == ["b", "e"]


# --- who sends ----------------------------------------------------------------------------------


def test_one_worker_sends_until_its_lease_ends(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a")
    assert outbox.backlog(HOOK, OTHER).is_due
    assert (take(outbox, ONE), take(outbox, OTHER)) == (["a"], [])
    assert outbox.backlog(HOOK, ONE).is_due
    assert not outbox.backlog(HOOK, OTHER).is_due
    clock.now += LEASE
    assert (take(outbox, OTHER), take(outbox, ONE)) == (["a"], [])


def test_a_worker_that_ends_gives_its_lease_back(outbox: Outbox, add: Callable[..., None]) -> None:
    add("a")
    take(outbox, ONE)
    outbox.release(HOOK, OTHER)
    assert take(outbox, OTHER) == []
    outbox.release(HOOK, ONE)
    assert take(outbox, OTHER) == ["a"]


def test_a_worker_that_lost_its_lease_learns_it(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a", "b")
    first, second = outbox.take_due(HOOK, ONE, 2)
    assert outbox.mark_sent(first, ONE)
    clock.now += LEASE
    take(outbox, OTHER)
    assert not outbox.mark_sent(second, ONE)


def test_of_workers_that_start_together_one_gets_the_lease(
    open_engine: Callable[[], Engine],
    outbox: Outbox,
    clock: Clock[datetime],
    add: Callable[..., None],
) -> None:
    add("a")
    workers = [Outbox(open_engine(), clock=clock) for _ in range(4)]
    start = Barrier(len(workers))

    def take_one(number: int) -> list[str]:
        start.wait(10)
        return take(workers[number], f"worker-{number}")

    with ThreadPoolExecutor(len(workers)) as pool:
        assert sorted(pool.map(take_one, range(len(workers)))) == [[], [], [], ["a"]]


# --- what becomes of it -------------------------------------------------------------------------


def test_a_sent_letter_is_not_due_again(outbox: Outbox, add: Callable[..., None]) -> None:
    add("a", "b")
    outbox.mark_sent(outbox.take_due(HOOK, ONE, 1)[0], ONE)
    assert take(outbox) == ["b"]
    (sent,) = outbox.letters(LetterState.SENT, 10)
    assert (sent.event.id, sent.attempts, sent.failure) == ("a", 1, "")


def test_a_failed_letter_waits_until_it_is_due(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a", "b")
    first = outbox.take_due(HOOK, ONE, 1)[0]
    outbox.postpone(first, ONE, failure="answered 500", due_at=clock() + SECOND)
    assert take(outbox) == ["b"]
    clock.now += SECOND
    assert take(outbox) == ["a", "b"]
    again = outbox.take_due(HOOK, ONE, 1)[0]
    assert (again.attempts, again.failure) == (1, "answered 500")
    backlog = outbox.backlog(HOOK, ONE)
    assert (backlog.waiting, backlog.oldest) == (2, clock() - SECOND)


def test_a_paused_target_gets_nothing_until_then(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a")
    outbox.pause(HOOK, clock() + SECOND)
    assert (take(outbox), outbox.backlog(HOOK, ONE).is_due) == ([], False)
    clock.now += SECOND
    assert take(outbox) == ["a"]


def test_a_letter_that_waits_for_too_long_is_a_dead_one(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a")
    clock.now += MAX_AGE
    trimmed = outbox.trim()
    assert (trimmed.expired, trimmed.removed) == ({HOOK: 1}, 0)
    assert names(outbox, LetterState.WAITING) == []
    assert names(outbox, LetterState.DEAD) == ["a"]


def test_old_sent_letters_and_old_dead_ones_are_removed(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a", "b")
    sent, dead = outbox.take_due(HOOK, ONE, 2)
    outbox.mark_sent(sent, ONE)
    outbox.give_up(dead, ONE, failure="answered 500")
    clock.now += KEEP_SENT
    assert outbox.trim().removed == 0
    assert names(outbox, LetterState.SENT) == []
    clock.now += KEEP_DEAD - KEEP_SENT
    assert outbox.trim().removed == 1
    assert names(outbox, LetterState.DEAD) == []


def test_the_oldest_dead_letters_make_room_for_new_ones(
    outbox: Outbox,
    clock: Clock[datetime],
    add: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_DEAD", 2)
    add("a", "b", "c")
    for letter in outbox.take_due(HOOK, ONE, 3):
        outbox.give_up(letter, ONE, failure="answered 500")
    assert outbox.trim().removed == 1
    assert names(outbox, LetterState.DEAD) == ["b", "c"]


def test_a_target_that_is_gone_gets_nothing_more(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a", "b")
    take(outbox)
    assert outbox.stop(HOOK, failure="answered 410") == 2
    add("c")
    assert names(outbox, LetterState.WAITING) == []
    assert [letter.failure for letter in outbox.letters(LetterState.DEAD, 9)] == [
        "answered 410",
        "answered 410",
    ]
    outbox.register(HOOK, "here")
    add("d")
    assert names(outbox, LetterState.WAITING) == []


def test_a_target_with_another_address_begins_anew(
    outbox: Outbox, add: Callable[..., None]
) -> None:
    outbox.stop(HOOK, failure="answered 410")
    outbox.register(HOOK, "elsewhere")
    add("a")
    assert take(outbox) == ["a"]


# --- sending again ------------------------------------------------------------------------------


def test_a_dead_letter_is_sent_again_under_its_number(
    engine: Engine, outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a")
    letter = outbox.take_due(HOOK, ONE, 1)[0]
    outbox.give_up(letter, ONE, failure="answered 500")
    add("b")  # takes no number of a dead letter
    clock.now += MAX_AGE - SECOND
    again = outbox.resend(letter.number, by=ANNA)
    assert (again.number, again.state, again.attempts) == (letter.number, LetterState.WAITING, 0)
    assert again.event == letter.event
    clock.now += SECOND
    assert outbox.trim().expired == {HOOK: 1}, "it waits anew, and the other one does not"
    assert names(outbox, LetterState.WAITING) == ["a"]
    (entry,) = AuditLog(engine).latest(10)
    assert (entry.event.actor, entry.event.action) == ("anna", "event.resend")
    assert entry.event.subject == str(letter.number)


def test_sending_again_resumes_a_target_that_was_gone(
    outbox: Outbox, add: Callable[..., None]
) -> None:
    add("a")
    outbox.stop(HOOK, failure="answered 410")
    (dead,) = outbox.letters(LetterState.DEAD, 9)
    outbox.resend(dead.number, by=ANNA)
    add("b")
    assert take(outbox) == ["a", "b"]


def test_what_is_no_dead_letter_cannot_be_sent_again(
    outbox: Outbox, add: Callable[..., None]
) -> None:
    add("a")
    (waits,) = outbox.letters(LetterState.WAITING, 9)
    with pytest.raises(UnknownLetterError):
        outbox.resend(waits.number, by=ANNA)


def test_nothing_is_sent_again_to_a_target_that_no_server_has(
    outbox: Outbox, clock: Clock[datetime], add: Callable[..., None]
) -> None:
    add("a")
    letter = outbox.take_due(HOOK, ONE, 1)[0]
    outbox.give_up(letter, ONE, failure="answered 500")
    clock.now += TARGET_LIFETIME
    with pytest.raises(AbsentTargetError, match="no server sends to webhook"):
        outbox.resend(letter.number, by=ANNA)
    assert names(outbox, LetterState.DEAD) == ["a"]


def test_letters_are_listed_in_pages(outbox: Outbox, add: Callable[..., None]) -> None:
    add("a", "b", "c")
    first = outbox.letters(LetterState.WAITING, 2)
    second = outbox.letters(LetterState.WAITING, 2, before=first[-1].number)
    assert [letter.event.id for letter in (*first, *second)] == ["c", "b", "a"]


def test_reading_takes_no_lock_of_writers(
    engine: Engine, outbox: Outbox, add: Callable[..., None]
) -> None:
    """Every worker looks once a second, also while another process writes."""
    add("a")
    with writing(engine), reading(engine):
        assert outbox.backlog(HOOK, ONE).waiting == 1
        assert outbox.take_lost(HOOK) == 0
