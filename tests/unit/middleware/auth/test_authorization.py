"""Authorization: the scope of each call, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import Code, Problem
from middleware.auth.authorization import ANY, AuthorizationMiddleware
from middleware.auth.caller import Caller
from middleware.context import context_of
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from storage.audit import AuditEvent
from tests.support.asgi import run_exchange
from tests.support.routing import with_policy

ADDRESS = "203.0.113.7"
REQUIRED = {"/livez": None, "/meta": ANY, "/predict": "forecast", "/admin/keys": "admin"}


def known(*scopes: str) -> Caller:
    return Caller("key:abc", "a shop", "standard", frozenset(scopes), True, ADDRESS)


@pytest.fixture
def events() -> list[AuditEvent]:
    return []


@pytest.fixture
def ask(call: Callable, answering: Callable, events: list[AuditEvent]) -> Callable:
    """Request a path as a caller that authentication identified or rejected."""

    def ask(path: str, caller: Caller | None, refusal: Problem | None = None) -> Any:
        inner = AuthorizationMiddleware(answering(200, b"done"), record=events.append)
        outer = RequestIdMiddleware(ProblemMiddleware(with_caller(inner, caller, refusal)))
        return call(with_policy(outer, scope=REQUIRED[path]), path=path)

    return ask


def with_caller(app: ASGIApp, caller: Caller | None, refusal: Problem | None) -> ASGIApp:
    async def set_caller(scope: Scope, receive: Receive, send: Send) -> None:
        context_of(scope).caller = caller or Caller.anonymous(ADDRESS, "anonymous")
        context_of(scope).authentication_failure = refusal
        await app(scope, receive, send)

    return set_caller


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        pytest.param("/livez", [], id="open"),
        pytest.param("/meta", [], id="any, without a scope"),
        pytest.param("/meta", ["monitor"], id="any"),
        pytest.param("/predict", ["forecast"], id="the scope"),
        pytest.param("/predict", ["admin", "forecast"], id="and others"),
        pytest.param("/admin/keys", ["admin"], id="admin"),
    ],
)
def test_a_caller_with_the_scope_passes(
    ask: Callable, events: list[AuditEvent], path: str, scopes: list[str]
) -> None:
    assert ask(path, known(*scopes)).body == b"done"
    assert events == []


@pytest.mark.parametrize(
    ("path", "scopes", "required_scope"),
    [
        pytest.param("/predict", [], "forecast", id="none"),
        pytest.param("/predict", ["forecasts"], "forecast", id="like it"),
        pytest.param("/predict", ["admin"], "forecast", id="admin does not include the others"),
        pytest.param("/predict", ["any"], "forecast", id="any is no scope"),
        pytest.param("/admin/keys", ["forecast", "monitor"], "admin", id="others"),
    ],
)
def test_a_caller_without_the_scope_gets_its_name(
    ask: Callable, events: list[AuditEvent], path: str, scopes: list[str], required_scope: str
) -> None:
    sent = ask(path, known(*scopes))
    assert (sent.status, sent.problem["code"]) == (403, "FORBIDDEN")
    assert f"the scope {required_scope}," in sent.problem["detail"]
    challenge = f'Bearer realm="mlrf", error="insufficient_scope", scope="{required_scope}"'
    assert sent.headers["www-authenticate"] == challenge
    (event,) = events
    assert (event.action, event.actor) == (f"refused.lacks_{required_scope}", "key:abc")
    assert (event.address, event.detail) == (ADDRESS, f"GET {path}")


@pytest.mark.parametrize("path", ["/meta", "/predict", "/admin/keys"])
@pytest.mark.parametrize(
    "code", [Code.AUTH_REQUIRED, Code.AUTH_INVALID, Code.KEYS_UNAVAILABLE, Code.KEY_IN_QUERY]
)
def test_an_unauthenticated_caller_gets_the_refusal(ask: Callable, path: str, code: Code) -> None:
    refusal = Problem(code, "Refused.", headers={"WWW-Authenticate": "Bearer", "Retry-After": "5"})
    sent = ask(path, None, refusal)
    assert (sent.status, sent.problem["code"]) == (code.status, code.name)
    assert (sent.headers["www-authenticate"], sent.headers["retry-after"]) == ("Bearer", "5")


@pytest.mark.parametrize(
    ("code", "recorded"),
    [
        pytest.param(Code.AUTH_REQUIRED, ["refused.missing"], id="without a key"),
        pytest.param(Code.AUTH_INVALID, [], id="recorded by authentication"),
    ],
)
def test_a_refusal_is_recorded_once(
    ask: Callable, events: list[AuditEvent], code: Code, recorded: list[str]
) -> None:
    ask("/predict", None, Problem(code, "Refused."))
    assert [event.action for event in events] == recorded


@pytest.mark.parametrize("code", [Code.AUTH_REQUIRED, Code.AUTH_INVALID, Code.KEYS_UNAVAILABLE])
def test_an_open_call_answers_any_caller(
    ask: Callable, events: list[AuditEvent], code: Code
) -> None:
    assert ask("/livez", None, Problem(code, "Refused.")).status == 200
    assert events == []


def test_an_open_call_with_a_key_in_its_address_is_refused(ask: Callable) -> None:
    assert ask("/livez", None, Problem(Code.KEY_IN_QUERY, "Refused.")).status == 400


def test_an_unidentified_request_fails_rather_than_passes(
    call: Callable, answering: Callable, events: list[AuditEvent], log_lines: Callable
) -> None:
    """Authentication is missing from the composition."""
    inner = AuthorizationMiddleware(answering(200), record=events.append)
    assert call(RequestIdMiddleware(ProblemMiddleware(inner))).status == 500


def test_a_websocket_is_closed() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("it was let in")

    middleware = AuthorizationMiddleware(app, record=lambda event: None)
    sent = run_exchange(middleware, {"type": "websocket"})
    assert sent.messages == [{"type": "websocket.close", "code": 1008}]
