"""Identification of the caller of every request; `middleware.auth.authorization` refuses.

The order is authentication, rate limit, authorization. The rate limit charges the identified
caller, or the address of an unidentified one, before authorization refuses. So guessing keys
exhausts the allowance of the address, and open calls work without credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from config.tiers import ANONYMOUS
from middleware.auth.audit_buffer import Record, refusal_event
from middleware.auth.caller import Caller
from middleware.auth.credentials import refuse_keys_in_query
from middleware.auth.failures import AuthenticationFailed
from middleware.context import context_of
from middleware.routing import policy_of


class Identity(Protocol):
    """Protocol of the ways to identify the caller of a request."""

    async def identify(self, scope: Scope, address: str) -> Caller:
        """Return the caller; raise AuthenticationFailed if it cannot be identified."""
        ...


class AuthenticationMiddleware:
    """Middleware that sets the request's caller, and why it was not identified.

    Needs `RequestIdMiddleware` around it. For a public operation of cost 0, such as a probe, no key
    is looked up: otherwise invalid keys could query the database without being charged.

    Args:
        address_of: returns the client address of a request, behind trusted proxies.
        record: takes an audit event for every refused credential; must not block.
        anonymous_tier: tier of an unidentified caller.
        now: the time of day, aware, of recorded events.
    """

    def __init__(
        self,
        app: ASGIApp,
        identity: Identity,
        *,
        address_of: Callable[[Scope], str],
        record: Record,
        anonymous_tier: str = ANONYMOUS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.app = app
        self._identity = identity
        self._address_of = address_of
        self._record = record
        self._anonymous_tier = anonymous_tier
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._set_caller(scope)
        await self.app(scope, receive, send)

    async def _set_caller(self, scope: Scope) -> None:
        context = context_of(scope)
        address = self._address_of(scope)
        try:
            refuse_keys_in_query(scope)
            if policy_of(scope).needs_caller:
                context.caller = await self._identity.identify(scope, address)
            else:
                context.caller = Caller.anonymous(address, self._anonymous_tier)
        except AuthenticationFailed as failure:
            context.caller = Caller.anonymous(address, self._anonymous_tier)
            context.authentication_failure = failure.problem
            if failure.has_credential:
                subject = failure.subject
                self._record(refusal_event(scope, failure.reason, at=self._now(), subject=subject))
