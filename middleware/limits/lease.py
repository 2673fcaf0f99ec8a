"""What a worker knows of one caller without asking Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from middleware.limits.gcra import MICROSECONDS, Decision
from middleware.limits.verdict import Verdict
from tiers import Tier

MEMORY_SECONDS = 1.0
"""How long a lease, or a refusal, holds without asking again."""

EARLY_UNITS = 100
"""Leases from this size on are filled before they are spent: many requests would wait for one."""

_LEASE_SECONDS = 10
_LEASE_PART = 0.005


def lease_of(tier: Tier) -> int:
    """Units that a worker may hold of a limited tier; 0 where leases would not save a trip."""
    units = int(tier.rate * _LEASE_SECONDS * _LEASE_PART)
    return min(units, tier.burst) if units > 1 else 0


@dataclass(slots=True)
class Lease:
    """A lease of units that are charged in Redis already, and the last refusal.

    A refusal is remembered because it cannot be wrong: what a caller owes only grows with other
    charges, so what would pass in two seconds does not pass in one.

    Attributes:
        asking: set when the question to Redis that is on its way is answered; None without one.

    Invariants:
        The lease is never above `lease_of` the tier, and is worth nothing `MEMORY_SECONDS` after
        Redis gave the last of it. Times are those before Redis was asked, which is on the safe
        side for leases, and asks a little too early after refusals.
    """

    asking: asyncio.Event | None = None
    _held: int = 0
    _held_until: float = 0.0
    _shared: int = 0  # units that Redis had left
    _whole_at: float = 0.0
    _refused_cost: int = 0
    _refused_until: float = 0.0
    _passes_at: float = 0.0

    @contextmanager
    def asks(self) -> Iterator[None]:
        """While Redis is asked. Those who wait for the end of it all go on at once: a lock would
        let them go one by one, and those who came later would spend the lease before them."""
        self.asking = event = asyncio.Event()
        try:
            yield
        finally:
            self.asking = None
            event.set()

    def lacks(self, lease: int, now: float) -> int:
        """Units that would fill a large lease, once half of it is spent; 0 before that."""
        if lease < EARLY_UNITS:
            return 0
        held = self._left(now)
        return lease - held if held * 2 < lease else 0

    def take(self, now: float) -> int:
        """Empty the lease, and give what could be spent of it."""
        held = self._left(now)
        self._held = 0
        return held

    def verdict(self, tier: Tier, cost: int, now: float) -> Verdict | None:
        """Spend from the lease, or refuse as Redis has; None where Redis has to be asked."""
        if self._left(now) >= cost:
            self._held -= cost
            return self._said(tier, now)
        if self.refuses(cost, now):
            return self._said(tier, now, self._passes_at - now)
        return None

    def refuses(self, cost: int, now: float) -> bool:
        """Return whether Redis is known to refuse a charge now."""
        return cost >= self._refused_cost and now < self._refused_until

    def settle(
        self, tier: Tier, cost: int, decision: Decision, asked_at: float, taken: int = 0
    ) -> Verdict:
        """Take in what Redis said to a charge for the cost, less what was taken of the lease."""
        self._shared = decision.remaining
        self._whole_at = asked_at + decision.reset / MICROSECONDS
        if not decision.granted:
            self._held += taken
            self._refused_cost = cost
            self._passes_at = asked_at + decision.retry / MICROSECONDS
            self._refused_until = min(self._passes_at, asked_at + MEMORY_SECONDS)
            return self._said(tier, asked_at, self._passes_at - asked_at)
        self._held += taken + decision.granted - cost
        self._held_until = asked_at + MEMORY_SECONDS
        return self._said(tier, asked_at)

    def refunded(self, tier: Tier, decision: Decision, asked_at: float) -> Verdict:
        """Take in what Redis said when units were given back to it."""
        self._shared = decision.remaining
        self._whole_at = asked_at + decision.reset / MICROSECONDS
        self._refused_until = 0.0
        return self._said(tier, asked_at)

    def _left(self, now: float) -> int:
        """Units of the lease that are worth something."""
        return self._held if now < self._held_until else 0

    def _said(self, tier: Tier, now: float, retry_after: float | None = None) -> Verdict:
        held = self._left(now)
        return Verdict(
            tier,
            retry_after is None,
            min(tier.burst, self._shared + held),
            max(0.0, self._whole_at - now),
            retry_after or 0.0,
        )
