"""Rate limiter: it charges callers in Redis if there is one, and in this process otherwise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import structlog

from config.tiers import Tier
from middleware.ratelimit.lease import Lease, lease_of
from middleware.ratelimit.local import MOST_BYTES, LocalLimits, subject_bytes
from middleware.ratelimit.redis import Link, ScriptRefusedError, SharedLimits
from middleware.ratelimit.verdict import Verdict
from storage.cache.bounded import ByteBoundedCache
from storage.redis.errors import RedisUnavailableError

Observe = Callable[[str, str, str], None]
"""Observer of tier, outcome (`allowed`, `refused`), backend (`none`, `lease`, `redis`, `local`)."""

ACCOUNT_BYTES = 400
"""Memory of a `Lease`, with its numbers and the event of a pending request to Redis."""

_log = structlog.get_logger(__name__)


class Limiter:
    """Rate limiter that charges callers the cost of their requests.

    A tier without limit needs no backend. A large tier is charged in Redis in small leases, which
    this process spends; a small one for each request. Without Redis, or while it is unavailable,
    the process enforces its share of the limits itself.

    Invariants:
        A charge gets a verdict, whatever Redis answers.
        A process has at most one request for a lease of a caller in flight.
    """

    def __init__(
        self,
        link: Link | None,
        *,
        share: int = 1,
        max_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
        observe: Observe = lambda tier, outcome, backend: None,
    ) -> None:
        """Start without state.

        Args:
            link: to Redis, if there is one.
            share: processes (replicas × workers) among which a limit is divided without Redis.
            max_bytes: limit of the state of callers in this process; twice that with Redis.
            clock: seconds, monotonic.
            observe: called for every charge.
        """
        self._shared = None if link is None else SharedLimits(link)
        self._local = LocalLimits(share, max_bytes=max_bytes, clock=clock)
        self._accounts: ByteBoundedCache[tuple[str, str], Lease] = ByteBoundedCache(
            max_bytes, lambda key, _: subject_bytes(key) + ACCOUNT_BYTES
        )
        self._clock = clock
        self._observe = observe
        self._script_refused = False
        self._renewals: set[asyncio.Task[None]] = set()

    async def charge(self, subject: str, tier: Tier, cost: int) -> Verdict:
        """Charge a caller.

        Args:
            subject: identifier of the caller, such as `key:<id>` or `ip:<address>`.
            cost: units, from 1 to the tier's burst.
        """
        if not 1 <= cost <= tier.burst and tier.quota is not None:
            raise ValueError(f"a cost of {cost} cannot be charged in tier {tier.name}")
        if tier.quota is None:
            self._observe(tier.name, "allowed", "none")
            return _unlimited_verdict(tier)
        verdict, backend = await self._charge_backend(subject, tier, cost)
        self._observe(tier.name, "allowed" if verdict.allowed else "refused", backend)
        return verdict

    async def refund(self, subject: str, tier: Tier, units: int) -> Verdict:
        """Refund units that a caller was charged for a request that is refused."""
        if tier.quota is None:
            return _unlimited_verdict(tier)
        if self._shared is not None:
            account, now = self._lease_for(subject, tier), self._clock()
            # if Redis fails, refund the local limits, which apply during the outage
            with suppress(RedisUnavailableError, ScriptRefusedError):
                decision = await self._shared.charge(subject, tier, -units, -units)
                return account.settle_refund(tier, decision, now)
        return self._local.refund(subject, tier, units)

    def is_exhausted(self, subject: str, tier: Tier) -> bool:
        """Return whether a charge of one unit is known to be refused now, without I/O."""
        if tier.quota is None:
            return False
        account = self._accounts.get((subject, tier.name))
        if account is not None and account.refuses(1, self._clock()):
            return True
        return self._local.is_exhausted(subject, tier)

    async def _charge_backend(self, subject: str, tier: Tier, cost: int) -> tuple[Verdict, str]:
        if self._shared is None:
            return self._local.charge(subject, tier, cost), "local"
        account = self._lease_for(subject, tier)
        if verdict := account.try_charge(tier, cost, now := self._clock()):
            if verdict.allowed and account.missing_units(lease_of(tier), now):
                self._schedule_renewal(self._shared, account, subject, tier)
            return verdict, "lease"
        try:
            return await self._charge_redis(self._shared, account, subject, tier, cost)
        except RedisUnavailableError:
            pass
        except ScriptRefusedError as error:
            if not self._script_refused:
                _log.error("limits_refused_by_redis", reason=str(error))
                self._script_refused = True
        return self._local.charge(subject, tier, cost), "local"

    async def _charge_redis(
        self, shared: SharedLimits, account: Lease, subject: str, tier: Tier, cost: int
    ) -> tuple[Verdict, str]:
        """Charge Redis for a cost and a new lease; raise as `SharedLimits.charge` does.

        In a tier with leases one request for a caller is in flight: others wait for it and then
        try the lease that it brought. So concurrent requests cost one round trip, and Redis is
        charged for one lease instead of one each. Units that remain in the lease are taken out of
        it before the await, so that no other request spends them meanwhile; after a refusal
        `settle` puts them back.
        """
        lease = lease_of(tier)
        if not lease:
            now = self._clock()
            decision = await shared.charge(subject, tier, cost, cost)
            return account.settle(tier, cost, decision, now), "redis"
        while account.pending is not None:
            await account.pending.wait()
            if verdict := account.try_charge(tier, cost, self._clock()):
                return verdict, "lease"
        with account.mark_pending():
            now = self._clock()
            leased = account.take(now)
            decision = await shared.charge(subject, tier, cost - leased, max(cost, lease) - leased)
            return account.settle(tier, cost, decision, now, leased), "redis"

    def _schedule_renewal(
        self, shared: SharedLimits, account: Lease, subject: str, tier: Tier
    ) -> None:
        """Renew a lease in the background, before it is spent and requests would have to wait."""
        if account.pending is not None:
            return
        task = asyncio.get_running_loop().create_task(
            self._renew_lease(shared, account, subject, tier)
        )
        self._renewals.add(task)
        task.add_done_callback(self._renewals.discard)

    async def _renew_lease(
        self, shared: SharedLimits, account: Lease, subject: str, tier: Tier
    ) -> None:
        now = self._clock()
        want = account.missing_units(lease_of(tier), now)
        if account.pending is not None or not want:
            return
        # an error is ignored here: the next request that needs Redis handles it
        with account.mark_pending(), suppress(RedisUnavailableError, ScriptRefusedError):
            account.settle(tier, 0, await shared.charge(subject, tier, 1, want), now)

    def _lease_for(self, subject: str, tier: Tier) -> Lease:
        key = (subject, tier.name)
        account = self._accounts.get(key)
        if account is None:
            account = Lease()
            self._accounts.put(key, account)
        return account


@cache
def _unlimited_verdict(tier: Tier) -> Verdict:
    """Return the verdict on any charge in a tier without limit."""
    return Verdict(tier, allowed=True)
