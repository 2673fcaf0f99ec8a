"""The overrides in the database: their numbers, the plan that stands, and its token."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.audit import Actor, AuditLog
from storage.errors import IdempotencyKeyReusedError, StalePlanError, UnknownOverrideError
from storage.idempotency import IdempotencyKey
from storage.override_store import OverrideFilter, OverrideStore
from storage.overrides import (
    NewOverride,
    OverrideState,
    PlannedDay,
    Reason,
    StatisticalDay,
    StoredOverride,
)
from tests.support.clock import Clock

ANN, BOB = Actor("key:ann"), Actor("key:bob")
ORIGIN, DAY = date(2024, 6, 30), timedelta(days=1)
FIRST = ORIGIN + 3 * DAY
BEGINNING = date(1, 1, 1)


@pytest.fixture
def store(engine: Engine, clock: Clock[datetime]) -> OverrideStore:
    return OverrideStore(engine, clock)


def new(**fields: Any) -> NewOverride:
    """Return an override of two days; keyword arguments override."""
    first = fields.get("first", FIRST)
    numbers = (10.5, 0.1, 1 / 3)
    override = NewOverride(
        node="store:1",
        first=first,
        last=fields.get("last", first + DAY),
        op="add",
        value=0.1,
        spread="day",
        reason=Reason.EVENT,
        note="Zwölf € 🎉\nTwo lines",
        author="Ann",
        subject="key:ann",
        expires_at=None,
        model_version="demo",
        snapshot="d1",
        origin=ORIGIN,
        statistical=tuple(
            StatisticalDay(first + DAY * at, 1 / 3, 0, 1e-9, 0, 2.5) for at in range(2)
        ),
        days=tuple(PlannedDay(first + DAY * at, *numbers) for at in range(2)),
    )
    return dataclasses.replace(override, **fields)


def create(store: OverrideStore, **fields: Any) -> StoredOverride:
    return store.create(new(**fields), revision=store.state().revision, by=ANN)


def standing(store: OverrideStore) -> list[int]:
    return [each.id for each in store.standing(store.state(), BEGINNING)]


# --- create and withdraw ----------------------------------------------------------------------


def test_a_stored_override_is_what_was_given(store: OverrideStore, clock: Clock[datetime]) -> None:
    requested = new(expires_at=clock.now + DAY)
    stored = store.create(requested, revision=0, by=ANN)
    assert {name: getattr(stored, name) for name in requested.__dataclass_fields__} == {
        name: getattr(requested, name) for name in requested.__dataclass_fields__
    }
    assert (stored.created_at, stored.withdrawn_at) == (clock.now, None)
    assert (stored.created_revision, stored.withdrawn_revision) == (1, None)
    assert store.find(stored.id) == stored


def test_changes_are_numbered_together(store: OverrideStore) -> None:
    first, second = create(store), create(store)
    withdrawn = store.withdraw(first.id, client="Bob", by=BOB)
    third = create(store)
    assert [first.created_revision, second.created_revision] == [1, 2]
    assert (withdrawn.withdrawn_revision, third.created_revision) == (3, 4)
    assert first.id < second.id < third.id


def test_an_override_is_withdrawn_once(store: OverrideStore, clock: Clock[datetime]) -> None:
    number = create(store).id
    clock.now += DAY
    withdrawn = store.withdraw(number, client="Bob", by=BOB)
    assert (withdrawn.withdrawn_at, withdrawn.withdrawn_by) == (clock.now, "Bob")
    clock.now += DAY
    assert store.withdraw(number, client="Ann", by=ANN) == withdrawn
    assert store.state().revision == 2


def test_changes_are_in_the_audit_log(store: OverrideStore, engine: Engine) -> None:
    number = create(store).id
    store.withdraw(number, client="Bob", by=BOB)
    store.withdraw(number, client="Bob", by=BOB)
    events = [entry.event for entry in AuditLog(engine).latest(10)]
    assert [(each.action, each.actor, each.subject) for each in events] == [
        ("override.withdraw", "key:bob", str(number)),
        ("override.create", "key:ann", str(number)),
    ]
    assert "store:1, 2024-07-03 to 2024-07-04: add 0.1 a day; event" in events[1].detail


def test_an_override_that_was_computed_on_an_older_revision_is_refused(
    store: OverrideStore,
) -> None:
    create(store)
    with pytest.raises(StalePlanError):
        store.create(new(), revision=0, by=ANN)
    assert store.state().revision == 1


def test_of_concurrent_creations_on_one_revision_one_succeeds(
    open_engine: Callable[[], Engine], engine: Engine, clock: Clock[datetime]
) -> None:
    stores = [OverrideStore(open_engine(), clock) for _ in range(4)]
    start = Barrier(len(stores))

    def attempt(store: OverrideStore) -> bool:
        start.wait(10)
        try:
            store.create(new(), revision=0, by=ANN)
        except StalePlanError:
            return False
        return True

    with ThreadPoolExecutor(len(stores)) as pool:
        assert sorted(pool.map(attempt, stores)) == [False, False, False, True]
    assert standing(stores[0]) == [1]


def test_a_number_that_there_is_not_is_unknown(store: OverrideStore) -> None:
    with pytest.raises(UnknownOverrideError, match="no override 10000000000"):
        store.find(10**10)
    with pytest.raises(UnknownOverrideError):
        store.withdraw(1, client="Bob", by=BOB)


def test_a_repeated_request_is_answered_with_what_it_created(store: OverrideStore) -> None:
    identity = IdempotencyKey("n" * 64, "f" * 64)
    assert store.find_repeated(identity) is None
    made = store.create(new(), revision=0, by=ANN, idempotency=identity)
    assert store.find_repeated(identity) == made
    assert store.create(new(), revision=0, by=ANN, idempotency=identity) == made
    with pytest.raises(IdempotencyKeyReusedError):
        store.find_repeated(IdempotencyKey("n" * 64, "g" * 64))
    assert store.state().revision == 1


def test_a_name_that_is_longer_than_its_column_is_cut(store: OverrideStore) -> None:
    assert create(store, author="a" * 300).author == "a" * 100


# --- the plan that stands ---------------------------------------------------------------------


def test_overrides_stand_until_they_are_withdrawn_or_expire(
    store: OverrideStore, clock: Clock[datetime]
) -> None:
    unlimited = create(store).id
    expiring, withdrawn = create(store, expires_at=clock.now + DAY).id, create(store).id
    assert standing(store) == [unlimited, expiring, withdrawn]
    store.withdraw(withdrawn, client="Bob", by=BOB)
    assert standing(store) == [unlimited, expiring]
    clock.now += DAY
    assert standing(store) == [unlimited]


def test_only_overrides_with_later_days_are_loaded(store: OverrideStore) -> None:
    number = create(store).id
    state = store.state()
    assert [each.id for each in store.standing(state, FIRST)] == [number]
    assert store.standing(state, FIRST + DAY) == ()


def test_the_plan_of_a_state_does_not_change_afterwards(
    store: OverrideStore, clock: Clock[datetime]
) -> None:
    number = create(store, expires_at=clock.now + DAY).id
    state = store.state()
    create(store)
    store.withdraw(number, client="Bob", by=BOB)
    clock.now += 2 * DAY
    assert [each.id for each in store.standing(state, BEGINNING)] == [number]


def test_a_token_changes_with_the_plan_and_only_then(
    store: OverrideStore, clock: Clock[datetime]
) -> None:
    tokens = [store.state().token]
    number = create(store, expires_at=clock.now + 2 * DAY).id
    tokens.append(store.state().token)
    clock.now += DAY
    assert store.state().token == tokens[-1]
    clock.now += DAY
    tokens.append(store.state().token)
    store.withdraw(number, client="Bob", by=BOB)
    tokens.append(store.state().token)
    assert len(set(tokens)) == len(tokens)


# --- lists ------------------------------------------------------------------------------------


def test_overrides_changed_since_a_revision_are_those_of_the_days(store: OverrideStore) -> None:
    old, withdrawn = create(store), create(store)
    revision = store.state().revision
    store.withdraw(withdrawn.id, client="Bob", by=BOB)
    made, far = create(store), create(store, first=FIRST + 30 * DAY)
    changed = store.changed_since(revision, FIRST, FIRST)
    assert [each.id for each in changed] == [withdrawn.id, made.id]
    assert old.id not in [each.id for each in changed]
    assert [each.id for each in store.changed_since(revision, far.first, far.last)] == [far.id]


def test_every_state_lists_the_overrides_that_say_they_have_it(
    store: OverrideStore, clock: Clock[datetime]
) -> None:
    create(store)
    create(store, expires_at=clock.now + DAY)
    create(store, first=ORIGIN - DAY)
    store.withdraw(create(store).id, client="Bob", by=BOB)
    clock.now += DAY
    everything = store.list(OverrideFilter(newest=ORIGIN), 10)
    assert len({each.state(clock.now, ORIGIN) for each in everything}) == len(OverrideState)
    for state in OverrideState:
        listed = store.list(OverrideFilter(newest=ORIGIN, state=state), 10)
        assert list(listed) == [e for e in everything if e.state(clock.now, ORIGIN) is state]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({"node": "store:2"}, [2], id="a node"),
        pytest.param({"first": FIRST + 2 * DAY}, [3], id="from a day"),
        pytest.param({"last": FIRST + DAY}, [2, 1], id="to a day"),
    ],
)
def test_a_filter_selects(store: OverrideStore, wanted: Any, expected: list[int]) -> None:
    numbers = [
        create(store).id,
        create(store, node="store:2").id,
        create(store, first=FIRST + 9 * DAY).id,
    ]
    listed = store.list(OverrideFilter(newest=ORIGIN, **wanted), 10)
    assert [each.id for each in listed] == [numbers[number - 1] for number in expected]


def test_pages_follow_each_other(store: OverrideStore) -> None:
    numbers = [create(store).id for _ in range(3)]
    page = store.list(OverrideFilter(newest=ORIGIN), 2)
    assert [each.id for each in page] == numbers[:0:-1]
    rest = store.list(OverrideFilter(newest=ORIGIN), 2, page[-1].id)
    assert [each.id for each in rest] == numbers[:1]
