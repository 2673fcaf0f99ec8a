"""Refuses callers who are not known, or who may not do what they ask for.

It stands inside the rate limit, so that a refusal is charged like an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp, Receive, Scope, Send

from errors import Code
from middleware import auth_failures
from middleware.audit_buffer import Record, refused_event
from middleware.caller import caller_of, refusal_of

ANY = "any"
"""Required of a call that every caller who is known may make."""

Required = Callable[[Scope], str | None]
"""The scope that a call needs; `ANY` for none in particular, None where everybody may call."""


class AuthorizationMiddleware:
    """Lets a request through if its caller may make it; needs `AuthenticationMiddleware` around it.

    Args:
        required: the scope that a request needs.
        record: takes every refusal for want of a key or of a scope; must not block.
        now: the time of day, aware, of what is recorded.
    """

    def __init__(
        self,
        app: ASGIApp,
        required: Required,
        *,
        record: Record,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.app = app
        self._required = required
        self._record = record
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._check(scope)
        elif scope["type"] == "websocket":
            # nothing here speaks it; the framework behind must not be reached around the checks
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        refusal = refusal_of(scope)
        if refusal is not None and refusal.code is Code.KEY_IN_QUERY:
            raise refusal  # on open calls too: the key is known to others wherever it was sent
        needed = self._required(scope)
        if needed is None:
            return
        if refusal is not None:
            if refusal.code is Code.AUTH_REQUIRED:
                self._refused(scope, "missing")
            raise refusal
        if needed != ANY and needed not in caller_of(scope).scopes:
            self._refused(scope, f"lacks_{needed}")
            raise auth_failures.forbidden(needed)

    def _refused(self, scope: Scope, reason: str) -> None:
        self._record(refused_event(scope, reason, at=self._now()))
