"""The span of a request: one for all of the middleware, by OpenTelemetry's HTTP conventions.

It holds no input: no query string, no header, no body; a key in the path is cut to its public id.
"""

from __future__ import annotations

from starlette.types import Scope

from middleware.context import context_of
from middleware.routing import policy_of
from storage.keys import mask_keys
from telemetry import spans
from telemetry.instruments import OTHER
from telemetry.metrics import METHODS
from telemetry.spans import Span

_PATH_CHARACTERS = 256
_KEY = "key:"
"""Beginning of the subject of a key; the rest is its public id. Other subjects are persons."""


def open_span(scope: Scope) -> Span:
    """Return the span of a request; one without effect where tracing is off, and for probes."""
    if not spans.is_on() or policy_of(scope).quiet:
        return spans.NO_SPAN
    method = scope["method"]
    known = method in METHODS
    return spans.open_request(
        method if known else "HTTP",
        scope["headers"],
        {"http.request.method": method if known else "_OTHER"},
    )


def describe_request(scope: Scope, route: str, status: int, cache: str) -> None:
    """Add to the span of a request what is known at its end.

    Args:
        route: template of the path, or `OTHER`.
        cache: outcome in the cache of answers; empty where it was not looked in.
    """
    span = spans.request_span()
    if not span.recorded:
        return
    context, path = context_of(scope), scope["path"]
    attributes: dict[str, str | int] = {
        "http.response.status_code": status,
        "url.path": path if path == route else mask_keys(path[:_PATH_CHARACTERS]),
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
        "mlrf.request_id": context.request_id,
    }
    if server := scope.get("server"):
        attributes["server.address"] = server[0]
        if server[1] is not None:
            attributes["server.port"] = server[1]
    if route != OTHER:
        attributes["http.route"] = route
        method = scope["method"] if scope["method"] in METHODS else "HTTP"
        span.rename(f"{method} {route}")
    if cache:
        attributes["mlrf.cache"] = cache
    if context.cost is not None:
        attributes["mlrf.cost"] = context.cost
    if context.caller is not None and context.caller.subject.startswith(_KEY):
        attributes["mlrf.client"] = context.caller.subject
    span.set(attributes)
    if status >= 500:
        span.fail(str(status))
