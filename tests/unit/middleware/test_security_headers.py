"""Security headers: on every response, without overriding those it sets itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.types import Receive, Scope, Send

from errors import Code, Problem
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from middleware.security_headers import HEADERS, SecurityHeadersMiddleware


def test_the_headers_are_those_for_an_api() -> None:
    """The expected set is OWASP's for REST services, spelt out to catch typing errors."""
    assert {name: HEADERS[name] for name in HEADERS if name != "permissions-policy"} == {
        "x-content-type-options": "nosniff",
        "content-security-policy": (
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "x-permitted-cross-domain-policies": "none",
        "cache-control": "no-store",
    }
    powers = HEADERS["permissions-policy"].split(", ")
    assert {"camera=()", "geolocation=()", "microphone=()"} <= set(powers)
    assert all(power.endswith("=()") for power in powers)


@pytest.mark.parametrize(
    ("status", "method", "parts"),
    [
        pytest.param(200, "GET", (b"{}",), id="an answer"),
        pytest.param(200, "GET", (b"a", b"b", b"c"), id="a streamed answer"),
        pytest.param(200, "HEAD", (b"",), id="HEAD"),
        pytest.param(204, "DELETE", (b"",), id="no content"),
        pytest.param(404, "GET", (b"{}",), id="an error"),
        pytest.param(500, "GET", (b"{}",), id="a failure"),
    ],
)
def test_every_response_has_the_headers(
    call: Callable, answering: Callable, status: int, method: str, parts: tuple[bytes, ...]
) -> None:
    app = answering(status, *parts, headers={"x-own": "1"})
    sent = call(SecurityHeadersMiddleware(app), method=method)
    assert sent.status == status
    assert sent.headers == {"x-own": "1", **HEADERS}
    assert [message["body"] for message in sent.messages[1:]] == list(parts)


def test_a_problem_has_the_headers(call: Callable) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Problem(Code.NOT_FOUND, "Nothing.")

    wrapped = RequestIdMiddleware(SecurityHeadersMiddleware(ProblemMiddleware(app)))
    sent = call(wrapped)
    assert sent.problem["code"] == "NOT_FOUND"
    assert sent.headers.items() >= HEADERS.items()


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_the_response_are_not_overridden(
    call: Callable, answering: Callable, name: str
) -> None:
    sent = call(SecurityHeadersMiddleware(answering(200, headers={name.title(): "own"})))
    assert sent.headers == {**{n: v for n, v in HEADERS.items() if n != name}, name.title(): "own"}


def test_a_304_does_not_change_the_cache_headers(call: Callable, answering: Callable) -> None:
    """A cache adopts the headers of a 304; no-store would evict its entry."""
    sent = call(SecurityHeadersMiddleware(answering(304, headers={"etag": '"a"'})))
    assert "cache-control" not in sent.headers
    assert sent.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        pytest.param(True, "max-age=31536000; includeSubDomains", id="TLS in front"),
        pytest.param(False, None, id="plain HTTP"),
    ],
)
def test_hsts_is_sent_over_tls_only(
    call: Callable, answering: Callable, tls: bool, expected: str | None
) -> None:
    sent = call(SecurityHeadersMiddleware(answering(200), tls_in_front=tls))
    assert sent.headers.get("strict-transport-security") == expected


def test_headers_that_an_application_shares_between_answers_do_not_grow(call: Callable) -> None:
    shared = [(b"x-own", b"1")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": shared})
        await send({"type": "http.response.body", "body": b""})

    wrapped = SecurityHeadersMiddleware(app)
    assert [len(call(wrapped).headers) for _ in range(2)] == [1 + len(HEADERS)] * 2
    assert shared == [(b"x-own", b"1")]


def test_a_response_without_headers_gets_them(call: Callable) -> None:
    """ASGI allows omitting them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    assert call(SecurityHeadersMiddleware(app)).headers == dict(HEADERS)
