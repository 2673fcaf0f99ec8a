"""The cache over a real Valkey: several workers, and a server that fails in the middle."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cache.answers import AnswerCache, Cached, Outcome, Tier, Unkept
from cache.keys import key_of
from cache.redis import RedisLink
from cache.shared import LARGEST_VALUE

Server = Any
Worker = Callable[..., AnswerCache]
KEY = key_of("bundle.snapshot", "whatif", b"{}")
NAME = f"mlrf:answer:{KEY}"
BODY = b'{"prediction":[' + b"12.5," * 1000 + b"0]}"
LEASE = 20.0


class Computations:
    """Makes bodies for several workers, and counts."""

    def __init__(self, *results: bytes | Unkept | Exception, waits: bool = False) -> None:
        self.results = list(results) or [BODY]
        self.begun = 0
        self.first = asyncio.Event()
        self.gate = asyncio.Event()
        if not waits:
            self.gate.set()

    async def __call__(self) -> bytes | Unkept:
        result = self.results[min(self.begun, len(self.results) - 1)]
        self.begun += 1
        self.first.set()
        await self.gate.wait()
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def worker(valkey: Server) -> Worker:
    """Makes the cache of one more worker, with a connection of its own."""

    def worker(**settings: Any) -> AnswerCache:
        link = RedisLink(valkey.url(), timeout=0.5, retry_after=0.05)
        return AnswerCache(redis=link, **{"lease": LEASE, **settings})

    return worker


async def within(seconds: float, condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_what_one_worker_computed_is_a_hit_in_another(valkey: Server, worker: Worker) -> None:
    async def run() -> None:
        compute, one, other = Computations(), worker(), worker()
        assert await one.get(KEY, compute, shared=True) == Cached(BODY, Outcome.MISS, Tier.NONE)
        assert await other.get(KEY, compute, shared=True) == Cached(BODY, Outcome.HIT, Tier.REDIS)
        assert await other.get(KEY, compute, shared=True) == Cached(BODY, Outcome.HIT, Tier.MEMORY)
        assert compute.begun == 1

    asyncio.run(run())
    assert valkey.keys() == [NAME]  # no lease is left
    assert 3_500_000 < int(valkey.ask("PTTL", NAME)) <= 3_600_000
    assert int(valkey.ask("STRLEN", NAME)) < len(BODY) / 10


def test_100_requests_to_each_of_two_workers_are_one_computation(
    valkey: Server, worker: Worker
) -> None:
    async def run() -> None:
        compute = Computations(waits=True)
        calls = [
            asyncio.create_task(cache.get(KEY, compute, shared=True))
            for cache in (worker(), worker())
            for _ in range(100)
        ]
        await compute.first.wait()
        await asyncio.sleep(0.1)  # the other worker looks, finds the lease taken, and waits
        compute.gate.set()
        answers = await asyncio.gather(*calls)
        assert compute.begun == 1
        assert {answer.body for answer in answers} == {BODY}
        assert [answer.outcome for answer in answers].count(Outcome.MISS) == 1
        assert [answer.tier for answer in answers].count(Tier.REDIS) == 1

    asyncio.run(run())


def test_a_hit_and_a_miss_cost_few_commands(valkey: Server, worker: Worker) -> None:
    def scripts() -> int:
        stats = valkey.ask("INFO", "commandstats")
        return int(stats.get("cmdstat_eval", {"calls": 0})["calls"])

    async def run() -> None:
        compute = Computations()
        await worker().get(KEY, compute, shared=True)
        assert scripts() == 2
        await worker().get(KEY, compute, shared=True)
        assert scripts() == 3

    asyncio.run(run())


def test_what_is_not_shared_does_not_reach_redis(valkey: Server, worker: Worker) -> None:
    async def run() -> None:
        compute = Computations()
        await worker().get(KEY, compute, shared=False)
        await worker().get(KEY, compute, shared=True, bypass=True)
        assert compute.begun == 2

    asyncio.run(run())
    assert valkey.keys() == []


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(ValueError("no model"), id="failure"),
        pytest.param(Unkept(b"partly"), id="partly failed"),
        pytest.param(b"%032d" % 0 * LARGEST_VALUE, id="large, and compressed well"),
    ],
)
def test_a_lease_is_given_back_whatever_the_computation_comes_to(
    valkey: Server, worker: Worker, result: bytes | Unkept | Exception
) -> None:
    async def run() -> None:
        await asyncio.gather(
            worker().get(KEY, Computations(result), shared=True), return_exceptions=True
        )

    asyncio.run(run())
    assert valkey.keys() == ([NAME] if isinstance(result, bytes) else [])


def test_a_value_too_large_to_send_is_not_shared(valkey: Server, worker: Worker) -> None:
    async def run() -> None:
        noise = random.Random(0).randbytes(LARGEST_VALUE)
        await worker().get(KEY, Computations(noise), shared=True)

    asyncio.run(run())
    assert valkey.keys() == []


def test_a_failure_is_not_shared_and_the_next_worker_computes(
    valkey: Server, worker: Worker
) -> None:
    async def run() -> None:
        compute = Computations(ValueError("no model"), BODY, waits=True)
        one = asyncio.create_task(worker().get(KEY, compute, shared=True))
        await compute.first.wait()
        other = asyncio.create_task(worker().get(KEY, compute, shared=True))
        compute.gate.set()
        with pytest.raises(ValueError, match="no model"):
            await one
        assert (await other).body == BODY
        assert compute.begun == 2

    asyncio.run(run())
    assert valkey.keys() == [NAME]


def test_a_cancelled_computation_gives_its_lease_back(valkey: Server, worker: Worker) -> None:
    async def run() -> None:
        abandoned = Computations(waits=True)
        call = asyncio.create_task(worker().get(KEY, abandoned, shared=True))
        await abandoned.first.wait()
        assert valkey.keys() == [f"{NAME}:lock"]
        call.cancel()
        begin = time.monotonic()
        assert (await worker().get(KEY, Computations(), shared=True)).outcome == Outcome.MISS
        assert time.monotonic() - begin < LEASE / 4

    asyncio.run(run())


def test_a_lease_whose_holder_died_runs_out(valkey: Server, worker: Worker) -> None:
    valkey.ask("SET", f"{NAME}:lock", "dead", "PX", "300")

    async def run() -> None:
        begin = time.monotonic()
        assert (await worker().get(KEY, Computations(), shared=True)).outcome == Outcome.MISS
        assert 0.2 < time.monotonic() - begin < LEASE / 4

    asyncio.run(run())
    assert valkey.keys() == [NAME]


def test_nobody_waits_longer_than_a_lease_and_nobody_takes_the_lease_of_another(
    valkey: Server, worker: Worker
) -> None:
    valkey.ask("SET", f"{NAME}:lock", "another", "EX", "60")

    async def run() -> None:
        cached = await worker(lease=0.3).get(KEY, Computations(), shared=True)
        assert cached.outcome == Outcome.MISS

    asyncio.run(run())
    assert valkey.keys() == [NAME, f"{NAME}:lock"]


def test_another_version_does_not_find_the_answer(valkey: Server, worker: Worker) -> None:
    """So a reload or a promotion deletes nothing, in no worker."""

    async def run() -> None:
        await worker().get(KEY, Computations(), shared=True)
        key = key_of("bundle.newer", "whatif", b"{}")
        cached = await worker().get(key, Computations(b"new"), shared=True)
        assert cached == Cached(b"new", Outcome.MISS, Tier.NONE)

    asyncio.run(run())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(("SETRANGE", NAME, "20", "\x01\x02"), id="altered"),
        pytest.param(("SETRANGE", NAME, "9999", "x"), id="longer"),
        pytest.param(("SET", NAME, ""), id="empty"),
        pytest.param(("SET", NAME, "{}"), id="foreign"),
    ],
)
def test_a_spoilt_value_is_a_miss_and_is_replaced(
    valkey: Server, worker: Worker, spoil: tuple[str, ...]
) -> None:
    async def run() -> None:
        await worker().get(KEY, Computations(), shared=True)
        valkey.ask(*spoil)
        assert (await worker().get(KEY, Computations(), shared=True)).outcome == Outcome.MISS
        assert (await worker().get(KEY, Computations(), shared=True)).tier == Tier.REDIS

    asyncio.run(run())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(("LPUSH", NAME, "a"), id="another type"),
        pytest.param(("ACL", "SETUSER", "default", "-eval"), id="no permission"),
    ],
)
def test_a_redis_that_refuses_is_done_without(
    valkey: Server, worker: Worker, spoil: tuple[str, ...]
) -> None:
    valkey.ask(*spoil)

    async def run() -> None:
        cache = worker()
        assert (await cache.get(KEY, Computations(), shared=True)).body == BODY
        assert (await cache.get(KEY, Computations(), shared=True)).tier == Tier.MEMORY

    asyncio.run(run())


# --- a server that fails --------------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["kill", "freeze"])
def test_a_server_that_is_away_costs_no_answer(
    valkey: Server, worker: Worker, failure: str
) -> None:
    getattr(valkey, failure)()

    async def run() -> None:
        compute, cache = Computations(), worker()
        calls = (cache.get(KEY, compute, shared=True) for _ in range(200))
        begin = time.monotonic()
        assert {answer.body for answer in await asyncio.gather(*calls)} == {BODY}
        assert compute.begun == 1
        assert time.monotonic() - begin < 2  # find and store: a time-out each at most

    asyncio.run(run())


@pytest.mark.parametrize(
    ("failure", "recovery"),
    [pytest.param("kill", "start", id="killed"), pytest.param("freeze", "thaw", id="frozen")],
)
def test_a_server_that_fails_while_one_computes_and_others_wait(
    valkey: Server, worker: Worker, failure: str, recovery: str
) -> None:
    """Everybody is answered meanwhile; when it is back, it is used again."""

    async def run() -> None:
        compute = Computations(waits=True)
        caches = [worker(), worker()]
        calls = [
            asyncio.create_task(cache.get(KEY, compute, shared=True))
            for cache in caches
            for _ in range(50)
        ]
        await compute.first.wait()
        await asyncio.sleep(0.05)
        getattr(valkey, failure)()
        compute.gate.set()
        answers = await asyncio.gather(*calls)
        assert {answer.body for answer in answers} == {BODY}
        assert compute.begun == 2  # one in each worker: they cannot know of each other
        getattr(valkey, recovery)()
        await used_again(caches)

    async def used_again(caches: list[AnswerCache]) -> None:
        number = 0

        async def shared() -> bool:
            nonlocal number
            number += 1
            key = key_of("bundle.snapshot", "explain", {"number": number})
            await caches[0].get(key, Computations(), shared=True)
            return (await caches[1].get(key, Computations(), shared=True)).tier == Tier.REDIS

        await within(10, shared)

    asyncio.run(run())
