"""One log line and one set of metrics for each request, refused ones included.

The line says who asked for what and what came of it. It never holds what was sent: no query
string, where keys are put by mistake, no header and no body; of a key in the path, its public id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Any

import anyio
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from middleware.caller import CALLER_KEY
from storage.keys import masked
from telemetry import metrics

ROUTE_KEY = "route"
COST_KEY = "cost"
CLIENT_GONE = 499
"""What nginx logs where the caller has gone before the answer was complete."""

QUIET_ROUTES = frozenset(
    {"/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready"}
    | {"/metrics", "/metrics/prometheus"}
)
"""Routes that machines call every few seconds."""

_PATH_CHARACTERS = 256
# Whether the caller is still there is asked only after this long; few leave earlier.
_PATIENCE_SECONDS = 0.1

_log = structlog.get_logger(__name__)


def route_of(scope: Scope) -> str:
    """The template of the path: what ``scope["state"]["route"]`` says, or the route that
    Starlette's router has found; `metrics.OTHER` without either."""
    found = getattr(scope.get("route"), "path", metrics.OTHER)
    template: str = scope["state"].get(ROUTE_KEY, found)
    return template


class AccessMiddleware:
    """Logs and measures what the application inside does.

    Args:
        route_of: template of a request's path, asked for after it was answered. One of few: it
            is a label of metrics.
        quiet: routes whose successes are logged at debug level.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        route_of: Callable[[Scope], str] = route_of,
        quiet: Collection[str] = QUIET_ROUTES,
    ) -> None:
        self.app = app
        self.route_of = route_of
        self.quiet = frozenset(quiet)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope.setdefault("state", {})
        answer = _Answer(receive, send, asked=_has_no_body(scope))
        metrics.request_started()
        try:
            await self.app(scope, answer.receive, answer.send)
        finally:
            self._record(scope, answer)

    def _record(self, scope: Scope, answer: _Answer) -> None:
        route = self.route_of(scope)
        seconds = perf_counter() - answer.began
        status = answer.status
        metrics.request_ended(route, metrics.method_label(scope["method"]), status, seconds)
        level = self._level(route, answer)
        if _log.is_enabled_for(level):
            _log.log(level, "request", **_line(scope, answer, route, seconds))

    def _level(self, route: str, answer: _Answer) -> int:
        if answer.status >= 500 or (answer.status != CLIENT_GONE and not answer.complete):
            return logging.ERROR
        if answer.status >= 400:
            return logging.WARNING
        return logging.DEBUG if route in self.quiet else logging.INFO


def _line(scope: Scope, answer: _Answer, route: str, seconds: float) -> dict[str, Any]:
    state = scope["state"]
    line = {
        "method": scope["method"],
        "route": route,
        # what is a route holds nothing that was made up by a caller
        "path": route if scope["path"] == route else masked(scope["path"][:_PATH_CHARACTERS]),
        "status": answer.status,
        "duration_ms": round(seconds * 1000, 2),
        "bytes": 0 if scope["method"] == "HEAD" else answer.bytes,
    }
    if not answer.complete:
        line["complete"] = False
    caller = state.get(CALLER_KEY)
    if caller is not None:
        line["client"] = caller.client
        line["subject"] = caller.subject
    if (cost := state.get(COST_KEY)) is not None:
        line["cost"] = cost
    if answer.cache:
        line["cache"] = answer.cache
    return line


class _Answer:
    """What is seen of one answer as it passes.

    Attributes:
        bytes: of its body.
        cache: its X-Cache header.
        complete: whether all of it was sent, to somebody who was there.
    """

    def __init__(self, receive: Receive, send: Send, *, asked: bool) -> None:
        self._receive = receive
        self._send = send
        self._asked = asked
        self._gone = False
        self._ended = False
        self._started: int | None = None
        self.began = perf_counter()
        self.bytes = 0
        self.cache = ""
        self.complete = False

    @property
    def status(self) -> int:
        if self._gone:
            return CLIENT_GONE
        return self._started or 500  # a server says 500 where the application said nothing

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone = not self._ended
        else:
            self._asked = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = message["status"]
            self.cache = _cache_of(message)
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                await self._look()
                self._ended = not self._gone
        await self._send(message)
        self.complete = self._ended

    async def _look(self) -> None:
        """Find out whether the caller of a slow answer is still there.

        A server drops what is sent to nobody and says so only when it is asked (as Starlette's
        `Request.is_disconnected` asks). Where the body has not been read, nobody asks.
        """
        if not self._asked or perf_counter() - self.began < _PATIENCE_SECONDS:
            return
        with anyio.CancelScope() as now:
            now.cancel()
            await self.receive()


def _has_no_body(scope: Scope) -> bool:
    """Whether asking for a message cannot take a part of the body (RFC 9112 section 6)."""
    framing = (b"content-length", b"transfer-encoding")
    return not any(name in framing for name, _ in scope["headers"])


def _cache_of(start: Message) -> str:
    for name, value in start.get("headers", ()):
        if name == b"x-cache":
            cache: str = value.decode("latin-1")
            return cache
    return ""
