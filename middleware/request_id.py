"""Id of every request: the caller's if it is well-formed, else a new one.

The id is in the response, in every log line and in every problem, so that a report by a client
leads to the log line that explains it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from middleware.context import context_of
from middleware.headers import values_of

HEADER = "X-Request-ID"
_RAW = HEADER.lower().encode()

_SANE = re.compile(r"[A-Za-z0-9._~-]{1,128}")


class RequestIdMiddleware:
    """Middleware that sets the id of the request's context and the response's `HEADER`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        presented = b"".join(values_of(scope, _RAW)[:1]).decode("latin-1")
        request_id = presented if _SANE.fullmatch(presented) else secrets.token_hex(16)
        raw = request_id.encode()
        context_of(scope).request_id = request_id

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != _RAW]
                headers.append((_RAW, raw))
                message = {**message, "headers": headers}
            return send(message)  # returned, not awaited: another coroutine costs every message

        bind_contextvars(request_id=request_id)  # local to the task, which is one per request
        await self.app(scope, receive, send_with_id)
