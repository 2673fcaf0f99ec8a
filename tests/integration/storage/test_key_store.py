"""Keys in a database: create, find, rotate, revoke, and the audit log of each action."""

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
from storage.keys import ApiKey, Scope, parse_key
from tests.integration.storage.conftest import START
from tests.support.clock import Clock

ANN = Actor("ann", address="192.0.2.7", request_id="r-1")
DAY = timedelta(days=1)


def create_key(keys: KeyStore, client: str = "shop", expires_at: datetime | None = None) -> NewKey:
    return keys.create(client, {Scope.FORECAST, Scope.BATCH}, "standard", expires_at, by=ANN)


def find_record(keys: KeyStore, key: NewKey) -> ApiKey:
    record = keys.find(key.record.id)
    assert record is not None
    return record


def read_log(engine: Engine) -> list[AuditEvent]:
    """Return the events of the audit log, oldest first."""
    return [entry.event for entry in reversed(AuditLog(engine).latest(100))]


# --- create, find, list -----------------------------------------------------------------------


def test_a_key_round_trips(keys: KeyStore, clock: Clock) -> None:
    new = create_key(keys, expires_at=clock.now + 90 * DAY)
    assert find_record(keys, new) == new.record
    presented = parse_key(new.text)
    assert presented is not None
    assert presented.public_id == new.record.id
    assert find_record(keys, new).matches(presented.secret)
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
def test_times_are_returned_in_utc_for_any_time_zone(keys: KeyStore, clock: Clock) -> None:
    zone = timezone(timedelta(hours=-3))
    new = create_key(keys, expires_at=(clock.now + DAY).astimezone(zone))
    record = find_record(keys, new)
    assert record.expires_at is not None
    assert (record.created_at, record.expires_at) == (clock.now, clock.now + DAY)
    assert record.created_at.utcoffset() == record.expires_at.utcoffset() == timedelta(0)


def test_an_unknown_key_is_none(keys: KeyStore) -> None:
    assert keys.find("000000000000") is None


def test_finding_a_key_is_one_query(keys: KeyStore, engine: Engine) -> None:
    new = create_key(keys)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    find_record(keys, new)
    assert [text.split()[0] for text in statements if text != "BEGIN"] == ["SELECT"]


def test_the_database_holds_no_secret(keys: KeyStore, engine: Engine) -> None:
    first = create_key(keys)
    texts = [first.text, keys.rotate(first.record.id, by=ANN).text]
    with reading(engine) as connection:
        content = repr(
            [
                connection.execute(text(f"select * from {table}")).all()
                for table in inspect(engine).get_table_names()
            ]
        )
    assert first.record.id in content
    for key in texts:
        assert key.split("_")[2] not in content


def test_keys_are_listed_oldest_first(keys: KeyStore, clock: Clock) -> None:
    assert keys.list() == ()
    records = []
    for client in ("shop", "till", "shop"):
        records.append(create_key(keys, client).record)
        clock.now += timedelta(minutes=1)
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
        pytest.param({"expires_at": START}, "expiry 2026-03-01T12", id="expires now"),
    ],
)
def test_invalid_values_of_a_key_are_refused(
    keys: KeyStore, change: dict[str, object], message: str
) -> None:
    arguments = {"client": "shop", "scopes": [Scope.FORECAST], "tier": "standard"} | change
    with pytest.raises(InputError, match=message):
        keys.create(**arguments, by=ANN)  # type: ignore[arg-type]
    assert keys.list() == ()


# --- at most two ------------------------------------------------------------------------------


def test_a_third_active_key_is_refused_with_the_ids_of_the_two(
    keys: KeyStore, clock: Clock
) -> None:
    first = create_key(keys)
    clock.now += timedelta(minutes=1)
    second = create_key(keys)
    with pytest.raises(TooManyKeysError) as refused:
        create_key(keys)
    assert refused.value.client == "shop"
    assert refused.value.public_ids == (first.record.id, second.record.id)
    assert first.record.id in str(refused.value)
    create_key(keys, "till")
    keys.revoke(first.record.id, by=ANN)
    create_key(keys)


def test_an_expired_key_does_not_count(keys: KeyStore, clock: Clock) -> None:
    create_key(keys)
    create_key(keys, expires_at=clock.now + DAY)
    clock.now += timedelta(days=1)
    create_key(keys)


def test_concurrent_requests_create_at_most_two_active_keys(
    open_engine: Callable[[], Engine], keys: KeyStore
) -> None:
    stores = [KeyStore(open_engine()) for _ in range(6)]
    start = Barrier(len(stores))

    def ask(store: KeyStore) -> bool:
        start.wait(10)
        try:
            create_key(store)
        except TooManyKeysError:
            return False
        return True

    with ThreadPoolExecutor(len(stores)) as pool:
        assert sum(pool.map(ask, stores)) == 2
    assert len(keys.list()) == 2


# --- rotate -----------------------------------------------------------------------------------


def test_a_rotated_key_works_until_its_grace_period_ends(keys: KeyStore, clock: Clock) -> None:
    old = create_key(keys)
    clock.now += timedelta(hours=1)
    new = keys.rotate(old.record.id, by=ANN)
    assert (new.record.client, new.record.scopes, new.record.tier) == (
        *("shop", old.record.scopes, "standard"),
    )
    assert new.record.expires_at is None
    assert new.text != old.text
    assert find_record(keys, new) == new.record
    assert find_record(keys, old).usable(clock.now + timedelta(hours=23, minutes=59))
    assert not find_record(keys, old).usable(clock.now + timedelta(hours=24))


def test_a_rotation_can_end_the_old_key_at_once(keys: KeyStore, clock: Clock) -> None:
    old = create_key(keys)
    keys.rotate(old.record.id, by=ANN, grace=timedelta(0))
    assert not find_record(keys, old).usable(clock.now)


def test_a_rotation_never_lengthens_a_key(keys: KeyStore, clock: Clock) -> None:
    old = create_key(keys, expires_at=clock.now + timedelta(hours=2))
    keys.rotate(old.record.id, by=ANN)
    assert find_record(keys, old).expires_at == clock.now + timedelta(hours=2)


def test_a_new_key_gets_the_lifetime_that_the_old_was_made_with(
    keys: KeyStore, clock: Clock
) -> None:
    """Also when the old one is in the grace of an earlier rotation."""
    old = create_key(keys, expires_at=clock.now + 90 * DAY)
    clock.now += timedelta(days=80)
    leaked = keys.rotate(old.record.id, by=ANN)
    assert leaked.record.expires_at == clock.now + 90 * DAY
    keys.revoke(leaked.record.id, by=ANN)
    assert keys.rotate(old.record.id, by=ANN).record.expires_at == clock.now + 90 * DAY


def test_a_second_rotation_waits_for_the_grace_of_the_first(keys: KeyStore, clock: Clock) -> None:
    old = create_key(keys)
    new = keys.rotate(old.record.id, by=ANN)
    for key in (old, new):
        with pytest.raises(TooManyKeysError, match=new.record.id):
            keys.rotate(key.record.id, by=ANN)
    clock.now += timedelta(hours=24)
    keys.rotate(new.record.id, by=ANN)


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_has_ended_is_not_rotated(keys: KeyStore, clock: Clock, end: str) -> None:
    old = create_key(keys, expires_at=clock.now + DAY)
    if end == "revoked":
        keys.revoke(old.record.id, by=ANN)
    clock.now += timedelta(days=1)
    with pytest.raises(InactiveKeyError, match=old.record.id):
        keys.rotate(old.record.id, by=ANN)
    assert len(keys.list()) == 1


def test_a_negative_grace_is_refused(keys: KeyStore) -> None:
    with pytest.raises(InputError, match="grace"):
        keys.rotate(create_key(keys).record.id, by=ANN, grace=-DAY)


# --- revoke, used -----------------------------------------------------------------------------


def test_a_revoked_key_stays_revoked(keys: KeyStore, clock: Clock) -> None:
    new = create_key(keys)
    assert keys.revoke(new.record.id, by=ANN).revoked_at == clock.now
    revoked_at = clock.now
    clock.now += timedelta(hours=1)
    assert keys.revoke(new.record.id, by=ANN).revoked_at == revoked_at
    assert not find_record(keys, new).usable(clock.now)


@pytest.mark.parametrize("action", [KeyStore.revoke, KeyStore.rotate])
def test_an_action_on_an_unknown_key_is_refused(
    keys: KeyStore, engine: Engine, action: Callable[..., object]
) -> None:
    with pytest.raises(UnknownKeyError, match="'nothing'"):
        action(keys, "nothing", by=ANN)
    assert read_log(engine) == []


def store_scopes(engine: Engine, key: NewKey, scopes: str) -> None:
    """Write scopes into a row as a newer release would."""
    statement = text("update api_keys set scopes = :scopes where id = :id")
    with writing(engine) as connection:
        connection.execute(statement, {"scopes": scopes, "id": key.record.id})


def test_a_scope_of_a_newer_release_is_ignored_and_reported(keys: KeyStore, engine: Engine) -> None:
    """After a rollback every key can still be found, listed and revoked."""
    new, other = create_key(keys), create_key(keys, "other")
    store_scopes(engine, new, "forecast reports")
    with capture_logs() as lines:
        record = find_record(keys, new)
    assert (record.scopes, record.unknown_scopes) == ({Scope.FORECAST}, {"reports"})
    assert [(line["event"], line["key"], line["scopes"]) for line in lines] == [
        ("unknown_scopes_ignored", new.record.id, "reports")
    ]
    assert {key.id for key in keys.list()} == {new.record.id, other.record.id}
    assert keys.revoke(new.record.id, by=ANN).revoked_at is not None


def test_a_rotation_keeps_the_scopes_that_only_a_newer_release_knows(
    keys: KeyStore, engine: Engine
) -> None:
    new = create_key(keys)
    store_scopes(engine, new, "forecast reports")
    rotated = find_record(keys, keys.rotate(new.record.id, by=ANN))
    assert (rotated.scopes, rotated.unknown_scopes) == ({Scope.FORECAST}, {"reports"})


def test_the_last_use_never_moves_backwards(keys: KeyStore, clock: Clock) -> None:
    first, second, third = (create_key(keys, client) for client in ("shop", "till", "cook"))
    later = clock.now + timedelta(minutes=5)
    keys.record_uses({first.record.id: later, second.record.id: clock.now, "nothing": later})
    keys.record_uses({first.record.id: clock.now, second.record.id: later})
    keys.record_uses({})
    assert find_record(keys, first).last_used_at == later
    assert find_record(keys, second).last_used_at == later
    assert find_record(keys, third).last_used_at is None


# --- the audit log ----------------------------------------------------------------------------


def test_every_action_is_logged_with_actor_time_and_address(
    keys: KeyStore, engine: Engine, clock: Clock
) -> None:
    old = create_key(keys, expires_at=clock.now + 90 * DAY).record
    new = keys.rotate(old.id, by=ANN).record
    keys.revoke(old.id, by=ANN)
    clock.now += timedelta(seconds=1)
    keys.revoke(old.id, by=ANN)
    events = read_log(engine)
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


def test_an_action_that_cannot_be_logged_is_rolled_back(
    keys: KeyStore, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = create_key(keys)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(key_store, "write", fail)
    with pytest.raises(StorageError, match="no space left"):
        create_key(keys, "till")
    with pytest.raises(StorageError):
        keys.rotate(key.record.id, by=ANN)
    with pytest.raises(StorageError):
        keys.revoke(key.record.id, by=ANN)
    assert keys.list() == (key.record,)


# --- failures ---------------------------------------------------------------------------------


def test_a_database_without_tables_is_reported(open_engine: Callable[[], Engine]) -> None:
    with pytest.raises(StorageError, match="api_keys"):
        KeyStore(open_engine()).find("000000000000")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_restarted_postgresql_is_survived(
    keys: KeyStore, open_engine: Callable[[], Engine]
) -> None:
    """Connections that it has closed are replaced, and no call notices."""
    new = create_key(keys)
    with writing(open_engine()) as connection:
        ended = connection.execute(
            text(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        )
        assert ended.scalars().all() == [True]
    assert find_record(keys, new) == new.record
