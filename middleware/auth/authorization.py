"""Refusal of callers who are not identified, or who lack the scope of an operation.

It runs inside the rate limit, so that a refused request is charged too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp, Receive, Scope, Send

from errors import Code
from middleware.auth import failures as auth_failures
from middleware.auth.audit_buffer import Record, refusal_event
from middleware.context import caller_of, context_of
from middleware.policy import ANY
from middleware.routing import policy_of


class AuthorizationMiddleware:
    """Middleware that checks the caller's scope; needs `AuthenticationMiddleware` around it.

    Args:
        record: takes an audit event for every missing key or scope; must not block.
        now: the time of day, aware, of recorded events.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        record: Record,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.app = app
        self._record = record
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._authorize(scope)
        elif scope["type"] == "websocket":
            # no route here uses WebSocket; BentoML's must not be reachable without these checks
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _authorize(self, scope: Scope) -> None:
        refusal = context_of(scope).authentication_failure
        if refusal is not None and refusal.code is Code.KEY_IN_QUERY:
            raise refusal  # on public paths too: the key has leaked wherever it was sent
        required_scope = policy_of(scope).scope
        if required_scope is None:
            return
        if refusal is not None:
            if refusal.code is Code.AUTH_REQUIRED:
                self._record_refusal(scope, "missing")
            raise refusal
        caller = caller_of(scope)  # fails, rather than passes, without authentication around it
        if required_scope != ANY and required_scope not in caller.scopes:
            self._record_refusal(scope, f"lacks_{required_scope}")
            raise auth_failures.forbidden(required_scope)

    def _record_refusal(self, scope: Scope, reason: str) -> None:
        self._record(refusal_event(scope, reason, at=self._now()))
