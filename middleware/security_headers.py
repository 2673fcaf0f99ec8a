"""Security headers of every response, which restrict what a browser does with it.

The set is OWASP's for REST services (REST Security Cheat Sheet, Secure Headers Project). A header
that the inner application sets is not overwritten: an HTML page needs a wider
Content-Security-Policy than JSON does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Browser features that no page of this service uses.
_UNUSED_POWERS = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope"),
    *("magnetometer", "microphone", "midi", "payment", "usb"),
)

HEADERS: Mapping[str, str] = {
    # JSON with markup in it must not be sniffed as HTML, nor a CSV file as a script
    "x-content-type-options": "nosniff",
    # a response loads nothing, posts nowhere and cannot be framed
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # the same for browsers without frame-ancestors, and for pages whose own policy omits it
    "x-frame-options": "DENY",
    # a URL holds the query, which other sites must not learn
    "referrer-policy": "no-referrer",
    "permissions-policy": ", ".join(f"{power}=()" for power in _UNUSED_POWERS),
    # a page of ours shares its window with no other site
    "cross-origin-opener-policy": "same-origin",
    # other sites cannot load a response into their process as an image or a script (side
    # channels); requests that CORS allows are not affected
    "cross-origin-resource-policy": "same-origin",
    # a page of ours embeds only resources that opt in
    "cross-origin-embedder-policy": "require-corp",
    # plug-ins that read cross-domain policy files find none
    "x-permitted-cross-domain-policies": "none",
    # forecasts are confidential: no cache stores one unless the response allows it, as those
    # with an ETag do
    "cache-control": "no-store",
}
"""Headers of every response that does not set them itself."""

HSTS = ("strict-transport-security", "max-age=31536000; includeSubDomains")
"""Header that makes a browser use only TLS for this host, for a year (RFC 6797)."""

_CACHE_CONTROL = frozenset({b"cache-control"})

Raw = tuple[bytes, bytes]


class SecurityHeadersMiddleware:
    """Middleware that adds `HEADERS` to every response, problems included.

    Args:
        tls_in_front: whether a proxy terminates TLS, so that all callers use HTTPS; then `HSTS`
            is added. RFC 6797 forbids it over plain HTTP.
    """

    def __init__(self, app: ASGIApp, *, tls_in_front: bool = False) -> None:
        self.app = app
        pairs = [*HEADERS.items(), *([HSTS] if tls_in_front else [])]
        self._all = tuple((name.encode(), value.encode()) for name, value in pairs)
        self._names = frozenset(name for name, _ in self._all)
        # a 304 would replace the Cache-Control of the cached response (RFC 9110 section 15.4.5)
        self._not_modified = tuple(pair for pair in self._all if pair[0] not in _CACHE_CONTROL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        def send_secured(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._merge_headers(message)}
            return send(message)

        await self.app(scope, receive, send_secured)

    def _merge_headers(self, start: Message) -> list[Raw]:
        present: list[Raw] = list(start.get("headers", ()))
        ours = self._not_modified if start["status"] == 304 else self._all
        names = {name.lower() for name, _ in present}
        if self._names.isdisjoint(names):
            return [*present, *ours]
        if ours is self._all and self._names & names == _CACHE_CONTROL:  # responses with an ETag
            return [*present, *self._not_modified]
        return [*present, *(pair for pair in ours if pair[0] not in names)]
