"""Limits kept in this process, for when there is no Redis or it is away."""

from __future__ import annotations

import time
from collections.abc import Callable

from cachetools import LRUCache

from middleware.limits.gcra import MICROSECONDS, charge, rate_of
from middleware.limits.verdict import Verdict
from tiers import Tier


class LocalLimits:
    """Charges callers in this process, each at its share of the tier.

    Invariants:
        All processes together accept no more than the tier allows, given that there are no more
        than `share` of them; the bursts are 1 at least.
        No more than `max_subjects` are remembered. The one that was charged, or refused, least
        recently is forgotten first: to be forgotten while it has something to pay back, a caller
        has to bring that many other keys or addresses, each of which has an allowance of its own
        and is worth more than the burst that is won.
    """

    def __init__(
        self,
        share: int = 1,
        *,
        max_subjects: int = 65_536,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember nobody.

        Args:
            share: processes among which a limit is divided; 1 is exact.
            clock: seconds that only grow.
        """
        self._share = share
        self._clock = clock
        self._tats: LRUCache[tuple[str, str], int] = LRUCache(max_subjects)

    def charge(self, subject: str, tier: Tier, cost: int) -> Verdict:
        """Charge `cost` units to a caller in a limited tier."""
        now = int(self._clock() * MICROSECONDS)
        key = (subject, tier.name)
        decision, tat = charge(self._tats.get(key, now), now, rate_of(tier, self._share), cost)
        self._tats[key] = tat
        return Verdict(
            tier,
            decision.granted >= cost,
            decision.remaining,
            decision.reset / MICROSECONDS,
            decision.retry / MICROSECONDS,
        )
