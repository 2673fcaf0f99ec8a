"""Limits what a caller may ask for, and tells every caller where they stand.

Two parts, because a problem is rendered between them: `RateHeadersMiddleware` stands outside
`ProblemMiddleware` and puts the headers on every answer, errors included;
`RateLimitMiddleware` stands inside authentication and outside of what answers 401 and 403, so
that each guess at a key is charged to the address that it comes from.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem
from middleware.access import COST_KEY
from middleware.caller import caller_of
from middleware.limits.verdict import Verdict, headers_of
from tiers import Tier

CHARGE_KEY = "charge"
"""Where a route finds the callable that charges what it learns only from the body."""

VERDICT_KEY = "rate_verdict"

Charge = Callable[..., Awaitable[None]]
"""See `_Bill.charge`."""

_log = structlog.get_logger(__name__)


class Limiter(Protocol):
    """Decides, as `middleware.limits.limiter.Limiter` does."""

    async def charge(self, subject: str, tier: Tier, cost: int) -> Verdict:
        """Charge from 1 unit to the tier's burst."""
        ...

    async def refund(self, subject: str, tier: Tier, units: int) -> Verdict:
        """Give back units that were charged before."""
        ...


class RateHeadersMiddleware:
    """Adds the headers of `limits.verdict` to every answer to a request that was charged."""

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
        state = scope.setdefault("state", {})

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" and VERDICT_KEY in state:
                said = headers_of(state[VERDICT_KEY], self._clock()).items()
                ours = {name.lower().encode(): value.encode() for name, value in said}
                others = (p for p in message.get("headers", ()) if p[0].lower() not in ours)
                message = {**message, "headers": [*others, *ours.items()]}
            return send(message)

        await self.app(scope, receive, send_with_headers)


class RateLimitMiddleware:
    """Charges the flat cost of a call, and gives the route ``scope["state"]["charge"]``.

    A caller who is not identified is charged one unit, whatever they asked for: they are refused.
    What has been charged is in ``scope["state"]["cost"]``, for the log.

    Needs `AuthenticationMiddleware` around it, which finds the caller.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limiter: Limiter,
        tiers: Mapping[str, Tier],
        default_tier: str,
        cost_of: Callable[[Scope], int],
    ) -> None:
        """Wrap an application.

        Args:
            default_tier: of callers whose tier is not among `tiers`.
            cost_of: flat cost of a request in units. 0 is free and has no headers: they would
                tell a valid key from others at no cost.

        Raises:
            ValueError: there is no such tier as `default_tier`.
        """
        if default_tier not in tiers:
            raise ValueError(f"there is no tier {default_tier!r}; there are {', '.join(tiers)}")
        self.app = app
        self._limiter = limiter
        self._tiers = tiers
        self._default = tiers[default_tier]
        self._cost_of = cost_of
        self._unknown: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            caller = caller_of(scope)
            bill = RequestCharge(scope, self._limiter, caller.subject, self._tier(caller.tier))
            cost = self._cost_of(scope)
            # who is not known is refused, which costs the same wherever they knock: a dear call
            # would else say that it is too dear, and not that it needs a key
            await bill.charge(cost if caller.authenticated else min(cost, 1))
            scope["state"][CHARGE_KEY] = bill.charge
        await self.app(scope, receive, send)

    def _tier(self, name: str) -> Tier:
        tier = self._tiers.get(name)
        if tier is not None:
            return tier
        if name not in self._unknown and len(self._unknown) < 100:
            self._unknown.add(name)
            _log.warning("unknown_tier", tier=name, used=self._default.name)
        return self._default


class RequestCharge:
    """What one request has cost so far."""

    def __init__(self, scope: Scope, limiter: Limiter, subject: str, tier: Tier) -> None:
        self._state = scope["state"]
        self._limiter = limiter
        self._subject = subject
        self._tier = tier
        self._total = 0

    async def charge(self, cost: int, spent: int = 0) -> None:
        """Charge so many units more for this request; 0 or less is nothing.

        Args:
            spent: units' worth of work that was done for the request before it is refused here,
                which is then what it costs.

        Raises:
            Problem: COST_TOO_HIGH if the request as a whole costs more than the tier's burst: it
                can never be paid, and so costs one unit, or what was spent. RATE_LIMITED if there
                is not enough now.
        """
        if cost <= 0:
            return
        total = self._total + cost
        if self._tier.quota is not None and total > self._tier.burst:
            owed = min(max(spent, 1), self._tier.burst)  # or asking would be free
            if owed > self._total:
                await self._pay(owed - self._total)
            await self._give_back(owed)
            raise _too_high(self._tier, total)
        try:
            await self._pay(cost)
        except Problem:
            if spent:
                await self._give_back(spent)
            raise

    async def _pay(self, cost: int) -> None:
        verdict = await self._limiter.charge(self._subject, self._tier, cost)
        self._state[VERDICT_KEY] = verdict
        if not verdict.allowed:
            raise _limited(verdict, cost)
        self._total += cost
        self._state[COST_KEY] = self._total

    async def _give_back(self, keep: int) -> None:
        """Give back what was charged beyond `keep` units."""
        units = self._total - keep
        if units > 0:
            self._state[VERDICT_KEY] = await self._limiter.refund(self._subject, self._tier, units)
            self._total = self._state[COST_KEY] = keep


def _too_high(tier: Tier, total: int) -> Problem:
    return Problem(
        Code.COST_TOO_HIGH,
        f"This request costs {total} units, and the tier {tier.name} allows {tier.burst} at once; "
        "ask for less in one request.",
    )


def _limited(verdict: Verdict, cost: int) -> Problem:
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
