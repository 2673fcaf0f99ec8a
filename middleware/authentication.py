"""Identifies the caller of every request, and refuses nobody yet.

It stands outside the rate limit, which charges whoever it found; `middleware.authorization`
stands inside and refuses. So a caller who guesses keys runs out of requests before running out of
guesses, and open calls answer whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from middleware.audit_buffer import Record, refused_event
from middleware.auth_failures import AuthenticationFailed
from middleware.caller import CALLER_KEY, REFUSAL_KEY, Caller
from middleware.credentials import refuse_keys_in_query
from tiers import ANONYMOUS


class Identity(Protocol):
    """A way to tell who a request comes from."""

    async def identify(self, scope: Scope, address: str) -> Caller:
        """Raises Refused where that cannot be told."""
        ...


class AuthenticationMiddleware:
    """Sets the request's caller (`caller_of`) and why there is none (`refusal_of`).

    Needs `RequestIdMiddleware` around it.

    Args:
        address_of: the address of a request's client, proxies that are trusted considered.
        record: takes every credential that was given and refused; must not block.
        needed: whether it matters who a request comes from. Where it does not, as for a probe that
            is open and free, nobody is looked up: made-up keys would cost their sender nothing.
        anonymous_tier: of a caller who is not identified.
        now: the time of day, aware, of what is recorded.
    """

    def __init__(
        self,
        app: ASGIApp,
        identity: Identity,
        *,
        address_of: Callable[[Scope], str],
        record: Record,
        needed: Callable[[Scope], bool] = lambda scope: True,
        anonymous_tier: str = ANONYMOUS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.app = app
        self._identity = identity
        self._address_of = address_of
        self._record = record
        self._needed = needed
        self._anonymous_tier = anonymous_tier
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._identify(scope)
        await self.app(scope, receive, send)

    async def _identify(self, scope: Scope) -> None:
        state = scope.setdefault("state", {})
        address = self._address_of(scope)
        state[REFUSAL_KEY] = None
        try:
            refuse_keys_in_query(scope)
            if self._needed(scope):
                state[CALLER_KEY] = await self._identity.identify(scope, address)
            else:
                state[CALLER_KEY] = Caller.unknown(address, self._anonymous_tier)
        except AuthenticationFailed as refused:
            state[CALLER_KEY] = Caller.unknown(address, self._anonymous_tier)
            state[REFUSAL_KEY] = refused.problem
            if refused.given:
                subject = refused.subject
                self._record(refused_event(scope, refused.reason, at=self._now(), subject=subject))
