"""Gives every answer the headers that tell browsers to do no more with it than was meant.

The set is OWASP's for REST services (REST Security Cheat Sheet, Secure Headers Project). An
answer that says one of them itself keeps what it says: a page for people needs a wider
Content-Security-Policy than JSON does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Powers of a browser that no answer of ours has a use for.
_UNUSED_POWERS = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope"),
    *("magnetometer", "microphone", "midi", "payment", "usb"),
)

HEADERS: Mapping[str, str] = {
    # JSON that holds markup must not be taken for a page, nor a CSV file for a script
    "x-content-type-options": "nosniff",
    # an answer loads nothing, posts nowhere and is framed by nobody
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # the same for browsers that do not know frame-ancestors, and for pages with a policy of
    # their own that forgets it
    "x-frame-options": "DENY",
    # an address holds what was asked: other sites need not learn it
    "referrer-policy": "no-referrer",
    "permissions-policy": ", ".join(f"{power}=()" for power in _UNUSED_POWERS),
    # a page of ours shares its window with no other site
    "cross-origin-opener-policy": "same-origin",
    # other sites cannot pull an answer into their process as if it were a picture or a script
    # (side channels); what CORS allows is not subject to this
    "cross-origin-resource-policy": "same-origin",
    # a page of ours embeds only what agrees to be embedded
    "cross-origin-embedder-policy": "require-corp",
    # plug-ins that read cross-domain policy files find none
    "x-permitted-cross-domain-policies": "none",
    # forecasts are a retailer's business: no cache keeps one unless the answer allows it, as
    # those with an ETag do
    "cache-control": "no-store",
}
"""Header and value of every answer that does not say otherwise."""

HSTS = ("strict-transport-security", "max-age=31536000; includeSubDomains")
"""A browser that has seen this comes back over TLS only, for a year (RFC 6797)."""

_CACHE_CONTROL = frozenset({b"cache-control"})

Raw = tuple[bytes, bytes]


class SecurityHeadersMiddleware:
    """Adds `HEADERS` to every answer, problems among them.

    Args:
        tls_in_front: whether a proxy ends TLS before this server, so that callers arrive over
            HTTPS only; then `HSTS` is added. RFC 6797 forbids it over plain HTTP.
    """

    def __init__(self, app: ASGIApp, *, tls_in_front: bool = False) -> None:
        self.app = app
        pairs = [*HEADERS.items(), *([HSTS] if tls_in_front else [])]
        self._all = tuple((name.encode(), value.encode()) for name, value in pairs)
        self._names = frozenset(name for name, _ in self._all)
        # what a cache has stays under the rules it came with (RFC 9110 section 15.4.5)
        self._not_modified = tuple(pair for pair in self._all if pair[0] not in _CACHE_CONTROL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        def send_secured(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._added_to(message)}
            return send(message)

        await self.app(scope, receive, send_secured)

    def _added_to(self, start: Message) -> list[Raw]:
        said: list[Raw] = list(start.get("headers", ()))
        ours = self._not_modified if start["status"] == 304 else self._all
        names = {name.lower() for name, _ in said}
        if self._names.isdisjoint(names):
            return [*said, *ours]
        if ours is self._all and self._names & names == _CACHE_CONTROL:  # what has an ETag
            return [*said, *self._not_modified]
        return [*said, *(pair for pair in ours if pair[0] not in names)]
