"""Limits in the memory of this process, for the time without Redis."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from config.tiers import Tier
from middleware.ratelimit.gcra import MICROSECONDS, charge, rate_of, refund
from middleware.ratelimit.verdict import Verdict
from storage.cache.bounded import ByteBoundedCache

MOST_BYTES = 16 * 2**20
"""Enough for some ten thousand callers."""

_TAT_BYTES = 40


def subject_bytes(key: tuple[str, str]) -> int:
    """Return the memory of a cache key: its tuple and subject; the tier's name is shared."""
    return sys.getsizeof(key) + sys.getsizeof(key[0])


class LocalLimits:
    """Limits of callers in this process, each at its share of the tier.

    Invariants:
        All processes together accept no more than the tier allows, if there are at most `share`
        of them; except that each burst is at least 1.
        The state takes at most `max_bytes`. The least recently charged or refused caller is
        evicted first. To be evicted while it owes units, a caller needs tens of thousands of
        other keys or addresses, and their own allowances are worth more than the burst that it
        would gain.
    """

    def __init__(
        self,
        share: int = 1,
        *,
        max_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without state.

        Args:
            share: processes among which a limit is divided; 1 is exact.
            clock: seconds, monotonic.
        """
        self._share = share
        self._clock = clock
        self._tats: ByteBoundedCache[tuple[str, str], int] = ByteBoundedCache(
            max_bytes, lambda key, _: subject_bytes(key) + _TAT_BYTES
        )

    def charge(self, subject: str, tier: Tier, cost: int) -> Verdict:
        """Charge `cost` units to a caller in a limited tier."""
        now = int(self._clock() * MICROSECONDS)
        key = (subject, tier.name)
        known = self._tats.get(key)
        decision, tat = charge(
            now if known is None else known, now, rate_of(tier, self._share), cost
        )
        self._tats.put(key, tat)
        return Verdict(
            tier,
            decision.granted >= cost,
            decision.remaining,
            decision.reset / MICROSECONDS,
            decision.retry / MICROSECONDS,
        )

    def refund(self, subject: str, tier: Tier, units: int) -> Verdict:
        """Give back units of a limited tier that were charged before."""
        now = int(self._clock() * MICROSECONDS)
        key = (subject, tier.name)
        known = self._tats.get(key)
        decision, tat = refund(
            now if known is None else known, now, rate_of(tier, self._share), units
        )
        self._tats.put(key, tat)
        return Verdict(tier, True, decision.remaining, decision.reset / MICROSECONDS)

    def is_exhausted(self, subject: str, tier: Tier) -> bool:
        """Return whether a charge of one unit would be refused now; charges nothing."""
        tat = self._tats.get((subject, tier.name))
        if tat is None:
            return False
        now = int(self._clock() * MICROSECONDS)
        decision, _ = charge(tat, now, rate_of(tier, self._share), 1)
        return not decision.granted
