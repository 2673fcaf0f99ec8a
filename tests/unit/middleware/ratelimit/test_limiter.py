"""The limiter: the store in use, leases, and outages of Redis."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from redis.exceptions import NoScriptError, ResponseError

from config.tiers import TIERS, Tier
from middleware.ratelimit.gcra import MICROSECONDS, Rate, charge
from middleware.ratelimit.lease import MEMORY_SECONDS, lease_of
from middleware.ratelimit.limiter import Limiter
from middleware.ratelimit.verdict import Verdict
from storage.redis.errors import RedisUnavailableError
from tests.support.clock import Clock

T = TypeVar("T")
FREE, STANDARD, UNLIMITED = TIERS["free"], TIERS["standard"], TIERS["unlimited"]


class FakeRedis:
    """The script's arithmetic in memory; each call yields to the event loop before it returns."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tats: dict[str, int] = {}
        self.knows_script = True
        self.calls: list[tuple[int, int]] = []
        self.error: Exception | None = None

    async def run(self, operation: Callable[[Any], Awaitable[T]]) -> T:
        if self.error:
            raise self.error
        return await operation(self)

    async def evalsha(self, digest: str, *arguments: Any) -> list[int]:
        if not self.knows_script:
            raise NoScriptError("NOSCRIPT")
        return await self.eval("", *arguments)

    async def eval(self, script: str, keys: int, key: str, *arguments: int) -> list[int]:
        self.knows_script = True
        need, want, quota, period, burst = arguments
        self.calls.append((need, want))
        await asyncio.sleep(0)
        now = int(self.clock() * MICROSECONDS)
        rate = Rate(quota, period, burst)
        tat = self.tats.get(key, now)
        room = now + rate.time_of(burst) - max(tat, now)
        decision, self.tats[key] = charge(tat, now, rate, max(need, min(want, rate.units_in(room))))
        return list(decision)


class Setup:
    """A limiter with its clock, its Redis and its reported outcomes."""

    def __init__(self, *, share: int = 1) -> None:
        self.clock = Clock(1000.0)
        self.redis = FakeRedis(self.clock)
        self.reported: Counter[tuple[str, str, str]] = Counter()
        self.limiter = self.another(share=share)

    def another(self, *, share: int = 1) -> Limiter:
        return Limiter(
            self.redis,
            share=share,
            clock=self.clock,
            observe=lambda *what: self.reported.update([what]),
        )

    def charge(self, tier: Tier, *costs: int, subject: str = "key:a") -> list[Verdict]:
        """Charge one cost after another."""

        async def run() -> list[Verdict]:
            return [await self.limiter.charge(subject, tier, cost) for cost in costs]

        return asyncio.run(run())

    def charge_concurrently(self, tier: Tier, *costs: int) -> list[Verdict]:
        async def run() -> list[Verdict]:
            return await asyncio.gather(*(self.limiter.charge("key:a", tier, c) for c in costs))

        return asyncio.run(run())


@pytest.fixture
def setup() -> Setup:
    return Setup()


def count_allowed(verdicts: list[Verdict]) -> int:
    return sum(verdict.allowed for verdict in verdicts)


# --- which store ------------------------------------------------------------------------------


def test_an_unlimited_tier_queries_no_store(setup: Setup) -> None:
    (verdict,) = setup.charge(UNLIMITED, 10**9)
    assert verdict.allowed
    assert setup.redis.calls == []
    assert setup.reported == {("unlimited", "allowed", "none"): 1}


def test_a_small_tier_queries_redis_for_each_request(setup: Setup) -> None:
    verdicts = setup.charge(FREE, *[1] * 11)
    assert [verdict.remaining for verdict in verdicts] == [*range(9, -1, -1), 0]
    assert setup.redis.calls == [(1, 1)] * 11
    assert setup.reported == {("free", "allowed", "redis"): 10, ("free", "refused", "redis"): 1}


def test_without_redis_the_local_limit_is_exact() -> None:
    async def run() -> list[Verdict]:
        limiter = Limiter(None, clock=Clock(1000.0))
        return [await limiter.charge("key:a", STANDARD, 1) for _ in range(300)]

    assert count_allowed(asyncio.run(run())) == 200


def test_callers_and_tiers_are_limited_separately(setup: Setup) -> None:
    assert not setup.charge(FREE, 10, 1)[1].allowed
    assert setup.charge(FREE, 10, subject="key:b")[0].allowed
    assert setup.charge(STANDARD, 10)[0].allowed


@pytest.mark.parametrize("cost", [0, -1, 11])
def test_an_invalid_cost_is_an_error(setup: Setup, cost: int) -> None:
    with pytest.raises(ValueError, match="free"):
        setup.charge(FREE, cost)


def test_the_script_is_loaded_into_a_redis_without_it(setup: Setup) -> None:
    setup.redis.knows_script = False
    assert setup.charge(FREE, 1)[0].allowed
    assert setup.reported == {("free", "allowed", "redis"): 1}


# --- refusals ---------------------------------------------------------------------------------


def test_a_refusal_is_cached(setup: Setup) -> None:
    setup.charge(FREE, 8, 3)
    calls_before = len(setup.redis.calls)
    again, dearer = setup.charge(FREE, 3, 4)
    assert not again.allowed
    assert not dearer.allowed
    assert len(setup.redis.calls) == calls_before
    assert setup.charge(FREE, 2)[0].allowed  # a cheaper one may pass


def test_a_cached_refusal_expires_after_a_second(setup: Setup) -> None:
    """A raised limit or a removed key thus takes effect."""
    setup.charge(FREE, 10, 1)
    setup.redis.tats.clear()
    assert not setup.charge(FREE, 1)[0].allowed
    setup.clock.now += MEMORY_SECONDS
    assert setup.charge(FREE, 1)[0].allowed


def test_a_cached_refusal_counts_down(setup: Setup) -> None:
    first = setup.charge(FREE, 10, 1)[1]
    setup.clock.now += 0.5
    again = setup.charge(FREE, 1)[0]
    assert first.retry_after == pytest.approx(36)
    assert again.retry_after == pytest.approx(35.5)
    assert again.reset == pytest.approx(359.5)


def test_a_refused_request_passes_at_the_stated_time(setup: Setup) -> None:
    setup.charge(STANDARD, 200)
    (refused,) = setup.charge(STANDARD, 50)
    assert refused.retry_after == pytest.approx(0.5)
    setup.clock.now += refused.retry_after - 0.001
    assert not setup.charge(STANDARD, 50)[0].allowed
    setup.clock.now += 0.0011
    assert setup.charge(STANDARD, 50)[0].allowed


# --- leases -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "units"),
    [("free", 0), ("basic", 0), ("premium", 0), ("enterprise", 0), ("anonymous", 0)],
)
def test_small_tiers_have_no_lease(tier: str, units: int) -> None:
    assert lease_of(TIERS[tier]) == units


@pytest.mark.parametrize(("quota", "burst", "units"), [(100, 200, 5), (39, 50, 0), (4000, 7, 7)])
def test_a_lease_is_a_small_part_of_ten_seconds(quota: int, burst: int, units: int) -> None:
    assert lease_of(Tier(name="a", quota=quota, window=1, burst=burst)) == units
    assert units <= 0.005 * 10 * quota


def test_a_lease_is_fetched_once_and_spent_locally(setup: Setup) -> None:
    verdicts = setup.charge(STANDARD, *[1] * 10)
    assert setup.redis.calls == [(1, 5), (1, 5)]
    assert [verdict.remaining for verdict in verdicts] == list(range(199, 189, -1))
    assert setup.reported == {
        ("standard", "allowed", "redis"): 2,
        ("standard", "allowed", "lease"): 8,
    }


LARGE = Tier(name="large", quota=10_000, window=1, burst=20_000)


def test_a_large_lease_is_refilled_before_it_is_spent(setup: Setup) -> None:
    """No request waits for it, and it never exceeds its size."""

    async def run() -> None:
        for _ in range(20):
            await setup.limiter.charge("key:a", LARGE, 100)
            await asyncio.sleep(0)  # lets the background refill run

    asyncio.run(run())
    assert lease_of(LARGE) == 500
    assert setup.redis.calls[:3] == [(100, 500), (1, 300), (1, 300)]
    assert setup.reported[("large", "allowed", "redis")] == 1
    assert setup.reported[("large", "allowed", "lease")] == 19


def test_a_lease_that_cannot_be_refilled_is_spent_completely(setup: Setup) -> None:
    async def run() -> list[bool]:
        first = await setup.limiter.charge("key:a", LARGE, 100)
        setup.redis.error = RedisUnavailableError("away")
        others = []
        for _ in range(4):
            others.append(await setup.limiter.charge("key:a", LARGE, 100))
            await asyncio.sleep(0)
        return [verdict.allowed for verdict in (first, *others)]

    assert asyncio.run(run()) == [True] * 5
    assert setup.reported[("large", "allowed", "lease")] == 4


def test_the_limit_is_spent_to_the_last_unit(setup: Setup) -> None:
    assert count_allowed(setup.charge(STANDARD, *[1] * 300)) == 200


def test_an_expensive_request_takes_the_lease_and_the_rest_from_redis(setup: Setup) -> None:
    setup.charge(STANDARD, 2, 50, 1)
    assert setup.redis.calls == [(2, 5), (47, 47), (1, 5)]


def test_a_refusal_does_not_spend_the_lease(setup: Setup) -> None:
    setup.charge(STANDARD, 196, 1)
    refused, cheaper = setup.charge(STANDARD, 100, 3)
    assert not refused.allowed
    assert refused.remaining == 3
    assert cheaper.allowed


def test_a_lease_expires_after_a_second(setup: Setup) -> None:
    setup.charge(STANDARD, 1)
    setup.clock.now += MEMORY_SECONDS
    assert setup.charge(STANDARD, 1)[0].remaining == 199
    assert setup.redis.calls == [(1, 5), (1, 5)]


def test_only_one_lease_is_requested_at_a_time(setup: Setup) -> None:
    """Each worker holds at most one lease, however many requests run concurrently."""
    assert count_allowed(setup.charge_concurrently(STANDARD, *[1] * 10)) == 10
    assert setup.redis.calls == [(1, 5), (1, 5)]


def test_nothing_is_spent_twice(setup: Setup) -> None:
    """Units that an expensive request took from the lease are gone while it waits for Redis."""
    setup.charge(STANDARD, 1)  # the lease then has four units
    verdicts = setup.charge_concurrently(STANDARD, 6, 4, 1, 1, 6, 6)
    spent = 1 + sum(c for c, v in zip((6, 4, 1, 1, 6, 6), verdicts, strict=True) if v.allowed)
    granted = 200 - setup.charge(STANDARD, 200)[0].remaining
    assert spent == granted


# --- Redis unavailable ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RedisUnavailableError("away"), ResponseError("NOPERM")])
@pytest.mark.parametrize(("tier", "burst"), [(STANDARD, 50), (FREE, 2)], ids=["large", "small"])
def test_a_fair_share_applies_while_redis_is_unavailable(
    error: Exception, tier: Tier, burst: int
) -> None:
    setup = Setup(share=4)
    setup.redis.error = error
    assert count_allowed(setup.charge(tier, *[1] * 100)) == burst
    assert setup.reported == {
        (tier.name, "allowed", "local"): burst,
        (tier.name, "refused", "local"): 100 - burst,
    }


def test_the_shared_limit_applies_once_redis_is_available_again() -> None:
    setup = Setup(share=4)
    setup.charge(FREE, 6)
    setup.redis.error = RedisUnavailableError("away")
    setup.charge(FREE, 1, 1, 1)
    setup.redis.error = None
    assert count_allowed(setup.charge(FREE, *[1] * 10)) == 4


def test_a_lease_that_never_arrived_does_not_block(setup: Setup) -> None:
    setup.redis.error = RedisUnavailableError("away")
    setup.charge(STANDARD, 1)
    setup.redis.error = None
    assert setup.charge(STANDARD, 1)[0].allowed
    assert setup.redis.calls == [(1, 5)]


def test_a_cancelled_caller_does_not_block_others(setup: Setup) -> None:
    async def run() -> Verdict:
        leaving = asyncio.create_task(setup.limiter.charge("key:a", STANDARD, 1))
        await asyncio.sleep(0)
        leaving.cancel()
        return await asyncio.wait_for(setup.limiter.charge("key:a", STANDARD, 1), 5)

    assert asyncio.run(run()).allowed
