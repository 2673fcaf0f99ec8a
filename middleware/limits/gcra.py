"""The generic cell rate algorithm, in whole microseconds.

All that is kept of a caller is one time, the *theoretical arrival time* (TAT): when everything
spent so far would be paid back at the tier's rate. A caller may run ahead of the clock by what
the burst is worth, the *tolerance*. `gcra.lua` is the same in Redis.

ITU-T I.371 (ATM's conformance test); costs other than 1 as in Brandur Leach's throttled.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tiers import Tier

MICROSECONDS = 1_000_000


class Decision(NamedTuple):
    """What became of a charge.

    Attributes:
        granted: units, 0 where it was refused.
        remaining: units that could be spent now.
        retry: microseconds after which the same charge would pass; 0 where it was granted.
        reset: microseconds after which the whole burst could be spent.
    """

    granted: int
    remaining: int
    retry: int
    reset: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A tier, or a part of it, in whole numbers.

    Attributes:
        quota: units in a period.
        period: microseconds.
        burst: units.
    """

    quota: int
    period: int
    burst: int

    def time_of(self, units: int) -> int:
        """Microseconds in which so many units come back, rounded up."""
        return -(-units * self.period // self.quota)

    def units_in(self, time: int) -> int:
        """Whole units that come back in so many microseconds."""
        return time * self.quota // self.period


@lru_cache(maxsize=1024)
def rate_of(tier: Tier, share: int = 1) -> Rate:
    """The rate of one of `share` equal parts of a limited tier; its burst is 1 at least."""
    if tier.quota is None:
        raise ValueError(f"tier {tier.name} has no limit")
    # a longer period and not a smaller quota: that stays whole
    return Rate(tier.quota, tier.window * MICROSECONDS * share, max(1, tier.burst // share))


def refund(tat: int, now: int, rate: Rate, units: int) -> tuple[Decision, int]:
    """Give back units that a caller was charged before; returns as `charge` does."""
    tat = max(tat - rate.time_of(units), now)
    left = max(0, rate.units_in(now + rate.time_of(rate.burst) - tat))
    return Decision(-units, left, 0, tat - now), tat


def charge(tat: int, now: int, rate: Rate, cost: int) -> tuple[Decision, int]:
    """Charge `cost` units at the time `now` to a caller whose TAT is `tat`.

    A cost above the burst is granted when nothing is owed, and paid back in full: a request that
    the tier allows is not impossible where only a share of the tier is at hand.

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
    left = max(0, rate.units_in(now + tolerance - tat))
    return Decision(cost, left, 0, tat - now), tat
