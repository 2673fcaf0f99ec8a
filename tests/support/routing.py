"""Requests that were matched to an operation, for tests of single layers."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from middleware.context import context_of
from middleware.policy import Match, Policy


def with_policy(app: ASGIApp, **policy: Any) -> ASGIApp:
    """Wrap an application: its requests are for an operation with this policy."""
    match = Match(Policy(**policy), app)

    async def matched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            context_of(scope).match = match
        await app(scope, receive, send)

    return matched
