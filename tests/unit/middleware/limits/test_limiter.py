"""The limiter: which store answers, what leases save, and that Redis can go away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from redis.exceptions import NoScriptError, ResponseError

from cache.redis import RedisUnavailableError
from middleware.limits.gcra import MICROSECONDS, Rate, charge
from middleware.limits.lease import MEMORY_SECONDS, lease_of
from middleware.limits.limiter import Limiter
from middleware.limits.verdict import Verdict
from tiers import TIERS, Tier

T = TypeVar("T")
FREE, STANDARD, UNLIMITED = TIERS["free"], TIERS["standard"], TIERS["unlimited"]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeRedis:
    """Runs the script's arithmetic; holds every answer back until the loop has run others."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tats: dict[str, int] = {}
        self.knows_script = True
        self.asked: list[tuple[int, int]] = []
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
        self.asked.append((need, want))
        await asyncio.sleep(0)
        now = int(self.clock() * MICROSECONDS)
        rate = Rate(quota, period, burst)
        tat = self.tats.get(key, now)
        room = now + rate.time_of(burst) - max(tat, now)
        decision, self.tats[key] = charge(tat, now, rate, max(need, min(want, rate.units_in(room))))
        return list(decision)


class Setting:
    """A limiter, what it stands on, and what it has reported."""

    def __init__(self, *, share: int = 1) -> None:
        self.clock = Clock()
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
        """Charges one after another."""

        async def run() -> list[Verdict]:
            return [await self.limiter.charge(subject, tier, cost) for cost in costs]

        return asyncio.run(run())

    def at_once(self, tier: Tier, *costs: int) -> list[Verdict]:
        async def run() -> list[Verdict]:
            return await asyncio.gather(*(self.limiter.charge("key:a", tier, c) for c in costs))

        return asyncio.run(run())


@pytest.fixture
def setting() -> Setting:
    return Setting()


def allowed(verdicts: list[Verdict]) -> int:
    return sum(verdict.allowed for verdict in verdicts)


# --- which store ------------------------------------------------------------------------------


def test_no_limit_asks_nobody(setting: Setting) -> None:
    (verdict,) = setting.charge(UNLIMITED, 10**9)
    assert verdict.allowed
    assert setting.redis.asked == []
    assert setting.reported == {("unlimited", "allowed", "none"): 1}


def test_a_small_tier_is_asked_for_each_request(setting: Setting) -> None:
    verdicts = setting.charge(FREE, *[1] * 11)
    assert [verdict.remaining for verdict in verdicts] == [*range(9, -1, -1), 0]
    assert setting.redis.asked == [(1, 1)] * 11
    assert setting.reported == {("free", "allowed", "redis"): 10, ("free", "refused", "redis"): 1}


def test_without_redis_the_process_is_exact() -> None:
    async def run() -> list[Verdict]:
        limiter = Limiter(None, clock=Clock())
        return [await limiter.charge("key:a", STANDARD, 1) for _ in range(300)]

    assert allowed(asyncio.run(run())) == 200


def test_callers_and_tiers_are_apart(setting: Setting) -> None:
    assert not setting.charge(FREE, 10, 1)[1].allowed
    assert setting.charge(FREE, 10, subject="key:b")[0].allowed
    assert setting.charge(STANDARD, 10)[0].allowed


@pytest.mark.parametrize("cost", [0, -1, 11])
def test_what_cannot_be_charged_is_a_mistake(setting: Setting, cost: int) -> None:
    with pytest.raises(ValueError, match="free"):
        setting.charge(FREE, cost)


def test_a_redis_without_the_script_is_given_it(setting: Setting) -> None:
    setting.redis.knows_script = False
    assert setting.charge(FREE, 1)[0].allowed
    assert setting.reported == {("free", "allowed", "redis"): 1}


# --- refusals ---------------------------------------------------------------------------------


def test_a_refusal_is_not_asked_for_again(setting: Setting) -> None:
    setting.charge(FREE, 8, 3)
    asked = len(setting.redis.asked)
    again, dearer = setting.charge(FREE, 3, 4)
    assert not again.allowed
    assert not dearer.allowed
    assert len(setting.redis.asked) == asked
    assert setting.charge(FREE, 2)[0].allowed  # a cheaper one may pass


def test_a_refusal_is_asked_for_again_after_a_second(setting: Setting) -> None:
    """So that a limit that was raised, or a key that was removed, is seen."""
    setting.charge(FREE, 10, 1)
    setting.redis.tats.clear()
    assert not setting.charge(FREE, 1)[0].allowed
    setting.clock.now += MEMORY_SECONDS
    assert setting.charge(FREE, 1)[0].allowed


def test_a_remembered_refusal_counts_down(setting: Setting) -> None:
    first = setting.charge(FREE, 10, 1)[1]
    setting.clock.now += 0.5
    again = setting.charge(FREE, 1)[0]
    assert first.retry_after == pytest.approx(36)
    assert again.retry_after == pytest.approx(35.5)
    assert again.reset == pytest.approx(359.5)


def test_what_is_refused_passes_when_it_was_said_to(setting: Setting) -> None:
    setting.charge(STANDARD, 200)
    (refused,) = setting.charge(STANDARD, 50)
    assert refused.retry_after == pytest.approx(0.5)
    setting.clock.now += refused.retry_after - 0.001
    assert not setting.charge(STANDARD, 50)[0].allowed
    setting.clock.now += 0.0011
    assert setting.charge(STANDARD, 50)[0].allowed


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


def test_a_lease_is_fetched_once_and_spent_here(setting: Setting) -> None:
    verdicts = setting.charge(STANDARD, *[1] * 10)
    assert setting.redis.asked == [(1, 5), (1, 5)]
    assert [verdict.remaining for verdict in verdicts] == list(range(199, 189, -1))
    assert setting.reported == {
        ("standard", "allowed", "redis"): 2,
        ("standard", "allowed", "lease"): 8,
    }


LARGE = Tier(name="large", quota=10_000, window=1, burst=20_000)


def test_a_large_lease_is_filled_before_it_is_spent(setting: Setting) -> None:
    """So that nobody waits for it; it never grows beyond its size."""

    async def run() -> None:
        for _ in range(20):
            await setting.limiter.charge("key:a", LARGE, 100)
            await asyncio.sleep(0)  # what nobody waits for comes in between

    asyncio.run(run())
    assert lease_of(LARGE) == 500
    assert setting.redis.asked[:3] == [(100, 500), (1, 300), (1, 300)]
    assert setting.reported[("large", "allowed", "redis")] == 1
    assert setting.reported[("large", "allowed", "lease")] == 19


def test_a_lease_that_cannot_be_filled_is_spent_to_its_end(setting: Setting) -> None:
    async def run() -> list[bool]:
        first = await setting.limiter.charge("key:a", LARGE, 100)
        setting.redis.error = RedisUnavailableError("away")
        others = []
        for _ in range(4):
            others.append(await setting.limiter.charge("key:a", LARGE, 100))
            await asyncio.sleep(0)
        return [verdict.allowed for verdict in (first, *others)]

    assert asyncio.run(run()) == [True] * 5
    assert setting.reported[("large", "allowed", "lease")] == 4


def test_the_limit_is_spent_to_the_last_unit(setting: Setting) -> None:
    assert allowed(setting.charge(STANDARD, *[1] * 300)) == 200


def test_a_dear_request_takes_what_is_held_and_the_rest_from_redis(setting: Setting) -> None:
    setting.charge(STANDARD, 2, 50, 1)
    assert setting.redis.asked == [(2, 5), (47, 47), (1, 5)]


def test_a_refusal_leaves_what_is_held(setting: Setting) -> None:
    setting.charge(STANDARD, 196, 1)
    refused, cheaper = setting.charge(STANDARD, 100, 3)
    assert not refused.allowed
    assert refused.remaining == 3
    assert cheaper.allowed


def test_a_lease_is_worth_nothing_after_a_second(setting: Setting) -> None:
    setting.charge(STANDARD, 1)
    setting.clock.now += MEMORY_SECONDS
    assert setting.charge(STANDARD, 1)[0].remaining == 199
    assert setting.redis.asked == [(1, 5), (1, 5)]


def test_only_one_lease_is_on_its_way(setting: Setting) -> None:
    """Each worker holds one lease at most, however many requests it answers at once."""
    assert allowed(setting.at_once(STANDARD, *[1] * 10)) == 10
    assert setting.redis.asked == [(1, 5), (1, 5)]


def test_nothing_is_spent_twice(setting: Setting) -> None:
    """While a dear request waits for Redis, what it has taken of the lease is not there."""
    setting.charge(STANDARD, 1)  # four are held
    verdicts = setting.at_once(STANDARD, 6, 4, 1, 1, 6, 6)
    spent = 1 + sum(c for c, v in zip((6, 4, 1, 1, 6, 6), verdicts, strict=True) if v.allowed)
    granted = 200 - setting.charge(STANDARD, 200)[0].remaining
    assert spent == granted


# --- Redis away -------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RedisUnavailableError("away"), ResponseError("NOPERM")])
@pytest.mark.parametrize(("tier", "burst"), [(STANDARD, 50), (FREE, 2)], ids=["large", "small"])
def test_a_fair_share_while_redis_is_away(error: Exception, tier: Tier, burst: int) -> None:
    setting = Setting(share=4)
    setting.redis.error = error
    assert allowed(setting.charge(tier, *[1] * 100)) == burst
    assert setting.reported == {
        (tier.name, "allowed", "local"): burst,
        (tier.name, "refused", "local"): 100 - burst,
    }


def test_the_shared_limit_holds_when_redis_is_back() -> None:
    setting = Setting(share=4)
    setting.charge(FREE, 6)
    setting.redis.error = RedisUnavailableError("away")
    setting.charge(FREE, 1, 1, 1)
    setting.redis.error = None
    assert allowed(setting.charge(FREE, *[1] * 10)) == 4


def test_a_lease_that_never_arrived_does_not_block(setting: Setting) -> None:
    setting.redis.error = RedisUnavailableError("away")
    setting.charge(STANDARD, 1)
    setting.redis.error = None
    assert setting.charge(STANDARD, 1)[0].allowed
    assert setting.redis.asked == [(1, 5)]


def test_a_caller_who_leaves_does_not_block_others(setting: Setting) -> None:
    async def run() -> Verdict:
        leaving = asyncio.create_task(setting.limiter.charge("key:a", STANDARD, 1))
        await asyncio.sleep(0)
        leaving.cancel()
        return await asyncio.wait_for(setting.limiter.charge("key:a", STANDARD, 1), 5)

    assert asyncio.run(run()).allowed
