"""One log line, one set of metrics and one span for each request, refused ones included.

The line has the caller, the route and the outcome. It never holds input: no query string (keys
are put there by mistake), no header, no body; a key in the path is cut to its public id.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from middleware.context import context_of
from middleware.policy import Policy
from middleware.routing import policy_of
from middleware.tracing import describe_request, open_span
from storage.keys import mask_keys
from telemetry import metrics, request_duration, spans
from telemetry.request_log import request_log

CLIENT_GONE = 499
"""nginx's status for a client that closed the connection before the response was complete."""

_PATH_CHARACTERS = 256
# Faster responses skip the check for a disconnect: few clients give up earlier.
_DISCONNECT_CHECK_SECONDS = 0.1


class AccessMiddleware:
    """Middleware that logs and measures every request to the inner application."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        response = _ObservedResponse(scope, receive, send)
        metrics.count_request_start()
        with open_span(scope):
            try:
                await self.app(scope, response.receive, response.send)
            finally:
                self._record_request(scope, response)

    def _record_request(self, scope: Scope, response: _ObservedResponse) -> None:
        policy = policy_of(scope)
        route = policy.route
        seconds = perf_counter() - response.began
        status = response.status
        method = metrics.method_label(scope["method"])
        metrics.count_request_end(route, method, status, seconds)
        request_duration.observe(seconds, method, route, status, scope.get("scheme", "http"))
        if spans.is_on():
            describe_request(scope, route, status, response.cache)
        level = _choose_level(policy, response)
        if level >= request_log.level:
            request_log.add(level, _log_fields(scope, response, route, seconds))


def _choose_level(policy: Policy, response: _ObservedResponse) -> int:
    if response.status >= 500 or (response.status != CLIENT_GONE and not response.complete):
        return logging.ERROR
    if response.status >= 400:
        return logging.WARNING
    return logging.DEBUG if policy.quiet else logging.INFO


def _log_fields(
    scope: Scope, response: _ObservedResponse, route: str, seconds: float
) -> dict[str, Any]:
    context = context_of(scope)
    fields = {
        "request_id": context.request_id,
        "method": scope["method"],
        "route": route,
        # a path equal to its route has no parameters, so there is nothing to mask
        "path": route if scope["path"] == route else mask_keys(scope["path"][:_PATH_CHARACTERS]),
        "status": response.status,
        "duration_ms": round(seconds * 1000, 2),
        "bytes": 0 if scope["method"] == "HEAD" else response.bytes,
    }
    if spans.is_on():
        fields.update(spans.log_fields())
    if not response.complete:
        fields["complete"] = False
    if context.caller is not None:
        fields["client"] = context.caller.client
        fields["subject"] = context.caller.subject
    if context.cost is not None:
        fields["cost"] = context.cost
    if response.cache:
        fields["cache"] = response.cache
    return fields


class _ObservedResponse:
    """Status, size and completeness of one response, recorded as its messages pass.

    Attributes:
        bytes: of the body.
        cache: value of the X-Cache header.
        complete: whether all of it was sent while the client was connected.
    """

    __slots__ = (
        "_body_received",
        "_ended",
        "_gone",
        "_receive",
        "_scope",
        "_send",
        "_started",
        "began",
        "bytes",
        "cache",
        "complete",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_received = False
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
        return self._started or 500  # the server answers 500 if the application sent no response

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._gone = not self._ended
        else:
            self._body_received = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = message["status"]
            self.cache = _cache_header(message)
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
            if not message.get("more_body", False):
                await self._check_disconnect()
                self._ended = not self._gone
        await self._send(message)
        self.complete = self._ended

    async def _check_disconnect(self) -> None:
        """Receive a pending disconnect, if the response was slow.

        A server silently drops data for a closed connection and reports the disconnect only
        through `receive`. So poll it once: the first step of `receive` returns a message if one is
        ready, and otherwise begins to wait. While the request's body is unread, polling could take
        a part of it from the application, and is skipped.
        """
        if perf_counter() - self.began < _DISCONNECT_CHECK_SECONDS:
            return
        if not (self._body_received or _has_no_body(self._scope)):
            return
        # By hand: to cancel a scope, as Starlette's `Request.is_disconnected` does, describes the
        # whole task in the message of its exception, which took 5 % of the time of a batch.
        polled = self.receive()
        try:
            polled.send(None)
        except StopIteration:
            pass
        else:
            polled.close()


def _has_no_body(scope: Scope) -> bool:
    """Return whether the request has no body, so that polling cannot consume any of it.

    RFC 9112 section 6: a body is announced by Content-Length or Transfer-Encoding.
    """
    framing = (b"content-length", b"transfer-encoding")
    return not any(name in framing for name, _ in scope["headers"])


def _cache_header(start: Message) -> str:
    for name, value in start.get("headers", ()):
        if name == b"x-cache":
            cache: str = value.decode("latin-1")
            return cache
    return ""
