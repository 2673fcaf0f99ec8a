"""Keys in a database: made, found, rotated, revoked, and every act in the audit log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from threading import Barrier

import pytest
from sqlalchemy import Engine, event, inspect, text
from structlog.testing import capture_logs

from errors import InputError
from storage import key_store
from storage.audit import Actor, AuditEvent, AuditLog
from storage.database import reading, writing
from storage.errors import InactiveKeyError, StorageError, TooManyKeysError, UnknownKeyError
from storage.key_store import KeyStore, NewKey
from storage.keys import ApiKey, Scope, parse
from tests.integration.storage.conftest import Clock

ANN = Actor("ann", address="192.0.2.7", request_id="r-1")
DAY = timedelta(days=1)


def made(keys: KeyStore, client: str = "shop", expires_at: datetime | None = None) -> NewKey:
    return keys.create(client, {Scope.FORECAST, Scope.BATCH}, "standard", expires_at, by=ANN)


def found(keys: KeyStore, key: NewKey) -> ApiKey:
    record = keys.find(key.record.id)
    assert record is not None
    return record


def logged(engine: Engine) -> list[AuditEvent]:
    """The log, oldest first."""
    return [entry.event for entry in reversed(AuditLog(engine).latest(100))]


# --- create, find, list -----------------------------------------------------------------------


def test_a_key_is_found_as_it_was_made(keys: KeyStore, clock: Clock) -> None:
    new = made(keys, expires_at=clock.now + 90 * DAY)
    assert found(keys, new) == new.record
    presented = parse(new.text)
    assert presented is not None
    assert presented.public_id == new.record.id
    assert found(keys, new).matches(presented.secret)
    assert new.record == ApiKey(
        id=presented.public_id,
        client="shop",
        scopes=frozenset({Scope.FORECAST, Scope.BATCH}),
        tier="standard",
        created_at=clock.now,
        expires_at=clock.now + 90 * DAY,
        revoked_at=None,
        last_used_at=None,
        digest=new.record.digest,
    )


@pytest.fixture
def _quito(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine, and sessions of PostgreSQL, that are not in UTC."""
    for variable in ("TZ", "PGTZ"):
        monkeypatch.setenv(variable, "America/Guayaquil")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_quito")
def test_times_come_back_in_utc_from_whatever_zone(keys: KeyStore, clock: Clock) -> None:
    zone = timezone(timedelta(hours=-3))
    new = made(keys, expires_at=(clock.now + DAY).astimezone(zone))
    record = found(keys, new)
    assert record.expires_at is not None
    assert (record.created_at, record.expires_at) == (clock.now, clock.now + DAY)
    assert record.created_at.utcoffset() == record.expires_at.utcoffset() == timedelta(0)


def test_an_unknown_key_is_none(keys: KeyStore) -> None:
    assert keys.find("000000000000") is None


def test_finding_a_key_is_one_query(keys: KeyStore, engine: Engine) -> None:
    new = made(keys)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    found(keys, new)
    assert [text.split()[0] for text in statements if text != "BEGIN"] == ["SELECT"]


def test_the_database_holds_no_secret(keys: KeyStore, engine: Engine) -> None:
    first = made(keys)
    texts = [first.text, keys.rotate(first.record.id, by=ANN).text]
    with reading(engine) as connection:
        held = repr(
            [
                connection.execute(text(f"select * from {table}")).all()
                for table in inspect(engine).get_table_names()
            ]
        )
    assert first.record.id in held
    for key in texts:
        assert key.split("_")[2] not in held


def test_keys_are_listed_oldest_first(keys: KeyStore, clock: Clock) -> None:
    assert keys.list() == ()
    records = []
    for client in ("shop", "till", "shop"):
        records.append(made(keys, client).record)
        clock.move(minutes=1)
    assert keys.list() == tuple(records)
    assert keys.list("shop") == (records[0], records[2])
    assert keys.list("nobody") == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"client": ""}, "client ''", id="no client"),
        pytest.param({"client": "a\nb"}, "client 'a", id="a client of two lines"),
        pytest.param({"client": "a" * 101}, "client 'aaa", id="a long client"),
        pytest.param({"scopes": ()}, "scopes", id="no scope"),
        pytest.param({"expires_at": Clock().now}, "expiry 2026-03-01T12", id="expires now"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    keys: KeyStore, change: dict[str, object], message: str
) -> None:
    arguments = {"client": "shop", "scopes": [Scope.FORECAST], "tier": "standard"} | change
    with pytest.raises(InputError, match=message):
        keys.create(**arguments, by=ANN)  # type: ignore[arg-type]
    assert keys.list() == ()


# --- at most two ------------------------------------------------------------------------------


def test_a_third_active_key_is_refused_and_the_two_are_named(keys: KeyStore, clock: Clock) -> None:
    first = made(keys)
    clock.move(minutes=1)
    second = made(keys)
    with pytest.raises(TooManyKeysError) as refused:
        made(keys)
    assert refused.value.client == "shop"
    assert refused.value.public_ids == (first.record.id, second.record.id)
    assert first.record.id in str(refused.value)
    made(keys, "till")
    keys.revoke(first.record.id, by=ANN)
    made(keys)


def test_an_expired_key_makes_room(keys: KeyStore, clock: Clock) -> None:
    made(keys)
    made(keys, expires_at=clock.now + DAY)
    clock.move(days=1)
    made(keys)


def test_two_active_keys_however_many_are_asked_for_at_once(
    opened: Callable[[], Engine], keys: KeyStore
) -> None:
    stores = [KeyStore(opened()) for _ in range(6)]
    start = Barrier(len(stores))

    def ask(store: KeyStore) -> bool:
        start.wait(10)
        try:
            made(store)
        except TooManyKeysError:
            return False
        return True

    with ThreadPoolExecutor(len(stores)) as pool:
        assert sum(pool.map(ask, stores)) == 2
    assert len(keys.list()) == 2


# --- rotate -----------------------------------------------------------------------------------


def test_a_rotated_key_works_on_for_its_grace(keys: KeyStore, clock: Clock) -> None:
    old = made(keys)
    clock.move(hours=1)
    new = keys.rotate(old.record.id, by=ANN)
    assert (new.record.client, new.record.scopes, new.record.tier) == (
        *("shop", old.record.scopes, "standard"),
    )
    assert new.record.expires_at is None
    assert new.text != old.text
    assert found(keys, new) == new.record
    assert found(keys, old).usable(clock.now + timedelta(hours=23, minutes=59))
    assert not found(keys, old).usable(clock.now + timedelta(hours=24))


def test_a_rotation_can_end_the_old_key_at_once(keys: KeyStore, clock: Clock) -> None:
    old = made(keys)
    keys.rotate(old.record.id, by=ANN, grace=timedelta(0))
    assert not found(keys, old).usable(clock.now)


def test_a_rotation_never_lengthens_a_key(keys: KeyStore, clock: Clock) -> None:
    old = made(keys, expires_at=clock.now + timedelta(hours=2))
    keys.rotate(old.record.id, by=ANN)
    assert found(keys, old).expires_at == clock.now + timedelta(hours=2)


def test_a_new_key_gets_the_lifetime_that_the_old_was_made_with(
    keys: KeyStore, clock: Clock
) -> None:
    """Also when the old one is in the grace of an earlier rotation."""
    old = made(keys, expires_at=clock.now + 90 * DAY)
    clock.move(days=80)
    leaked = keys.rotate(old.record.id, by=ANN)
    assert leaked.record.expires_at == clock.now + 90 * DAY
    keys.revoke(leaked.record.id, by=ANN)
    assert keys.rotate(old.record.id, by=ANN).record.expires_at == clock.now + 90 * DAY


def test_a_second_rotation_waits_for_the_grace_of_the_first(keys: KeyStore, clock: Clock) -> None:
    old = made(keys)
    new = keys.rotate(old.record.id, by=ANN)
    for key in (old, new):
        with pytest.raises(TooManyKeysError, match=new.record.id):
            keys.rotate(key.record.id, by=ANN)
    clock.move(hours=24)
    keys.rotate(new.record.id, by=ANN)


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_has_ended_is_not_rotated(keys: KeyStore, clock: Clock, end: str) -> None:
    old = made(keys, expires_at=clock.now + DAY)
    if end == "revoked":
        keys.revoke(old.record.id, by=ANN)
    clock.move(days=1)
    with pytest.raises(InactiveKeyError, match=old.record.id):
        keys.rotate(old.record.id, by=ANN)
    assert len(keys.list()) == 1


def test_a_negative_grace_is_refused(keys: KeyStore) -> None:
    with pytest.raises(InputError, match="grace"):
        keys.rotate(made(keys).record.id, by=ANN, grace=-DAY)


# --- revoke, used -----------------------------------------------------------------------------


def test_a_revoked_key_stays_revoked(keys: KeyStore, clock: Clock) -> None:
    new = made(keys)
    assert keys.revoke(new.record.id, by=ANN).revoked_at == clock.now
    revoked_at = clock.now
    clock.move(hours=1)
    assert keys.revoke(new.record.id, by=ANN).revoked_at == revoked_at
    assert not found(keys, new).usable(clock.now)


@pytest.mark.parametrize("act", [KeyStore.revoke, KeyStore.rotate])
def test_an_act_on_an_unknown_key_is_refused(
    keys: KeyStore, engine: Engine, act: Callable[..., object]
) -> None:
    with pytest.raises(UnknownKeyError, match="'nothing'"):
        act(keys, "nothing", by=ANN)
    assert logged(engine) == []


def store_scopes(engine: Engine, key: NewKey, scopes: str) -> None:
    """Write scopes into a row as a newer release would."""
    statement = text("update api_keys set scopes = :scopes where id = :id")
    with writing(engine) as connection:
        connection.execute(statement, {"scopes": scopes, "id": key.record.id})


def test_a_scope_of_a_newer_release_is_ignored_and_reported(keys: KeyStore, engine: Engine) -> None:
    """After a rollback every key can still be found, listed and revoked."""
    new, other = made(keys), made(keys, "other")
    store_scopes(engine, new, "forecast reports")
    with capture_logs() as lines:
        record = found(keys, new)
    assert (record.scopes, record.unknown_scopes) == ({Scope.FORECAST}, {"reports"})
    assert [(line["event"], line["key"], line["scopes"]) for line in lines] == [
        ("unknown_scopes_ignored", new.record.id, "reports")
    ]
    assert {key.id for key in keys.list()} == {new.record.id, other.record.id}
    assert keys.revoke(new.record.id, by=ANN).revoked_at is not None


def test_a_rotation_keeps_the_scopes_that_only_a_newer_release_knows(
    keys: KeyStore, engine: Engine
) -> None:
    new = made(keys)
    store_scopes(engine, new, "forecast reports")
    rotated = found(keys, keys.rotate(new.record.id, by=ANN))
    assert (rotated.scopes, rotated.unknown_scopes) == ({Scope.FORECAST}, {"reports"})


def test_the_last_use_never_moves_backwards(keys: KeyStore, clock: Clock) -> None:
    first, second, third = (made(keys, client) for client in ("shop", "till", "cook"))
    later = clock.now + timedelta(minutes=5)
    keys.used({first.record.id: later, second.record.id: clock.now, "nothing": later})
    keys.used({first.record.id: clock.now, second.record.id: later})
    keys.used({})
    assert found(keys, first).last_used_at == later
    assert found(keys, second).last_used_at == later
    assert found(keys, third).last_used_at is None


# --- the audit log ----------------------------------------------------------------------------


def test_every_act_is_logged_with_who_when_and_from_where(
    keys: KeyStore, engine: Engine, clock: Clock
) -> None:
    old = made(keys, expires_at=clock.now + 90 * DAY).record
    new = keys.rotate(old.id, by=ANN).record
    keys.revoke(old.id, by=ANN)
    clock.move(seconds=1)
    keys.revoke(old.id, by=ANN)
    events = logged(engine)
    assert [(event.action, event.subject) for event in events] == [
        ("key.create", old.id),
        ("key.rotate", old.id),
        ("key.revoke", old.id),
        ("key.revoke", old.id),
    ]
    assert {(event.actor, event.address, event.request_id) for event in events} == {
        ("ann", "192.0.2.7", "r-1")
    }
    assert [event.at for event in events] == [clock.now - timedelta(seconds=1)] * 3 + [clock.now]
    created, rotated, revoked, again = (event.detail for event in events)
    assert created == ("for shop: batch forecast; tier standard; until 2026-05-30T12:00:00+00:00")
    assert rotated == f"replaced by {new.id}; valid until 2026-03-02T12:00:00+00:00"
    assert revoked == "of shop"
    assert again == "of shop; revoked before, at 2026-03-01T12:00:00+00:00"


def test_an_act_that_cannot_be_logged_is_not_done(
    keys: KeyStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = made(keys)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(key_store, "write", fail)
    with pytest.raises(StorageError, match="no space left"):
        made(keys, "till")
    with pytest.raises(StorageError):
        keys.rotate(key.record.id, by=ANN)
    with pytest.raises(StorageError):
        keys.revoke(key.record.id, by=ANN)
    assert keys.list() == (key.record,)


# --- failures ---------------------------------------------------------------------------------


def test_a_database_without_tables_says_so(opened: Callable[[], Engine]) -> None:
    with pytest.raises(StorageError, match="api_keys"):
        KeyStore(opened()).find("000000000000")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_restarted_postgresql_is_survived(keys: KeyStore, opened: Callable[[], Engine]) -> None:
    """Connections that it has closed are replaced, and no call notices."""
    new = made(keys)
    with writing(opened()) as connection:
        ended = connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
        assert ended.scalars().all() == [True]
    assert found(keys, new) == new.record
