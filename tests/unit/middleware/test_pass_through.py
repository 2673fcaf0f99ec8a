"""Every middleware alone: other connections than HTTP and plain requests pass through it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import middleware
from config.tiers import TIERS
from middleware.access import AccessMiddleware
from middleware.auth.authentication import AuthenticationMiddleware
from middleware.auth.authorization import AuthorizationMiddleware
from middleware.auth.caller import Caller
from middleware.auth.local import LocalIdentity
from middleware.body_limit import BodyLimitMiddleware
from middleware.context import context_of
from middleware.cors import CorsMiddleware
from middleware.deadline import DeadlineMiddleware
from middleware.problems import ProblemMiddleware
from middleware.ratelimit.limiter import Limiter
from middleware.ratelimit.rate_limit import RateHeadersMiddleware, RateLimitMiddleware
from middleware.request_id import RequestIdMiddleware
from middleware.security_headers import SecurityHeadersMiddleware

ADDRESS = "203.0.113.7"
ARGUMENTS: dict[type, dict[str, Any]] = {
    AccessMiddleware: {},
    AuthenticationMiddleware: {
        "identity": LocalIdentity(frozenset({"forecast"})),
        "address_of": lambda scope: ADDRESS,
        "record": lambda event: None,
    },
    AuthorizationMiddleware: {"record": lambda event: None},
    BodyLimitMiddleware: {},
    CorsMiddleware: {"origins": ["https://shop.example"]},
    DeadlineMiddleware: {"limit_of": lambda scope: 30.0 if scope["type"] == "http" else 0.0},
    ProblemMiddleware: {},
    RateHeadersMiddleware: {},
    RateLimitMiddleware: {
        "limiter": Limiter(None),
        "tiers": TIERS,
        "default_tier": "standard",
    },
    RequestIdMiddleware: {},
    SecurityHeadersMiddleware: {"tls_in_front": True},
}
"""Arguments that make each middleware do its work on a request."""

OTHER_KINDS = ("lifespan", "websocket")
ENTERED = [
    pytest.param(wrap, kind, id=f"{wrap.__name__}-{kind}")
    for wrap in ARGUMENTS
    for kind in OTHER_KINDS
    if (wrap, kind) != (AuthorizationMiddleware, "websocket")  # it closes those
]
Wrap = Callable[..., ASGIApp]


async def receive() -> Message:
    return {}


async def send(message: Message) -> None: ...


def middlewares() -> Iterator[type]:
    """Yield the middleware classes of the package."""
    for entry in pkgutil.walk_packages(middleware.__path__, "middleware."):
        module = importlib.import_module(entry.name)
        for name, value in inspect.getmembers(module, inspect.isclass):
            if name.endswith("Middleware") and value.__module__ == module.__name__:
                yield value


def test_every_middleware_is_tested_here() -> None:
    assert set(middlewares()) == ARGUMENTS.keys()


@pytest.mark.parametrize(("wrap", "kind"), ENTERED)
def test_other_scopes_pass_unchanged(wrap: Wrap, kind: str, log_lines: Callable) -> None:
    """Without a context, a deadline or a log line."""
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await checkpoint()  # where a deadline would end it
        seen.extend((scope, receive, send))

    scope = {"type": kind}
    anyio.run(wrap(app, **ARGUMENTS[wrap]), scope, receive, send)
    assert seen == [scope, receive, send]
    assert scope == {"type": kind}
    assert log_lines() == []


@pytest.mark.parametrize(("wrap", "kind"), ENTERED)
def test_an_exception_in_another_scope_propagates(wrap: Wrap, kind: str) -> None:
    """A failed startup must stop the server."""
    error = RuntimeError("no startup")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(RuntimeError) as raised:
        anyio.run(wrap(app, **ARGUMENTS[wrap]), {"type": kind}, receive, send)
    assert raised.value is error


@pytest.mark.parametrize("wrap", ARGUMENTS, ids=lambda wrap: wrap.__name__)
def test_a_plain_request_passes_in_both_directions(wrap: Wrap, call: Callable) -> None:
    """Part by part; a middleware only adds headers."""
    received: list[Message] = []
    response: list[Message] = [
        {"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]},
        {"type": "http.response.body", "body": b"one", "more_body": True},
        {"type": "http.response.body", "body": b"two"},
    ]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.append(await receive())
        for message in response:
            await send(message)

    async def identified(scope: Scope, receive: Receive, send: Send) -> None:
        scopes = frozenset({"forecast"})
        context_of(scope).caller = Caller("key:a", "a", "standard", scopes, True, ADDRESS)
        await wrap(app, **ARGUMENTS[wrap])(scope, receive, send)

    sent = call(identified, method="POST", body=b"text")
    assert sent.error is None
    assert [message["body"] for message in received] == [b"text"]
    assert sent.messages == [{**response[0], "headers": sent.starts[0]["headers"]}, *response[1:]]
    assert sent.headers["x-own"] == "1"
