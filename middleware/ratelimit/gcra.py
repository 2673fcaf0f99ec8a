"""The generic cell rate algorithm, in whole microseconds.

The state of a caller is one time, the *theoretical arrival time* (TAT): when everything spent so
far is paid back at the tier's rate. The TAT may run ahead of the clock by the time that the burst
takes to be paid back, the *tolerance*. `gcra.lua` is the same algorithm in Redis.

Times are whole microseconds, because Lua's numbers are doubles: integers up to 2**53 are exact,
so both sides compute the same times. Times are rounded up and units down, so that rounding never
grants more than the rate.

ITU-T I.371 (ATM's conformance test); costs other than 1 as in Brandur Leach's throttled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from config.tiers import Tier

MICROSECONDS = 1_000_000


class Decision(NamedTuple):
    """Result of a charge.

    Attributes:
        granted: units; 0 if it was refused, negative for a refund.
        remaining: units that could be spent now.
        retry: microseconds after which the same charge would pass; 0 if it was granted.
        reset: microseconds after which the whole burst could be spent.
    """

    granted: int
    remaining: int
    retry: int
    reset: int


@dataclass(frozen=True, slots=True)
class Rate:
    """Limits of a tier, or of one share of it, as integers.

    Attributes:
        quota: units in a period.
        period: microseconds.
        burst: units.
    """

    quota: int
    period: int
    burst: int

    def time_of(self, units: int) -> int:
        """Return the microseconds in which so many units are paid back, rounded up."""
        return -(-units * self.period // self.quota)

    def units_in(self, time: int) -> int:
        """Return the units that are paid back in so many microseconds, rounded down."""
        return time * self.quota // self.period


@lru_cache(maxsize=1024)
def rate_of(tier: Tier, share: int = 1) -> Rate:
    """Return the rate of one of `share` equal parts of a limited tier; its burst is at least 1."""
    if tier.quota is None:
        raise ValueError(f"tier {tier.name} has no limit")
    # lengthen the period instead of dividing the quota, which would not stay an integer
    return Rate(tier.quota, tier.window * MICROSECONDS * share, max(1, tier.burst // share))


def refund(tat: int, now: int, rate: Rate, units: int) -> tuple[Decision, int]:
    """Give back units that were charged before; return the decision and the new TAT."""
    tat = max(tat - rate.time_of(units), now)
    remaining = max(0, rate.units_in(now + rate.time_of(rate.burst) - tat))
    return Decision(-units, remaining, 0, tat - now), tat


def charge(tat: int, now: int, rate: Rate, cost: int) -> tuple[Decision, int]:
    """Charge `cost` units at the time `now` to a caller whose TAT is `tat`.

    A cost above the burst is granted when nothing is owed, and then owed in full. Without this, a
    request within the tier's burst could never pass in a process that has a share of the tier.

    Returns:
        The decision and the new TAT.
    """
    tat = max(tat, now)
    tolerance = rate.time_of(rate.burst)
    room = now + tolerance - tat
    lacking = min(rate.time_of(cost), tolerance) - room
    if lacking > 0:
        return Decision(0, max(0, rate.units_in(room)), lacking, tat - now), tat
    tat += rate.time_of(cost)
    remaining = max(0, rate.units_in(now + tolerance - tat))
    return Decision(cost, remaining, 0, tat - now), tat
