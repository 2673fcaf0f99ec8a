"""GCRA: never more than burst + rate × time, and its predictions are exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.tiers import TIERS, Tier
from middleware.ratelimit.gcra import MICROSECONDS, Rate, charge, rate_of

RATES = st.builds(
    Rate,
    quota=st.integers(1, 10_000),
    period=st.sampled_from([1, 7, 60, 3600]).map(lambda seconds: seconds * MICROSECONDS),
    burst=st.integers(1, 500),
)
STEPS = st.lists(st.tuples(st.integers(0, 10 * MICROSECONDS), st.integers(1, 600)), max_size=40)
FREE = rate_of(TIERS["free"])  # a unit every 36 seconds, burst 10
SECOND = MICROSECONDS


def test_the_burst_can_be_spent_immediately_and_no_more() -> None:
    tat = 0
    for remaining in range(9, -1, -1):
        decision, tat = charge(tat, 0, FREE, 1)
        assert (decision.granted, decision.remaining) == (1, remaining)
    decision, tat = charge(tat, 0, FREE, 1)
    assert decision == (0, 0, 36 * SECOND, 360 * SECOND)


@pytest.mark.parametrize(("after", "granted"), [(36 * SECOND - 1, 0), (36 * SECOND, 1)])
def test_a_unit_is_restored_at_an_exact_microsecond(after: int, granted: int) -> None:
    _, tat = charge(0, 0, FREE, 10)
    decision, _ = charge(tat, after, FREE, 1)
    assert decision.granted == granted


def test_a_refusal_costs_nothing() -> None:
    _, tat = charge(0, 0, FREE, 8)
    refused, same = charge(tat, 0, FREE, 3)
    assert (refused.granted, refused.remaining, same) == (0, 2, tat)


def test_a_pause_restores_at_most_the_burst() -> None:
    _, tat = charge(0, 0, FREE, 10)
    decision, _ = charge(tat, 10**12, FREE, 1)
    assert decision.remaining == 9


@given(RATES, STEPS)
def test_never_more_than_burst_and_rate_allow(rate: Rate, steps: list[tuple[int, int]]) -> None:
    """From any charge to any later one; whole microseconds round against the caller."""
    now, tat = 0, 0
    granted: list[tuple[int, int]] = []
    for pause, cost in steps:
        now += pause
        decision, tat = charge(tat, now, rate, min(cost, rate.burst))
        granted.append((now, decision.granted))
    for first in range(len(granted)):
        total = 0
        for then, units in granted[first:]:
            total += units
            allowed = rate.burst + (then - granted[first][0] + 1) * rate.quota / rate.period
            assert total <= allowed


@given(RATES, STEPS)
def test_predictions_of_a_decision_are_exact(rate: Rate, steps: list[tuple[int, int]]) -> None:
    """`remaining` can be spent and no more; `retry` and `reset` are exact times."""
    now, tat = 0, 0
    for pause, cost in steps:
        now += pause
        decision, tat = charge(tat, now, rate, cost)
        if decision.remaining > 0:
            assert charge(tat, now, rate, decision.remaining)[0].granted
        if decision.remaining < rate.burst:
            assert not charge(tat, now, rate, decision.remaining + 1)[0].granted
        if not decision.granted:
            assert charge(tat, now + decision.retry, rate, cost)[0].granted == cost
            assert not charge(tat, now + decision.retry - 1, rate, cost)[0].granted
        assert charge(tat, now + decision.reset, rate, rate.burst)[0].granted == rate.burst


def test_a_cost_above_the_burst_waits_for_a_full_bucket_and_is_repaid_in_full() -> None:
    rate = Rate(quota=1, period=SECOND, burst=5)
    decision, tat = charge(0, 0, rate, 20)
    assert (decision.granted, decision.remaining, decision.reset) == (20, 0, 20 * SECOND)
    decision, tat = charge(tat, 0, rate, 20)
    assert (decision.granted, decision.retry) == (0, 20 * SECOND)
    assert charge(tat, 20 * SECOND, rate, 20)[0].granted == 20
    assert not charge(tat, 15 * SECOND, rate, 1)[0].granted
    assert charge(tat, 16 * SECOND, rate, 1)[0].granted


@pytest.mark.parametrize(
    ("tier", "share", "rate"),
    [
        ("standard", 1, Rate(100, SECOND, 200)),
        ("standard", 8, Rate(100, 8 * SECOND, 25)),
        ("free", 16, Rate(100, 16 * 3600 * SECOND, 1)),
    ],
)
def test_a_share_is_a_part_of_rate_and_burst(tier: str, share: int, rate: Rate) -> None:
    assert rate_of(TIERS[tier], share) == rate


def test_a_tier_without_a_limit_has_no_rate() -> None:
    with pytest.raises(ValueError, match="open"):
        rate_of(Tier(name="open", quota=None, burst=1))
