"""State of one caller in a worker, which saves round trips to Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config.tiers import Tier
from middleware.ratelimit.gcra import MICROSECONDS, Decision
from middleware.ratelimit.verdict import Verdict

MEMORY_SECONDS = 1.0
"""Lifetime of a lease, or of a cached refusal."""

EARLY_UNITS = 100
"""Size from which a lease is renewed before it is spent, so that no request waits for Redis."""

_LEASE_SECONDS = 10
_LEASE_PART = 0.005


def lease_of(tier: Tier) -> int:
    """Return the size of a lease of a limited tier; 0 if leases would save no round trip."""
    units = int(tier.rate * _LEASE_SECONDS * _LEASE_PART)
    return min(units, tier.burst) if units > 1 else 0


@dataclass(slots=True)
class Lease:
    """Units that are charged in Redis already and spent by this worker, and the last refusal.

    A refusal can be cached because other charges only increase what a caller owes: what Redis
    would grant in two seconds at the earliest, it does not grant in one.

    Attributes:
        pending: event that is set when the running request to Redis ends; None without one.

    Invariants:
        The lease is at most `lease_of` the tier, and expires `MEMORY_SECONDS` after Redis granted
        its last units. Times are taken before the request to Redis: leases then expire early
        rather than late, and a refused charge is retried slightly early.
    """

    pending: asyncio.Event | None = None
    _units: int = 0
    _units_until: float = 0.0
    _redis_remaining: int = 0  # as of the last response
    _reset_at: float = 0.0
    _refused_cost: int = 0
    _refused_until: float = 0.0
    _retry_at: float = 0.0

    @contextmanager
    def mark_pending(self) -> Iterator[None]:
        """Set `pending` while Redis is queried, and wake all waiters at its end.

        An event, not a lock: a lock would wake the waiters one by one, and later requests would
        spend the lease before them.
        """
        self.pending = event = asyncio.Event()
        try:
            yield
        finally:
            self.pending = None
            event.set()

    def missing_units(self, lease: int, now: float) -> int:
        """Return the units that fill up a large lease once half of it is spent; 0 before."""
        if lease < EARLY_UNITS:
            return 0
        leased = self._valid_units(now)
        return lease - leased if leased * 2 < lease else 0

    def take(self, now: float) -> int:
        """Empty the lease and return the valid units that it had."""
        leased = self._valid_units(now)
        self._units = 0
        return leased

    def try_charge(self, tier: Tier, cost: int, now: float) -> Verdict | None:
        """Charge the lease, or repeat the cached refusal; return None if only Redis can decide."""
        if self._valid_units(now) >= cost:
            self._units -= cost
            return self._make_verdict(tier, now)
        if self.refuses(cost, now):
            return self._make_verdict(tier, now, self._retry_at - now)
        return None

    def refuses(self, cost: int, now: float) -> bool:
        """Return whether Redis is known to refuse a charge now."""
        return cost >= self._refused_cost and now < self._refused_until

    def settle(
        self, tier: Tier, cost: int, decision: Decision, queried_at: float, taken: int = 0
    ) -> Verdict:
        """Record Redis's decision on a charge and return the verdict.

        Args:
            cost: units of the request.
            queried_at: time before the request to Redis.
            taken: units that came from the lease; Redis was charged for the rest of the cost, and
                for more if it granted a new lease.
        """
        self._redis_remaining = decision.remaining
        self._reset_at = queried_at + decision.reset / MICROSECONDS
        if not decision.granted:
            self._units += taken
            self._refused_cost = cost
            self._retry_at = queried_at + decision.retry / MICROSECONDS
            self._refused_until = min(self._retry_at, queried_at + MEMORY_SECONDS)
            return self._make_verdict(tier, queried_at, self._retry_at - queried_at)
        self._units += taken + decision.granted - cost
        self._units_until = queried_at + MEMORY_SECONDS
        return self._make_verdict(tier, queried_at)

    def settle_refund(self, tier: Tier, decision: Decision, queried_at: float) -> Verdict:
        """Record Redis's decision on a refund and return the verdict."""
        self._redis_remaining = decision.remaining
        self._reset_at = queried_at + decision.reset / MICROSECONDS
        self._refused_until = 0.0
        return self._make_verdict(tier, queried_at)

    def _valid_units(self, now: float) -> int:
        """Return the units of the lease; 0 if it has expired."""
        return self._units if now < self._units_until else 0

    def _make_verdict(self, tier: Tier, now: float, retry_after: float | None = None) -> Verdict:
        leased = self._valid_units(now)
        return Verdict(
            tier,
            retry_after is None,
            min(tier.burst, self._redis_remaining + leased),
            max(0.0, self._reset_at - now),
            retry_after or 0.0,
        )
