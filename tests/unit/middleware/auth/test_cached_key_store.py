"""The cache over the key database: age of results, and behaviour in an outage."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from middleware.auth.cached_key_store import (
    CachedKeyStore,
    KeysUnavailableError,
    LookupsExhaustedError,
)
from storage.cache.bounded import ENTRY_BYTES
from storage.database import open_database
from storage.errors import StorageError
from storage.key_store import Actor
from storage.key_store import KeyStore as Database
from storage.keys import ApiKey, Scope
from storage.migrations import upgrade

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TIMEOUT_SECONDS = 10.0
"""Seconds after which a waiting test fails."""


def key(public_id: str) -> ApiKey:
    return ApiKey(
        id=public_id,
        client="a shop",
        scopes=frozenset({Scope.FORECAST}),
        tier="standard",
        created_at=NOW,
        expires_at=None,
        revoked_at=None,
        last_used_at=None,
        digest="0" * 64,
    )


class Store:
    """A key store in memory that can be made to fail or to block."""

    def __init__(self) -> None:
        self.keys = {name: key(name) for name in ("one", "two")}
        self.lookups: list[str] = []
        self.fails: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.writing = threading.Event()
        self.times: dict[str, datetime] = {}
        self.threads: set[threading.Thread] = set()

    def find(self, public_id: str) -> ApiKey | None:
        self.lookups.append(public_id)
        self.threads.add(threading.current_thread())
        assert self.gate.wait(TIMEOUT_SECONDS)
        if self.fails:
            raise self.fails
        return self.keys.get(public_id)

    def record_uses(self, times: Mapping[str, datetime]) -> None:
        self.writing.set()
        assert self.gate.wait(TIMEOUT_SECONDS)
        if self.fails:
            raise self.fails
        self.times.update(times)


class Bench:
    """A cached store with its inner store, its clock and its observed outcomes."""

    def __init__(self) -> None:
        self.store = Store()
        self.time = 1000.0
        self.outcomes: list[str] = []

    def lookup(self, **options: Any) -> CachedKeyStore:
        return CachedKeyStore(
            self.store,
            clock=lambda: self.time,
            now=lambda: NOW + timedelta(seconds=self.time),
            observe=self.outcomes.append,
            **options,
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        """Run other tasks until the condition holds."""
        with anyio.fail_after(TIMEOUT_SECONDS):
            while not condition():
                await anyio.sleep(0.001)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def run(test: Callable[[], Awaitable[None]]) -> None:
    anyio.run(test)


def immediately(lookup: CachedKeyStore, public_id: str) -> ApiKey | None:
    """Return the result of a call that must not await; fail if it does."""
    call = lookup.find(public_id)
    try:
        call.send(None)
    except StopIteration as done:
        result: ApiKey | None = done.value
        return result
    raise AssertionError("the call awaits something")


# --- age --------------------------------------------------------------------------------------


def test_a_cached_key_needs_no_await(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        assert await lookup.find("one") == key("one")
        bench.time += 1.99
        assert immediately(lookup, "one") == key("one")
        assert bench.store.lookups == ["one"]
        assert bench.outcomes == ["miss", "hit"]

    run(test)


def test_a_revocation_takes_effect_after_the_time_to_live(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        await lookup.find("one")
        del bench.store.keys["one"]
        bench.time += 1.99
        assert await lookup.find("one") == key("one")
        bench.time += 0.01
        assert await lookup.find("one") is None
        assert immediately(lookup, "one") is None

    run(test)


def test_an_unknown_id_is_cached_for_the_same_time(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        assert await lookup.find("new") is None
        bench.store.keys["new"] = key("new")
        assert immediately(lookup, "new") is None
        bench.time += 2
        assert await lookup.find("new") == key("new")
        assert immediately(lookup, "new") == key("new")

    run(test)


def test_the_age_of_a_result_counts_from_the_query(bench: Bench) -> None:
    """A slow database may have read the key long before its result arrives."""

    async def test() -> None:
        lookup = bench.lookup()
        bench.store.gate.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(lookup.find, "one")
            await bench.until(lambda: bench.store.lookups == ["one"])
            bench.time += 1.5
            bench.store.gate.set()
        bench.time += 0.5
        await lookup.find("one")
        assert bench.store.lookups == ["one", "one"]

    run(test)


# --- load -------------------------------------------------------------------------------------


def test_concurrent_requests_for_an_id_share_one_query(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        bench.store.gate.clear()
        results: list[ApiKey | None] = []

        async def find() -> None:
            results.append(await lookup.find("one"))

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(find)
            await bench.until(lambda: bench.store.lookups != [])
            await anyio.wait_all_tasks_blocked()
            bench.store.gate.set()
        assert results == [key("one")] * 20
        assert bench.store.lookups == ["one"]

    run(test)


def test_a_request_that_is_cancelled_does_not_take_the_others_with_it(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        bench.store.gate.clear()
        results: list[ApiKey | None] = []

        async def find(scope: anyio.CancelScope) -> None:
            with scope:
                results.append(await lookup.find("one"))

        first, second = anyio.CancelScope(), anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(find, first)
            group.start_soon(find, second)
            await bench.until(lambda: bench.store.lookups != [])
            first.cancel()
            await anyio.wait_all_tasks_blocked()
            bench.store.gate.set()
        assert results == [key("one")]
        assert bench.store.lookups == ["one"]

    run(test)


def test_the_store_is_queried_in_few_other_threads(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup(threads=2)
        bench.store.gate.clear()
        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(lookup.find, f"{number}")
            await bench.until(lambda: len(bench.store.lookups) == 2)
            await anyio.wait_all_tasks_blocked()
            assert len(bench.store.lookups) == 2
            bench.store.gate.set()
        assert len(bench.store.lookups) == 10
        assert threading.main_thread() not in bench.store.threads

    run(test)


def test_invented_ids_do_not_evict_keys(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup(known_bytes=4_000, unknown_bytes=3 * (ENTRY_BYTES + 180))
        await lookup.find("one")
        for number in range(20):
            await lookup.find(f"made up {number}")
        assert immediately(lookup, "one") == key("one")
        assert (len(lookup._known), len(lookup._unknown)) == (1, 3)

    run(test)


def test_the_least_recently_used_key_is_evicted(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup(known_bytes=2 * 1_800)
        bench.store.keys["three"] = key("three")
        for name in ("one", "two", "one", "three", "one", "two"):
            await lookup.find(name)
        assert bench.store.lookups == ["one", "two", "three", "two"]

    run(test)


def test_invented_ids_delay_neither_revocations_nor_keys_of_other_addresses(bench: Bench) -> None:
    """A revoked key stays revoked too: waiting for a thread is no outage of the store."""

    async def test() -> None:
        lookup = bench.lookup(threads=1, timeout=0.05)
        await lookup.find("one")
        del bench.store.keys["one"]
        bench.time += 2
        bench.store.gate.clear()
        results: dict[str, ApiKey | None] = {}

        async def find(name: str, address: str) -> None:
            results[name] = await lookup.find(name, address)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(find, f"made up {number}", "6.6.6.6")
            await bench.until(lambda: len(bench.store.lookups) == 2)
            group.start_soon(find, "two", "9.9.9.9")
            group.start_soon(find, "one", "8.8.8.8")
            await bench.until(lambda: bench.store.lookups[2:] == ["one"])
            bench.store.gate.set()
        assert (results["one"], results["two"]) == (None, key("two"))
        # addresses take turns: the key does not wait for all ids of the other address
        assert bench.store.lookups.index("two") <= 4
        assert not lookup.unavailable

    run(test)


def test_waiting_ids_are_bounded_by_address(
    bench: Bench,
) -> None:
    async def test() -> None:
        lookup = bench.lookup(threads=1, queue=2)
        bench.store.gate.clear()
        async with anyio.create_task_group() as group:
            for name in ("a", "b", "c"):
                group.start_soon(lookup.find, name, "6.6.6.6")
            await bench.until(lambda: bench.store.lookups == ["a"])
            with pytest.raises(LookupsExhaustedError):
                await lookup.find("d", "6.6.6.6")
            group.start_soon(lookup.find, "two", "9.9.9.9")
            await anyio.wait_all_tasks_blocked()
            bench.store.gate.set()
        assert sorted(bench.store.lookups) == ["a", "b", "c", "two"]
        assert not lookup.unavailable

    run(test)


def test_a_result_delayed_by_the_event_loop_is_no_outage(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup(timeout=0.02)

        async def hold_up() -> None:
            await bench.until(lambda: bench.store.lookups == ["two"])
            time.sleep(0.1)  # blocks the event loop like a flood of requests

        async with anyio.create_task_group() as group:
            group.start_soon(hold_up)
            assert await lookup.find("two") == key("two")
        assert not lookup.unavailable

    run(test)


def test_requests_waiting_for_a_thread_fail_when_the_store_hangs(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup(threads=1, timeout=0.05)
        bench.store.gate.clear()
        async with anyio.create_task_group() as group:
            for name in ("a", "b"):

                async def expect_unavailable(name: str = name) -> None:
                    with pytest.raises(KeysUnavailableError):
                        await lookup.find(name)

                group.start_soon(expect_unavailable)
        assert lookup.unavailable
        assert bench.store.lookups == ["a"]
        bench.store.gate.set()
        await bench.until(lambda: lookup._pending_reads == {})
        assert not lookup.unavailable

    run(test)


# --- outages of the database ------------------------------------------------------------------


UNAVAILABLE = StorageError("the database on db.internal cannot be used")


def test_cached_keys_work_during_the_grace_period(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup(grace=300)
        await lookup.find("one")
        bench.store.fails = UNAVAILABLE
        for age in (2, 100, 299.9):
            bench.time = 1000 + age
            assert await lookup.find("one") == key("one")
        bench.time = 1300
        with pytest.raises(KeysUnavailableError):
            await lookup.find("one")
        assert bench.outcomes == ["miss", "stale", "stale", "stale", "unavailable"]

    run(test)


@pytest.mark.parametrize("name", ["two", "made up"])
def test_an_uncached_key_is_unavailable(bench: Bench, name: str) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        await lookup.find("one")
        bench.store.fails = UNAVAILABLE
        with pytest.raises(KeysUnavailableError):
            await lookup.find(name)

    run(test)


def test_an_unknown_id_gets_no_grace_period(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        await lookup.find("made up")
        bench.store.fails = UNAVAILABLE
        bench.time += 2
        with pytest.raises(KeysUnavailableError):
            await lookup.find("made up")

    run(test)


def test_a_revoked_key_is_still_revoked_during_the_grace_period(bench: Bench) -> None:
    """A cached revocation is not replaced by the older valid record."""

    async def test() -> None:
        lookup = bench.lookup()
        await lookup.find("one")
        del bench.store.keys["one"]
        bench.time += 2
        assert await lookup.find("one") is None
        bench.store.fails = UNAVAILABLE
        bench.time += 2
        with pytest.raises(KeysUnavailableError):
            await lookup.find("one")

    run(test)


def test_a_failing_store_is_queried_once_a_second(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        await lookup.find("one")
        bench.store.fails = UNAVAILABLE
        bench.time += 2
        for _ in range(3):
            before = len(bench.store.lookups)
            for name in ("one", "two", "three", "one", "four") * 4:
                try:
                    await lookup.find(name)
                except KeysUnavailableError:
                    assert name != "one"
            await bench.until(lambda: lookup._pending_reads == {})
            assert len(bench.store.lookups) == before + 1
            bench.time += 1

    run(test)


def test_keys_are_found_again_once_the_store_recovers(bench: Bench, log_lines: Callable) -> None:
    """A cached key triggers the attempt and does not wait for it."""

    async def test() -> None:
        lookup = bench.lookup()
        await lookup.find("one")
        bench.store.fails = UNAVAILABLE
        bench.time += 2
        await lookup.find("one")
        assert lookup.unavailable
        bench.store.fails = None
        del bench.store.keys["one"]
        bench.time += 1
        assert immediately(lookup, "one") == key("one")
        await bench.until(lambda: not lookup.unavailable)
        assert await lookup.find("one") is None
        assert await lookup.find("two") == key("two")

    run(test)
    lines = log_lines()
    assert [line["event"] for line in lines] == ["keys_unavailable", "keys_available"]
    assert "db.internal" not in str(lines)


def test_a_probe_detects_recovery_without_requests(bench: Bench) -> None:
    """It does not query a store that is available or was tried just now."""

    async def test() -> None:
        lookup = bench.lookup()
        lookup.probe()
        assert bench.store.lookups == []
        bench.store.fails = UNAVAILABLE
        with pytest.raises(KeysUnavailableError):
            await lookup.find("one")
        bench.store.fails = None
        lookup.probe()
        assert bench.store.lookups == ["one"]
        bench.time += 1
        lookup.probe()
        await bench.until(lambda: not lookup.unavailable)
        assert len(bench.store.lookups) == 2

    run(test)


def test_a_hanging_store_counts_as_unavailable(bench: Bench) -> None:
    """One request waits for the time-out; afterwards cached keys do not wait."""

    async def test() -> None:
        lookup = bench.lookup(timeout=0.05)
        await lookup.find("one")
        bench.time += 2
        bench.store.gate.clear()
        assert await lookup.find("one") == key("one")
        assert lookup.unavailable
        for _ in range(5):
            bench.time += 1
            assert immediately(lookup, "one") == key("one")
        assert bench.store.lookups == ["one", "one"]
        bench.store.gate.set()
        await bench.until(lambda: not lookup.unavailable)
        assert await lookup.find("two") == key("two")

    run(test)


def test_a_programming_error_is_no_outage(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        bench.store.fails = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await lookup.find("one")
        assert not lookup.unavailable

    run(test)


# --- recorded uses ----------------------------------------------------------------------------


def test_uses_are_written_in_one_batch(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        lookup.record_use("one")
        bench.time += 5
        lookup.record_use("two")
        lookup.record_use("one")
        assert bench.store.times == {}
        await lookup.flush()
        at = NOW + timedelta(seconds=1005)
        assert bench.store.times == {"one": at, "two": at}
        bench.store.times.clear()
        await lookup.flush()
        assert bench.store.times == {}

    run(test)


def test_uses_that_cannot_be_written_wait_for_the_next_batch(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        lookup.record_use("one")
        lookup.record_use("two")
        bench.store.fails = UNAVAILABLE
        bench.store.gate.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(lookup.flush)
            await bench.until(bench.store.writing.is_set)
            bench.time += 5
            lookup.record_use("one")
            bench.store.gate.set()
        bench.store.fails = None
        await lookup.flush()
        old, new = (NOW + timedelta(seconds=second) for second in (1000, 1005))
        assert bench.store.times == {"one": new, "two": old}

    run(test)


# --- the real database ------------------------------------------------------------------------


def test_a_key_of_the_database_is_found_used_and_revoked(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'keys.db'}")
    upgrade(engine)
    database = Database(engine)
    by = Actor("a test")
    made = database.create("a-shop", [Scope.FORECAST], "standard", by=by)
    clock = Counter(now=0)

    async def test() -> None:
        lookup = CachedKeyStore(database, clock=lambda: float(clock["now"]))
        stored = await lookup.find(made.record.id)
        assert stored == made.record
        lookup.record_use(made.record.id)
        await lookup.flush()
        database.revoke(made.record.id, by=by)
        clock["now"] += 2
        stored = await lookup.find(made.record.id)
        assert stored is not None
        assert stored.revoked_at is not None
        assert stored.last_used_at is not None

    run(test)
    engine.dispose()


def test_a_warm_key_is_found_in_microseconds(bench: Bench) -> None:
    async def test() -> None:
        lookup = bench.lookup()
        await lookup.find("one")
        began = time.perf_counter()
        for _ in range(1000):
            await lookup.find("one")
        assert (time.perf_counter() - began) / 1000 < 500e-6

    run(test)
