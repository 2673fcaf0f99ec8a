"""Id of every request: the caller's if it is well-formed, else a new one.

The id is in the response, in every log line and in every problem, so that a report by a client
leads to the log line that explains it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Awaitable
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from middleware.context import context_of
from middleware.headers import values_of
from telemetry.logs import current_request_id

HEADER = "X-Request-ID"
_RAW = HEADER.lower().encode()

_SANE = re.compile(r"[A-Za-z0-9._~-]{1,128}")

_numbers = count()
_prefix = ""


def _choose_prefix() -> None:
    """Choose what tells the ids of this process from all others."""
    global _prefix
    _prefix = secrets.token_hex(8)


_choose_prefix()
os.register_at_fork(after_in_child=_choose_prefix)  # a child would go on with the same numbers


class RequestIdMiddleware:
    """Middleware that sets the id of the request's context and the response's `HEADER`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        presented = values_of(scope, _RAW)
        request_id = presented[0].decode("latin-1") if presented else ""
        if not _SANE.fullmatch(request_id):
            request_id = f"{_prefix}{next(_numbers):016x}"
        raw = request_id.encode()
        context_of(scope).request_id = request_id

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != _RAW]
                headers.append((_RAW, raw))
                message = {**message, "headers": headers}
            return send(message)  # returned, not awaited: another coroutine costs every message

        current_request_id.set(request_id)  # local to the task, which is one per request
        await self.app(scope, receive, send_with_id)
