"""Rate limit of callers, and its headers on every response.

There are two middlewares, because problems are rendered between them. `RateHeadersMiddleware`
wraps `ProblemMiddleware` and adds the headers to every response, errors included.
`RateLimitMiddleware` runs after authentication and before authorization, so that each guess at a
key is charged to its client address.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.tiers import Tier
from errors import Code, Problem
from middleware.auth.caller import Caller
from middleware.context import RequestContext, caller_of, context_of
from middleware.policy import Policy
from middleware.ratelimit.verdict import Verdict, headers_of
from middleware.routing import policy_of

_log = structlog.get_logger(__name__)


class RateLimiter(Protocol):
    """Protocol of the limiter, implemented by `middleware.ratelimit.limiter.Limiter`."""

    async def charge(self, subject: str, tier: Tier, cost: int) -> Verdict:
        """Charge from 1 unit to the tier's burst."""
        ...

    async def refund(self, subject: str, tier: Tier, units: int) -> Verdict:
        """Refund units that were charged before."""
        ...


class RateHeadersMiddleware:
    """Middleware that adds the rate limit headers to the response of every charged request."""

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float] = time.time) -> None:
        """Wrap an application.

        Args:
            clock: Unix time.
        """
        self.app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = context_of(scope)

        def send_with_headers(message: Message) -> Awaitable[None]:
            verdict = context.verdict
            if message["type"] == "http.response.start" and verdict and verdict.tier.quota:
                own = headers_of(verdict, self._clock()).items()
                ours = {name.lower().encode(): value.encode() for name, value in own}
                others = (p for p in message.get("headers", ()) if p[0].lower() not in ours)
                message = {**message, "headers": [*others, *ours.items()]}
            return send(message)

        await self.app(scope, receive, send_with_headers)


class RateLimitMiddleware:
    """Middleware that charges the flat cost; needs `AuthenticationMiddleware` around it.

    It sets `charge` of the request's context, for handlers with further costs, `cost`, for the
    log, and `tier`. At a cost of 0 an authenticated caller gets no headers: nothing was charged. An
    unidentified one is charged a unit by every operation that is not public: the request is going
    to be refused.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limiter: RateLimiter,
        tiers: Mapping[str, Tier],
        default_tier: str,
    ) -> None:
        """Wrap an application.

        Args:
            default_tier: for callers whose tier is not among `tiers`.

        Raises:
            ValueError: `default_tier` is not among `tiers`.
        """
        if default_tier not in tiers:
            raise ValueError(f"there is no tier {default_tier!r}; there are {', '.join(tiers)}")
        self.app = app
        self._limiter = limiter
        self._tiers = tiers
        self._default = tiers[default_tier]
        self._unknown: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            context, caller = context_of(scope), caller_of(scope)
            context.tier = tier = self._tier_of(caller.tier)
            request_charge = RequestCharge(context, self._limiter, caller.subject, tier)
            await request_charge.charge(_flat_cost(context, policy_of(scope), caller))
            context.charge = request_charge.charge
        await self.app(scope, receive, send)

    def _tier_of(self, name: str) -> Tier:
        tier = self._tiers.get(name)
        if tier is not None:
            return tier
        if name not in self._unknown and len(self._unknown) < 100:
            self._unknown.add(name)
            _log.warning("unknown_tier", tier=name, used=self._default.name)
        return self._default


def _flat_cost(context: RequestContext, policy: Policy, caller: Caller) -> int:
    """Return the units for a request, before it is read.

    Unauthenticated callers are charged one unit at most: an expensive call would otherwise answer
    COST_TOO_HIGH or RATE_LIMITED instead of asking for a key. They are charged one unit for a free
    operation that needs a key, too: guesses at keys would otherwise cost nothing there.
    """
    if context.malformed:
        return 1
    return policy.cost if caller.authenticated else int(policy.needs_caller)


class RequestCharge:
    """Units that one request has been charged so far."""

    __slots__ = ("_context", "_limiter", "_subject", "_tier", "_total")

    def __init__(
        self, context: RequestContext, limiter: RateLimiter, subject: str, tier: Tier
    ) -> None:
        self._context = context
        self._limiter = limiter
        self._subject = subject
        self._tier = tier
        self._total = 0

    async def charge(self, cost: int, spent: int = 0) -> None:
        """Charge this request `cost` more units; nothing for 0 or less.

        Args:
            spent: units for the work that was done already. If the request is refused here, it is
                charged these instead of its whole cost.

        Raises:
            Problem: COST_TOO_HIGH if the request as a whole exceeds the tier's burst, so that it
                could never be granted; it is charged `spent`, at least one unit. RATE_LIMITED if
                the caller has too few units now.
        """
        if cost <= 0:
            return
        total = self._total + cost
        if self._tier.quota is not None and total > self._tier.burst:
            owed = min(max(spent, 1), self._tier.burst)  # at least 1: refused attempts cost too
            if owed > self._total:
                await self._charge_limiter(owed - self._total)
            await self._refund_beyond(owed)
            raise _too_high(self._tier, total)
        try:
            await self._charge_limiter(cost)
        except Problem:
            if spent:
                await self._refund_beyond(spent)
            raise

    async def _charge_limiter(self, cost: int) -> None:
        verdict = await self._limiter.charge(self._subject, self._tier, cost)
        self._context.verdict = verdict
        if not verdict.allowed:
            raise _rate_limited(verdict, cost)
        self._total += cost
        self._context.cost = self._total

    async def _refund_beyond(self, keep: int) -> None:
        """Refund what was charged beyond `keep` units."""
        units = self._total - keep
        if units > 0:
            self._context.verdict = await self._limiter.refund(self._subject, self._tier, units)
            self._total = self._context.cost = keep


def _too_high(tier: Tier, total: int) -> Problem:
    return Problem(
        Code.COST_TOO_HIGH,
        f"This request costs {total} units, and the tier {tier.name} allows {tier.burst} at once; "
        "ask for less in one request.",
    )


def _rate_limited(verdict: Verdict, cost: int) -> Problem:
    tier = verdict.tier
    return Problem(
        Code.RATE_LIMITED,
        f"This request needs {cost} {_plural(cost, 'unit')} and {verdict.remaining} are left; the "
        f"tier {tier.name} gets {tier.quota} every {tier.window} {_plural(tier.window, 'second')}. "
        f"Try again in {verdict.wait} {_plural(verdict.wait, 'second')}.",
        headers={"Retry-After": str(verdict.wait)},
    )


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"
