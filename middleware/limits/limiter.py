"""Decides whether a caller may spend: in Redis where there is one, in this process otherwise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog
from redis.exceptions import ResponseError

from cache.bounded import ByteBoundedCache
from cache.redis import RedisUnavailableError
from middleware.limits.lease import Lease, lease_of
from middleware.limits.local import MOST_BYTES, LocalLimits, subject_bytes
from middleware.limits.shared import Link, SharedLimits
from middleware.limits.verdict import Verdict
from tiers import Tier

Observe = Callable[[str, str, str], None]
"""Told tier, outcome (`allowed`, `refused`) and backend (`none`, `lease`, `redis`, `local`)."""

ACCOUNT_BYTES = 400
"""What an account takes, its numbers and the event of a question to Redis included."""

_log = structlog.get_logger(__name__)


class Limiter:
    """Charges callers what their requests cost.

    A tier without limit costs nothing to ask. A large tier is charged in Redis in small leases,
    which this process spends; a small one for each request. Where Redis is not configured or away,
    the process keeps limits itself, at its share.

    Invariants:
        Redis never takes the service down: whatever it answers, a charge gets a verdict.
        One lease a caller and process is on its way at a time.
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
        """Remember nobody.

        Args:
            link: to Redis, if there is one.
            share: processes (replicas × workers) among which a limit is divided without Redis.
            max_bytes: of what this process remembers of callers, twice where Redis is used.
            clock: seconds that only grow.
            observe: told of every charge.
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
            subject: who the caller is, such as `key:<id>` or `ip:<address>`.
            cost: units, from 1 to the tier's burst.
        """
        if not 1 <= cost <= tier.burst and tier.quota is not None:
            raise ValueError(f"a cost of {cost} cannot be charged in tier {tier.name}")
        verdict, backend = await self._charged(subject, tier, cost)
        self._observe(tier.name, "allowed" if verdict.allowed else "refused", backend)
        return verdict

    async def refund(self, subject: str, tier: Tier, units: int) -> Verdict:
        """Give back units that a caller was charged for a request that is not answered."""
        if tier.quota is None:
            return Verdict(tier, allowed=True)
        if self._shared is not None:
            account, now = self._account(subject, tier), self._clock()
            with suppress(RedisUnavailableError, ResponseError):  # then only this process knows
                decision = await self._shared.charge(subject, tier, -units, -units)
                return account.refunded(tier, decision, now)
        return self._local.refund(subject, tier, units)

    def is_exhausted(self, subject: str, tier: Tier) -> bool:
        """Return whether a charge of one unit is known to be refused now; asks nobody."""
        if tier.quota is None:
            return False
        account = self._accounts.get((subject, tier.name))
        if account is not None and account.refuses(1, self._clock()):
            return True
        return self._local.is_exhausted(subject, tier)

    async def _charged(self, subject: str, tier: Tier, cost: int) -> tuple[Verdict, str]:
        if tier.quota is None:
            return Verdict(tier, allowed=True), "none"
        if self._shared is None:
            return self._local.charge(subject, tier, cost), "local"
        account = self._account(subject, tier)
        if verdict := account.verdict(tier, cost, now := self._clock()):
            if verdict.allowed and account.lacks(lease_of(tier), now):
                self._renew_soon(self._shared, account, subject, tier)
            return verdict, "lease"
        try:
            return await self._asked(self._shared, account, subject, tier, cost)
        except RedisUnavailableError:
            pass
        except ResponseError as error:
            if not self._script_refused:
                _log.error("limits_refused_by_redis", reason=str(error))
                self._script_refused = True
        return self._local.charge(subject, tier, cost), "local"

    async def _asked(
        self, shared: SharedLimits, account: Lease, subject: str, tier: Tier, cost: int
    ) -> tuple[Verdict, str]:
        """Raises what `SharedLimits.charge` does."""
        lease = lease_of(tier)
        if not lease:
            now = self._clock()
            decision = await shared.charge(subject, tier, cost, cost)
            return account.settle(tier, cost, decision, now), "redis"
        while account.asking is not None:
            await account.asking.wait()
            if verdict := account.verdict(tier, cost, self._clock()):  # of what another has fetched
                return verdict, "lease"
        with account.asks():
            now = self._clock()
            held = account.take(now)  # others must not spend it meanwhile
            decision = await shared.charge(subject, tier, cost - held, max(cost, lease) - held)
            return account.settle(tier, cost, decision, now, held), "redis"

    def _renew_soon(self, shared: SharedLimits, account: Lease, subject: str, tier: Tier) -> None:
        """Fill a lease before it is spent, for nobody: those who found it empty would wait."""
        if account.asking is not None:
            return
        task = asyncio.get_running_loop().create_task(self._renewed(shared, account, subject, tier))
        self._renewals.add(task)
        task.add_done_callback(self._renewals.discard)

    async def _renewed(
        self, shared: SharedLimits, account: Lease, subject: str, tier: Tier
    ) -> None:
        now = self._clock()
        want = account.lacks(lease_of(tier), now)
        if account.asking is not None or not want:
            return
        with account.asks(), suppress(RedisUnavailableError, ResponseError):  # the next will say so
            account.settle(tier, 0, await shared.charge(subject, tier, 1, want), now)

    def _account(self, subject: str, tier: Tier) -> Lease:
        key = (subject, tier.name)
        account = self._accounts.get(key)
        if account is None:
            account = Lease()
            self._accounts.put(key, account)
        return account
