"""Several workers over one Redis share one limit, also after an outage of Redis."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config.tiers import Tier
from middleware.ratelimit.limiter import Limiter
from storage.redis.client import RedisClient
from tests.support.valkey import Valkey
from tests.support.waiting import DEADLINE_SECONDS

ROOT = Path(__file__).resolve().parents[3]
HAMMER = Path(__file__).with_name("hammer.py")

SLOW = Tier(name="slow", quota=1, window=3600, burst=50)  # nothing is refilled during a test
FAST = Tier(name="fast", quota=200, window=1, burst=100)
EXACT = Tier(name="exact", quota=39, window=1, burst=40)


class Worker:
    """A limiter with its own connection, like that of a process."""

    def __init__(self, url: str) -> None:
        self.link = RedisClient(url, timeout=2.0, retry_after=0.05)
        self.backends: set[str] = set()
        self.limiter = Limiter(
            self.link, share=2, observe=lambda tier, outcome, backend: self.backends.add(backend)
        )

    async def spend(self, tier: Tier, seconds: float) -> tuple[int, float]:
        """Charge continuously; return the accepted units and the seconds taken."""
        self.backends.clear()
        accepted, begin = 0, time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            accepted += (await self.limiter.charge("key:a", tier, 1)).allowed
            await asyncio.sleep(0.001)
        return accepted, now - begin

    async def until(self, condition: Callable[[], bool]) -> None:
        """Charge other callers until a condition holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            await self.limiter.charge(f"key:{uuid.uuid4()}", FAST, 1)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def workers(url: str, number: int = 2) -> AsyncIterator[list[Worker]]:
    started = [Worker(url) for _ in range(number)]
    try:
        yield started
    finally:
        for worker in started:
            await worker.link.aclose()


def test_concurrent_charges_get_exactly_the_burst(shared_valkey: Valkey) -> None:
    async def run() -> list[bool]:
        async with workers(shared_valkey.url()) as pair:
            charges = (pair[n % 2].limiter.charge("key:a", SLOW, 1) for n in range(200))
            return [verdict.allowed for verdict in await asyncio.gather(*charges)]

    assert sum(asyncio.run(run())) == SLOW.burst


def test_units_charged_by_one_worker_are_missing_in_the_other(shared_valkey: Valkey) -> None:
    async def run() -> list[tuple[bool, int]]:
        async with workers(shared_valkey.url()) as (one, other):
            verdicts = [await one.limiter.charge("key:b", SLOW, 30)]
            verdicts += [await other.limiter.charge("key:b", SLOW, cost) for cost in (21, 20)]
            return [(verdict.allowed, verdict.remaining) for verdict in verdicts]

    assert asyncio.run(run()) == [(True, 20), (False, 20), (True, 0)]


def start_hammer(url: str, tier: Tier, clients: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HAMMER), url, tier.model_dump_json(), str(clients)],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("tier", "backends"),
    [
        pytest.param(FAST, {"redis", "lease"}, id="leases"),
        pytest.param(EXACT, {"redis"}, id="exact"),
    ],
)
def test_two_processes_together_accept_one_limit(
    shared_valkey: Valkey, tier: Tier, backends: set[str]
) -> None:
    """Eight clients, within 2 % of what burst and rate allow."""
    seconds = 3.0
    processes = [start_hammer(shared_valkey.url(), tier, clients=4) for _ in range(2)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    begin = time.monotonic() + 0.1
    schedule = f"{begin} {begin + seconds}\n"
    for process in processes:
        assert process.stdin
        process.stdin.write(schedule)
        process.stdin.flush()
    counts = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    accepted = sum(sum(worker[backend] for backend in backends) for worker in counts)
    assert accepted == pytest.approx(tier.burst + tier.rate * seconds, rel=0.02)
    assert all(worker["local"] == 0 for worker in counts)
    assert all(worker["refused"] > accepted for worker in counts)  # they asked for far more


@pytest.mark.e2e
def test_without_redis_each_worker_gets_its_share_and_then_the_shared_limit_again(
    valkey: Valkey,
) -> None:
    """One of two workers charges: its share is half the limit, the shared limit all of it."""

    def within(spent: tuple[int, float], rate: float, burst: float) -> None:
        accepted, seconds = spent
        assert accepted == pytest.approx(rate * seconds + burst, rel=0.15)

    async def run() -> None:
        async with workers(valkey.url(), 1) as (worker,):
            within(await worker.spend(FAST, 1.0), FAST.rate, FAST.burst)
            assert "local" not in worker.backends

            valkey.kill()
            await worker.until(lambda: not worker.link.available)
            await asyncio.sleep(1.0)  # cached state from Redis expires
            within(await worker.spend(FAST, 1.0), FAST.rate / 2, FAST.burst / 2)
            assert worker.backends == {"local"}

            valkey.start()
            await worker.until(lambda: worker.link.available)
            within(await worker.spend(FAST, 1.0), FAST.rate, FAST.burst)
            assert "local" not in worker.backends

    asyncio.run(run())
