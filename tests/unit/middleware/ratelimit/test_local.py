"""Limits in the process: a fair share, separate callers, and bounded memory."""

from __future__ import annotations

import pytest

from config.tiers import TIERS, Tier
from middleware.ratelimit.local import LocalLimits, subject_bytes
from storage.cache.bounded import ENTRY_BYTES
from tests.support.clock import Clock

STANDARD = TIERS["standard"]
SLOW = Tier(name="slow", quota=1, window=1, burst=4)


ENTRY = ENTRY_BYTES + subject_bytes(("ip:a", "slow")) + 40
"""Bytes of a caller whose subject has four characters."""


def count_accepted(limits: LocalLimits, tier: Tier, tries: int, subject: str = "key:a") -> int:
    return sum(limits.charge(subject, tier, 1).allowed for _ in range(tries))


@pytest.mark.parametrize(("share", "burst"), [(1, 200), (4, 50), (1000, 1)])
def test_the_burst_is_divided_and_at_least_one(share: int, burst: int) -> None:
    assert count_accepted(LocalLimits(share, clock=Clock(1000.0)), STANDARD, 300) == burst


@pytest.mark.parametrize("share", [1, 2, 8])
def test_all_shares_together_are_the_limit(share: int) -> None:
    clock = Clock(1000.0)
    processes = [LocalLimits(share, clock=clock) for _ in range(share)]
    total = 0
    for _ in range(1000):  # ten seconds of refill
        clock.now += 0.01
        total += sum(count_accepted(process, STANDARD, 2) for process in processes)
    assert total == pytest.approx(200 + 100 * 10, rel=0.01)


def test_a_verdict_has_the_remaining_units_and_the_reset_time() -> None:
    limits = LocalLimits(clock=Clock(1000.0))
    verdict = limits.charge("key:a", SLOW, 3)
    assert (verdict.allowed, verdict.remaining, verdict.reset, verdict.retry_after) == (
        *(True, 1),
        *(3.0, 0.0),
    )
    verdict = limits.charge("key:a", SLOW, 3)
    assert (verdict.allowed, verdict.remaining, verdict.retry_after) == (False, 1, 2.0)


def test_a_request_that_the_tier_allows_is_possible_in_a_share() -> None:
    clock = Clock(1000.0)
    limits = LocalLimits(8, clock=clock)
    assert limits.charge("key:a", STANDARD, 100).allowed
    verdict = limits.charge("key:a", STANDARD, 100)
    assert not verdict.allowed
    assert verdict.retry_after == pytest.approx(8.0)
    clock.now += verdict.retry_after
    assert limits.charge("key:a", STANDARD, 100).allowed


def test_callers_do_not_pay_for_each_other() -> None:
    limits = LocalLimits(clock=Clock(1000.0))
    assert count_accepted(limits, SLOW, 9, "ip:a") == 4
    assert count_accepted(limits, SLOW, 9, "ip:b") == 4


def test_a_caller_is_evicted_only_by_as_many_other_callers_as_fit() -> None:
    limits = LocalLimits(max_bytes=10 * ENTRY, clock=Clock(1000.0))
    assert subject_bytes(("ip:a", "slow")) == subject_bytes(("ip:0", "slow"))
    assert count_accepted(limits, SLOW, 9, "ip:a") == 4
    for other in range(9):
        limits.charge(f"ip:{other}", SLOW, 1)
    assert count_accepted(limits, SLOW, 9, "ip:a") == 0  # still remembered, and now the most recent
    for other in range(9):
        limits.charge(f"ip:{other}", SLOW, 1)
    assert count_accepted(limits, SLOW, 9, "ip:a") == 0
    for other in range(10):
        limits.charge(f"ip:{other}", SLOW, 1)
    assert count_accepted(limits, SLOW, 9, "ip:a") == 4


def test_a_caller_is_exhausted_until_one_unit_is_back() -> None:
    clock = Clock(1000.0)
    limits = LocalLimits(clock=clock)
    assert not limits.is_exhausted("ip:a", SLOW)
    assert count_accepted(limits, SLOW, 9) == 4
    assert limits.is_exhausted("key:a", SLOW)
    assert not limits.is_exhausted("ip:a", SLOW)
    clock.now += 1
    assert not limits.is_exhausted("key:a", SLOW)
    assert count_accepted(limits, SLOW, 9) == 1  # is_exhausted charges nothing
