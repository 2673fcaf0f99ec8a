"""The span of a request: its name, its attributes, its outcome, and no input."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import Code, Problem
from middleware.access import AccessMiddleware
from middleware.auth.caller import Caller
from middleware.context import context_of
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from storage.keys import mint_key
from telemetry import spans
from tests.support.recording import recording
from tests.support.routing import with_policy


def with_span(app: ASGIApp) -> ASGIApp:
    return RequestIdMiddleware(AccessMiddleware(ProblemMiddleware(app)))


@pytest.mark.parametrize(
    ("method", "route", "name", "recorded_method"),
    [
        pytest.param("GET", "/nodes/{node}", "GET /nodes/{node}", "GET", id="a route"),
        pytest.param("GET", "other", "GET", "GET", id="no route"),
        pytest.param("BREW", "/tea", "HTTP /tea", "_OTHER", id="an unknown method"),
        pytest.param("BREW", "other", "HTTP", "_OTHER", id="neither"),
    ],
)
def test_the_name_is_made_of_method_and_route(
    call: Callable, answering: Callable, method: str, route: str, name: str, recorded_method: str
) -> None:
    app = with_policy(answering(200), route=route)
    with recording() as ended:
        call(with_span(app), method=method, path="/nodes/total")
    (span,) = ended
    attributes = span.attributes or {}
    assert (span.name, span.kind) == (name, SpanKind.SERVER)
    assert attributes["http.request.method"] == recorded_method
    assert attributes.get("http.route", "other") == route
    assert attributes["url.path"] == "/nodes/total"


@pytest.mark.parametrize(
    ("status", "error"), [(200, None), (304, None), (404, None), (429, None), (503, "503")]
)
def test_only_failures_of_the_server_are_errors(
    call: Callable, answering: Callable, status: int, error: str | None
) -> None:
    with recording() as ended:
        call(with_span(answering(status)))
    (span,) = ended
    attributes = span.attributes or {}
    assert attributes["http.response.status_code"] == status
    assert attributes.get("error.type") == error
    assert (span.status.status_code is StatusCode.ERROR) is (error is not None)


@pytest.mark.parametrize(
    ("subject", "client"),
    [
        pytest.param("key:ab12", "key:ab12", id="key"),
        pytest.param("jwt:anna@shop.example", None, id="a person's token"),
        pytest.param("ip:10.0.0.1", None, id="an address"),
    ],
)
def test_a_caller_is_named_only_by_the_public_id_of_a_key(
    call: Callable, answering: Callable, subject: str, client: str | None
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        caller = Caller(subject, "Anna", "standard", frozenset(), True, "10.0.0.1")
        context_of(scope).caller = caller
        await answering(200)(scope, receive, send)

    with recording() as ended:
        call(with_span(app))
    (span,) = ended
    assert (span.attributes or {}).get("mlrf.client") == client
    assert "Anna" not in span.to_json()


def test_a_key_in_the_path_is_masked(call: Callable, answering: Callable) -> None:
    key = mint_key()
    with recording() as ended:
        call(with_span(answering(404)), path=f"/admin/keys/{key.text}")
    (span,) = ended
    assert (span.attributes or {})["url.path"] == f"/admin/keys/mlrf_{key.public_id}_***"


def test_a_quiet_route_has_no_span(call: Callable, answering: Callable) -> None:
    with recording() as ended:
        call(with_policy(with_span(answering(200)), route="/readyz", quiet=True))
    assert ended.names == []


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["not recorded", "recorded"])
def test_log_line_and_problem_have_the_id_of_the_trace(
    call: Callable, log_lines: Callable, share: float
) -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ids = spans.current().ids
        assert ids is not None
        seen.append(ids.trace)
        raise Problem(Code.INVALID_DATE, "Another date is expected.")

    with recording(share):
        problem = call(with_span(app)).problem
    (line,) = log_lines()
    assert problem["trace_id"] == line["trace_id"] == seen[0]
    assert ("span_id" in line) is (share == 1.0)


def test_where_tracing_is_off_neither_has_one(call: Callable, log_lines: Callable) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Problem(Code.INVALID_DATE, "Another date is expected.")

    problem = call(with_span(app), traceparent=f"00-{'a' * 32}-{'b' * 16}-01").problem
    (line,) = log_lines()
    assert "trace_id" not in problem
    assert "trace_id" not in line
