"""Which web pages may call (Fetch standard, CORS): Starlette's middleware, held to our rules.

Preflights are answered here, before authentication: a browser sends them without a key.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware as StarletteCors
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, FieldError, InputError, Problem
from middleware.headers import values_of
from middleware.problems import ProblemMiddleware

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ALLOWED_HEADERS = (
    *("Content-Type", "X-API-Key", "Authorization", "X-Request-ID", "Idempotency-Key"),
    *("If-None-Match", "Cache-Control"),
)
EXPOSED_HEADERS = (
    *("X-Request-ID", "X-Cache", "ETag", "RateLimit", "RateLimit-Policy"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After"),
)
"""What a script may read of an answer, beside what every script may."""

MAX_AGE_SECONDS = 600
_ANY = "*"
_ORIGIN = re.compile(r"https?://[^\s/?#@*,]+", re.IGNORECASE)


class CorsMiddleware:
    """Answers preflights, and lets the pages of some origins read answers.

    Args:
        origins: such as ``https://shop.example``, or ``*`` alone for all.
        credentials: whether a page may send cookies and client certificates along. Keys are
            sent in a header and do not need it.

    Raises:
        InputError: an origin could never match, or every origin is allowed with credentials.
    """

    def __init__(self, app: ASGIApp, *, origins: Sequence[str], credentials: bool = False) -> None:
        self._app = _Cors(
            app,
            allow_origins=_checked(origins, credentials),
            allow_methods=METHODS,
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            allow_credentials=credentials,
            max_age=MAX_AGE_SECONDS,
        )
        self._inside = app
        # what answers depend on, whoever asks; where no page may read them, on nothing
        self._vary = [(b"vary", b"Origin")] if origins else []
        # the problems of requests are rendered further inside; a preflight does not get there
        self._preflights = ProblemMiddleware(self._app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await self._preflights(scope, receive, send)
        elif values_of(scope, b"origin"):
            await self._app(scope, receive, send)
        else:  # no page asks: as Starlette would do it, in a tenth of the time
            await self._inside(scope, receive, self._varying(send))

    def _varying(self, send: Send) -> Send:
        def send_varying(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *self._vary]
                message = {**message, "headers": headers}
            return send(message)

        return send_varying if self._vary else send


class _Cors(StarletteCors):
    def preflight_response(self, request_headers: Headers) -> Response:
        """Raises Problem INVALID_REQUEST where a page may not send the request."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        reason = bytes(response.body).decode()  # "Disallowed CORS origin, method, headers"
        faults = reason.removeprefix("Disallowed CORS ").split(", ")
        kept = {name: value for name, value in response.headers.items() if _is_cors(name)}
        raise Problem(
            Code.INVALID_REQUEST,
            f"A web page may not send this request: {', '.join(faults)} not allowed. "
            "The operator allows origins with CORS_ORIGINS.",
            errors=[FieldError(_FIELD[fault], "Not allowed.") for fault in faults],
            headers=kept,
        )


_FIELD = {
    "origin": "Origin",
    "method": "Access-Control-Request-Method",
    "headers": "Access-Control-Request-Headers",
    "private-network": "Access-Control-Request-Private-Network",
}


def _is_cors(name: str) -> bool:
    return name == "vary" or name.startswith("access-control-")


def _checked(origins: Sequence[str], credentials: bool) -> list[str]:
    """Origins in the lower case in which browsers send them."""
    if _ANY in origins:
        if credentials:
            raise InputError(
                "CORS: every origin is allowed, with credentials: any page could act as its "
                "reader. Name the origins, or do without credentials."
            )
        if len(origins) > 1:
            raise InputError(f"CORS: {_ANY} stands among other origins; give one or the other.")
        return [_ANY]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise InputError(
                f"CORS: {origin!r} is no origin; write scheme, host and port without a path, "
                "such as https://shop.example or http://localhost:5173."
            )
    return [origin.lower() for origin in origins]
