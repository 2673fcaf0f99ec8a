"""The cache of one process, without Redis."""

from __future__ import annotations

import asyncio

import pytest

from storage.cache.answers import AnswerCache, Cached, CacheTier, Outcome, Uncacheable
from storage.cache.keys import CacheKey, key_of
from telemetry import spans
from tests.support.clock import Clock
from tests.support.recording import recording

KEY = key_of("bundle.snapshot", "whatif", b"{}")


def key(number: int) -> CacheKey:
    return key_of("bundle.snapshot", "whatif", {"number": number})


class Computation:
    """A computation that returns a body or fails once its gate is open, and counts its starts."""

    def __init__(
        self, result: bytes | Uncacheable | Exception = b'{"a":1}', *, waits: bool = False
    ) -> None:
        self.result = result
        self.started = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        if not waits:
            self.gate.set()

    async def __call__(self) -> bytes | Uncacheable:
        self.started += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


async def turns() -> None:
    """Run the event loop until no task can proceed."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("shared", [True, False])
def test_the_second_of_two_equal_requests_is_a_cache_hit(shared: bool) -> None:
    seen: list[tuple[CacheTier, Outcome]] = []

    async def run() -> None:
        cache = AnswerCache(observe=lambda *what: seen.append(what))
        compute = Computation(body := b'{"a":1.10}')
        first = await cache.get(KEY, compute, shared=shared)
        second = await cache.get(KEY, compute, shared=shared)
        assert first == Cached(body, Outcome.MISS, CacheTier.NONE)
        assert second == Cached(body, Outcome.HIT, CacheTier.MEMORY)
        assert compute.started == 1

    asyncio.run(run())
    assert seen == [(CacheTier.NONE, Outcome.MISS), (CacheTier.MEMORY, Outcome.HIT)]


def test_a_request_that_joins_a_computation_is_linked_to_the_span_that_it_runs_in() -> None:
    async def run() -> None:
        cache, compute = AnswerCache(), Computation(waits=True)

        async def ask(name: str) -> None:
            with spans.open_request(name, (), {}), spans.child(f"cache of {name}"):
                await cache.get(KEY, compute_in_span, shared=False)

        async def compute_in_span() -> bytes | Uncacheable:
            with spans.child("computation"):
                return await compute()

        calls = [asyncio.create_task(ask(name)) for name in ("first", "second")]
        await turns()
        compute.gate.set()
        await asyncio.gather(*calls)

    with recording() as ended:
        asyncio.run(run())
    first, second = ended.by_name("cache of first"), ended.by_name("cache of second")
    assert ended.by_name("computation").parent == first.context
    assert [link.context for link in second.links] == [first.context]
    assert not first.links


def test_requests_with_other_keys_are_computed() -> None:
    async def run() -> None:
        cache = AnswerCache()
        for number in (1, 2):
            cached = await cache.get(key(number), Computation(b"%d" % number), shared=False)
            assert (cached.body, cached.outcome) == (b"%d" % number, Outcome.MISS)

    asyncio.run(run())


def test_200_concurrent_equal_requests_are_one_computation() -> None:
    async def run() -> None:
        cache = AnswerCache()
        compute = Computation(waits=True)
        calls = [asyncio.create_task(cache.get(KEY, compute, shared=True)) for _ in range(200)]
        await turns()
        compute.gate.set()
        answers = await asyncio.gather(*calls)
        assert compute.started == 1
        assert {answer.body for answer in answers} == {b'{"a":1}'}
        assert [answer.outcome for answer in answers].count(Outcome.MISS) == 1

    asyncio.run(run())


@pytest.mark.parametrize("who", [pytest.param(0, id="the first"), pytest.param(1, id="another")])
def test_a_cancelled_request_does_not_affect_the_others(who: int) -> None:
    async def run() -> None:
        cache = AnswerCache()
        compute = Computation(waits=True)
        calls = [asyncio.create_task(cache.get(KEY, compute, shared=True)) for _ in range(3)]
        await turns()
        gone = calls.pop(who)
        gone.cancel()
        await turns()
        compute.gate.set()
        assert {answer.body for answer in await asyncio.gather(*calls)} == {b'{"a":1}'}
        assert gone.cancelled()
        assert (compute.started, compute.cancelled) == (1, 0)

    asyncio.run(run())


def test_a_computation_without_waiting_requests_is_cancelled() -> None:
    """A caller that arrives during the cancellation starts a new computation."""

    async def run() -> None:
        cache = AnswerCache()
        computation, ended = Computation(waits=True), asyncio.Event()

        async def finish_late() -> bytes | Uncacheable:
            try:
                return await computation()
            finally:
                await ended.wait()

        calls = [asyncio.create_task(cache.get(KEY, finish_late, shared=True)) for _ in range(2)]
        await turns()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        await turns()
        assert (computation.started, computation.cancelled) == (1, 1)
        anew = asyncio.create_task(cache.get(KEY, Computation(b"new"), shared=True))
        await turns()
        ended.set()
        assert (await anew).body == b"new"
        assert (await cache.get(KEY, Computation(b"other"), shared=True)).body == b"new"

    asyncio.run(run())


def test_a_failure_reaches_every_waiting_request_and_is_not_cached() -> None:
    seen: list[object] = []

    async def run() -> None:
        cache = AnswerCache(observe=lambda *what: seen.append(what))
        error = ValueError("no model")
        compute = Computation(error, waits=True)
        calls = [asyncio.create_task(cache.get(KEY, compute, shared=True)) for _ in range(5)]
        await turns()
        compute.gate.set()
        assert await asyncio.gather(*calls, return_exceptions=True) == [error] * 5
        assert seen == []
        assert (await cache.get(KEY, Computation(b"well"), shared=True)).body == b"well"

    asyncio.run(run())


def test_a_failure_without_waiting_requests_is_not_logged() -> None:
    """Otherwise the loop would log a traceback of an exception that was never retrieved."""
    reported: list[object] = []

    async def failing() -> bytes:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("on the way out") from None
        return b""

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
        call = asyncio.create_task(AnswerCache().get(KEY, failing, shared=True))
        await turns()
        call.cancel()
        await asyncio.wait([call])
        del call
        await turns()

    asyncio.run(run())
    assert reported == []


def test_a_partly_failed_response_is_returned_but_not_cached() -> None:
    async def run() -> None:
        cache = AnswerCache()
        compute = Computation(Uncacheable(b"partly"), waits=True)
        calls = [asyncio.create_task(cache.get(KEY, compute, shared=True)) for _ in range(3)]
        await turns()
        compute.gate.set()
        assert {answer.body for answer in await asyncio.gather(*calls)} == {b"partly"}
        again = await cache.get(KEY, Computation(b"whole"), shared=True)
        assert again == Cached(b"whole", Outcome.MISS, CacheTier.NONE)

    asyncio.run(run())


def test_a_bypass_neither_reads_nor_writes_the_cache() -> None:
    async def run() -> None:
        cache = AnswerCache()
        bypass = await cache.get(KEY, Computation(b"1"), shared=True, bypass=True)
        assert bypass == Cached(b"1", Outcome.BYPASS, CacheTier.NONE)
        assert (await cache.get(KEY, Computation(b"2"), shared=True)).outcome == Outcome.MISS
        bypass = await cache.get(KEY, Computation(Uncacheable(b"3")), shared=True, bypass=True)
        assert bypass.body == b"3"
        assert (await cache.get(KEY, Computation(b"4"), shared=True)).body == b"2"

    asyncio.run(run())


def test_an_entry_expires(clock: Clock) -> None:
    async def run() -> None:
        cache = AnswerCache(ttl=60, clock=clock)
        await cache.get(KEY, Computation(b"1"), shared=False)
        clock.now += 59
        assert (await cache.get(KEY, Computation(b"2"), shared=False)).body == b"1"
        clock.now += 1
        assert (await cache.get(KEY, Computation(b"3"), shared=False)).body == b"3"

    asyncio.run(run())


def test_clearing_empties_the_memory() -> None:
    async def run() -> None:
        cache = AnswerCache()
        await cache.get(KEY, Computation(b"1"), shared=False)
        cache.clear()
        assert (await cache.get(KEY, Computation(b"2"), shared=False)).body == b"2"

    asyncio.run(run())


def test_the_memory_is_bounded_and_evicts_the_least_recently_used() -> None:
    async def run() -> None:
        cache = AnswerCache(max_bytes=100_000)
        for number in range(200):
            await cache.get(key(number), Computation(bytes(2000)), shared=False)
            await cache.get(key(0), Computation(), shared=False)
            assert cache._memory.currsize <= 100_000
        cached = [number for number in range(200) if key(number) in cache._memory]
        assert cached == [0, *range(162, 200)]
        assert 70_000 < sum(map(len, cache._memory.values())) < 100_000

    asyncio.run(run())


@pytest.mark.parametrize(
    ("size", "is_cached"),
    [pytest.param(10_000, True, id="small"), pytest.param(13_000, False, id="too large")],
)
def test_a_body_too_large_for_the_memory_evicts_nothing(size: int, is_cached: bool) -> None:
    async def run() -> None:
        cache = AnswerCache(max_bytes=100_000)
        await cache.get(key(1), Computation(bytes(size)), shared=False)
        again = await cache.get(key(1), Computation(bytes(size)), shared=False)
        assert again.outcome == (Outcome.HIT if is_cached else Outcome.MISS)

    asyncio.run(run())


def test_without_memory_each_request_is_computed() -> None:
    async def run() -> None:
        cache = AnswerCache(max_bytes=0)
        for _ in range(2):
            assert (await cache.get(KEY, Computation(), shared=False)).outcome == Outcome.MISS

    asyncio.run(run())
