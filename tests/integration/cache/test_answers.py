"""The cache over a real Valkey: several workers, and faults of the server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from storage.cache.answers import AnswerCache, Cached, CacheTier, Outcome, Uncacheable
from storage.cache.encoding import KEY_BYTES, LARGEST_BODY, encode
from storage.cache.keys import CacheKey, key_of
from storage.cache.shared import LARGEST_VALUE, SharedAnswers, Token
from storage.redis.client import RedisClient
from tests.support.valkey import Valkey
from tests.support.waiting import wait_in_loop

Worker = Callable[..., AnswerCache]
KEY = key_of("bundle.snapshot", "whatif", b"{}")
NAME = f"mlrf:answer:{KEY}"
BODY = b'{"prediction":[' + b"12.5," * 1000 + b"0]}"
LEASE = 20.0
SECRET = bytes(range(KEY_BYTES))


class Computations:
    """A computation that several workers share, which counts its runs."""

    def __init__(self, *results: bytes | Uncacheable | Exception, waits: bool = False) -> None:
        self.results = list(results) or [BODY]
        self.started = 0
        self.first = asyncio.Event()
        self.gate = asyncio.Event()
        if not waits:
            self.gate.set()

    async def __call__(self) -> bytes | Uncacheable:
        result = self.results[min(self.started, len(self.results) - 1)]
        self.started += 1
        self.first.set()
        await self.gate.wait()
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def worker(valkey: Valkey) -> Worker:
    """Make the cache of one more worker, with a connection of its own."""

    def worker(**settings: Any) -> AnswerCache:
        link = RedisClient(valkey.url(), timeout=0.5, retry_after=0.05)
        return AnswerCache(redis=link, **{"lease": LEASE, "secret": SECRET, **settings})

    return worker


def token_of_another(worker: Worker, key: CacheKey = KEY) -> Token:
    """Return the token of a lease of another worker."""
    shared = worker()._shared
    assert isinstance(shared, SharedAnswers)
    return shared.new_token(key)


def test_an_answer_computed_by_one_worker_is_a_hit_in_another(
    valkey: Valkey, worker: Worker
) -> None:
    async def run() -> None:
        compute, one, other = Computations(), worker(), worker()
        assert await one.get(KEY, compute, shared=True) == Cached(
            BODY, Outcome.MISS, CacheTier.NONE
        )
        assert await other.get(KEY, compute, shared=True) == Cached(
            BODY, Outcome.HIT, CacheTier.REDIS
        )
        assert await other.get(KEY, compute, shared=True) == Cached(
            BODY, Outcome.HIT, CacheTier.MEMORY
        )
        assert compute.started == 1

    asyncio.run(run())
    assert valkey.keys() == [NAME]  # no lease remains
    assert 3_500_000 < int(valkey.ask("PTTL", NAME)) <= 3_600_000
    assert int(valkey.ask("STRLEN", NAME)) < len(BODY) / 10


def test_100_requests_to_each_of_two_workers_are_one_computation(
    valkey: Valkey, worker: Worker
) -> None:
    async def run() -> None:
        compute = Computations(waits=True)
        calls = [
            asyncio.create_task(cache.get(KEY, compute, shared=True))
            for cache in (worker(), worker())
            for _ in range(100)
        ]
        await compute.first.wait()
        await asyncio.sleep(0.1)  # the other worker finds the lease taken, and waits
        compute.gate.set()
        answers = await asyncio.gather(*calls)
        assert compute.started == 1
        assert {answer.body for answer in answers} == {BODY}
        assert [answer.outcome for answer in answers].count(Outcome.MISS) == 1
        assert [answer.tier for answer in answers].count(CacheTier.REDIS) == 1

    asyncio.run(run())


def test_a_hit_and_a_miss_cost_few_commands(valkey: Valkey, worker: Worker) -> None:
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


def test_an_answer_that_is_not_shared_is_not_sent_to_redis(valkey: Valkey, worker: Worker) -> None:
    async def run() -> None:
        compute = Computations()
        await worker().get(KEY, compute, shared=False)
        await worker().get(KEY, compute, shared=True, bypass=True)
        assert compute.started == 2

    asyncio.run(run())
    assert valkey.keys() == []


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(ValueError("no model"), id="failure"),
        pytest.param(Uncacheable(b"partly"), id="partly failed"),
        pytest.param(b"%032d" % 0 * LARGEST_VALUE, id="large, and compressed well"),
    ],
)
def test_a_lease_is_released_after_any_outcome_of_the_computation(
    valkey: Valkey, worker: Worker, result: bytes | Uncacheable | Exception
) -> None:
    async def run() -> None:
        await asyncio.gather(
            worker().get(KEY, Computations(result), shared=True), return_exceptions=True
        )

    asyncio.run(run())
    assert valkey.keys() == ([NAME] if isinstance(result, bytes) else [])


def test_a_value_too_large_to_send_is_not_shared(valkey: Valkey, worker: Worker) -> None:
    async def run() -> None:
        noise = random.Random(0).randbytes(LARGEST_VALUE)
        await worker().get(KEY, Computations(noise), shared=True)

    asyncio.run(run())
    assert valkey.keys() == []


def test_a_failure_is_not_shared_and_the_next_worker_computes(
    valkey: Valkey, worker: Worker
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
        assert compute.started == 2

    asyncio.run(run())
    assert valkey.keys() == [NAME]


def test_a_cancelled_computation_releases_its_lease(valkey: Valkey, worker: Worker) -> None:
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


def test_a_lease_whose_holder_died_expires(valkey: Valkey, worker: Worker) -> None:
    valkey.ask("SET", f"{NAME}:lock", token_of_another(worker), "PX", "300")

    async def run() -> None:
        begin = time.monotonic()
        assert (await worker().get(KEY, Computations(), shared=True)).outcome == Outcome.MISS
        assert 0.2 < time.monotonic() - begin < LEASE / 4

    asyncio.run(run())
    assert valkey.keys() == [NAME]


def test_a_lease_of_another_worker_is_not_taken(valkey: Valkey, worker: Worker) -> None:
    valkey.ask("SET", f"{NAME}:lock", token_of_another(worker), "PX", "19000")

    async def run() -> None:
        one = asyncio.create_task(worker().get(KEY, Computations(), shared=True))
        await asyncio.sleep(0.3)
        assert not one.done()
        one.cancel()

    asyncio.run(run())
    assert valkey.keys() == [f"{NAME}:lock"]


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(("SET", f"{NAME}:lock", "another", "PX", "5000"), id="foreign"),
        pytest.param(("SET", f"{NAME}:lock", "another"), id="foreign, for ever"),
        pytest.param(("SET", f"{NAME}:lock", "{token}"), id="ours, without an expiry"),
        pytest.param(("SET", f"{NAME}:lock", "{token}", "EX", "60"), id="ours, lengthened"),
        pytest.param(("SET", f"{NAME}:lock", "{other}", "EX", "5"), id="of another answer"),
        pytest.param(("SET", f"{NAME}:lock", "\u20ac" * 20, "EX", "5"), id="no text of ours"),
        pytest.param(("SET", f"{NAME}:lock", "x" * 100_000), id="long"),
        pytest.param(("SET", f"{NAME}:lock", ""), id="empty"),
        pytest.param(("LPUSH", f"{NAME}:lock", "a"), id="list"),
        pytest.param(("HSET", f"{NAME}:lock", "a", "b"), id="hash"),
    ],
)
def test_a_planted_lease_delays_no_answer(
    valkey: Valkey, worker: Worker, plant: tuple[str, ...]
) -> None:
    other = token_of_another(worker, key_of("bundle.snapshot", "whatif", b"{1}"))
    valkey.ask(*(part.format(token=token_of_another(worker), other=other) for part in plant))

    async def run() -> None:
        begin = time.monotonic()
        for _ in range(2):
            assert (await worker().get(KEY, Computations(), shared=True)).body == BODY
        assert time.monotonic() - begin < LEASE / 4
        assert (await worker().get(KEY, Computations(), shared=True)).tier == CacheTier.REDIS

    asyncio.run(run())


def test_an_answer_is_a_miss_for_another_version(valkey: Valkey, worker: Worker) -> None:
    """Therefore a reload or a promotion need not delete anything in any worker."""

    async def run() -> None:
        await worker().get(KEY, Computations(), shared=True)
        key = key_of("bundle.newer", "whatif", b"{}")
        cached = await worker().get(key, Computations(b"new"), shared=True)
        assert cached == Cached(b"new", Outcome.MISS, CacheTier.NONE)

    asyncio.run(run())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(("SETRANGE", NAME, "20", "\x01\x02"), id="altered"),
        pytest.param(("SETRANGE", NAME, "9999", "x"), id="longer"),
        pytest.param(("SET", NAME, ""), id="empty"),
        pytest.param(("SET", NAME, "{}"), id="foreign"),
        pytest.param(("SET", NAME, "x" * (LARGEST_VALUE + 1)), id="too large to be ours"),
    ],
)
def test_a_spoilt_value_is_a_miss_and_is_replaced(
    valkey: Valkey, worker: Worker, spoil: tuple[str, ...]
) -> None:
    async def run() -> None:
        await worker().get(KEY, Computations(), shared=True)
        valkey.ask(*spoil)
        assert (await worker().get(KEY, Computations(), shared=True)).outcome == Outcome.MISS
        assert (await worker().get(KEY, Computations(), shared=True)).tier == CacheTier.REDIS

    asyncio.run(run())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(encode(bytes(KEY_BYTES), KEY, b"forged"), id="forged"),
        pytest.param(encode(bytes(KEY_BYTES), KEY, bytes(2 * LARGEST_BODY)), id="bomb"),
        pytest.param(encode(SECRET, key_of("b.s", "whatif", b"{}"), b"old"), id="of another name"),
        pytest.param(encode(SECRET, KEY, bytes(2 * LARGEST_BODY)), id="ours, and too large"),
    ],
)
def test_a_planted_value_is_computed_anew_and_replaced(
    valkey: Valkey, worker: Worker, value: bytes
) -> None:
    valkey.ask("SET", NAME, value)  # type: ignore[arg-type]  # the client takes bytes too

    async def run() -> None:
        computed = await worker().get(KEY, Computations(), shared=True)
        assert computed == Cached(BODY, Outcome.MISS, CacheTier.NONE)
        assert (await worker().get(KEY, Computations(), shared=True)).tier == CacheTier.REDIS

    asyncio.run(run())


@pytest.mark.parametrize("plant", [("LPUSH", NAME, "a"), ("HSET", NAME, "a", "b")], ids=str)
def test_a_value_of_another_type_is_a_miss_and_is_replaced(
    valkey: Valkey, worker: Worker, plant: tuple[str, ...]
) -> None:
    valkey.ask(*plant)

    async def run() -> None:
        assert (await worker().get(KEY, Computations(), shared=True)).outcome == Outcome.MISS
        assert (await worker().get(KEY, Computations(), shared=True)).tier == CacheTier.REDIS

    asyncio.run(run())


def test_without_a_secret_nothing_is_shared(valkey: Valkey, worker: Worker) -> None:
    async def run() -> None:
        assert (await worker(secret=None).get(KEY, Computations(), shared=True)).body == BODY

    asyncio.run(run())
    assert valkey.keys() == []


@pytest.mark.parametrize(
    "spoil",
    [pytest.param(("ACL", "SETUSER", "default", "-eval"), id="no permission")],
)
def test_a_redis_without_permission_is_bypassed(
    valkey: Valkey, worker: Worker, spoil: tuple[str, ...]
) -> None:
    valkey.ask(*spoil)

    async def run() -> None:
        cache = worker()
        assert (await cache.get(KEY, Computations(), shared=True)).body == BODY
        assert (await cache.get(KEY, Computations(), shared=True)).tier == CacheTier.MEMORY

    asyncio.run(run())


# --- a server that fails ----------------------------------------------------------------------


@pytest.mark.parametrize("failure", ["kill", "freeze"])
def test_an_unavailable_server_costs_no_answer(
    valkey: Valkey, worker: Worker, failure: str
) -> None:
    getattr(valkey, failure)()

    async def run() -> None:
        compute, cache = Computations(), worker()
        calls = (cache.get(KEY, compute, shared=True) for _ in range(200))
        begin = time.monotonic()
        assert {answer.body for answer in await asyncio.gather(*calls)} == {BODY}
        assert compute.started == 1
        # one time-out each for the lookup and the store; in turn, the calls would take 100 s
        assert time.monotonic() - begin < 20

    asyncio.run(run())


@pytest.mark.parametrize(
    ("failure", "recovery"),
    [pytest.param("kill", "start", id="killed"), pytest.param("freeze", "thaw", id="frozen")],
)
def test_a_server_that_fails_while_one_computes_and_others_wait(
    valkey: Valkey, worker: Worker, failure: str, recovery: str
) -> None:
    """All calls are answered meanwhile, and the server is used again after its recovery."""

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
        assert compute.started == 2  # one in each worker: they cannot know of each other
        getattr(valkey, recovery)()
        await wait_until_shared_again(caches)

    async def wait_until_shared_again(caches: list[AnswerCache]) -> None:
        number = 0

        async def is_shared() -> bool:
            nonlocal number
            number += 1
            key = key_of("bundle.snapshot", "explain", {"number": number})
            await caches[0].get(key, Computations(), shared=True)
            return (await caches[1].get(key, Computations(), shared=True)).tier == CacheTier.REDIS

        await wait_in_loop(is_shared)

    asyncio.run(run())
