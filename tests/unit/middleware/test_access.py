"""The access log and request metrics: each request once, and no content of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.router import Endpoint, Router
from errors import Code, Problem
from middleware import access
from middleware.access import AccessMiddleware
from middleware.auth.caller import Caller
from middleware.context import context_of
from middleware.policy import Policy
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from middleware.routing import dispatch
from storage.keys import mint_key
from telemetry import metrics
from telemetry.instruments import REGISTRY
from telemetry.request_log import request_log
from tests.support.asgi import DISCONNECT as GONE
from tests.support.asgi import http_scope, run_exchange
from tests.support.routing import with_policy

SECRET = "mlrf_live_hunter2"
KNOWN = Caller("key:ab12", "planner", "standard", frozenset(), True, "10.0.0.1")
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"half", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}

QUIET = {"/readyz", "/livez", "/metrics"}

Lines = Callable[[], list[dict[str, Any]]]


def with_access_log(app: ASGIApp, **options: Any) -> ASGIApp:
    return RequestIdMiddleware(AccessMiddleware(ProblemMiddleware(app), **options))


def with_route(route: str, app: ASGIApp) -> ASGIApp:
    """Wrap an application whose requests have a fixed route."""
    return with_policy(app, route=route, quiet=route in QUIET)


@dataclass
class MetricGrowth:
    """The growth of a metric of REGISTRY since construction."""

    name: str
    labels: dict[str, str]

    def __post_init__(self) -> None:
        self.before = self._current_value()

    def _current_value(self) -> float:
        metrics.flush()
        return REGISTRY.get_sample_value(f"mlrf_{self.name}", self.labels) or 0.0

    @property
    def grown(self) -> float:
        return self._current_value() - self.before


def requests(route: str = "other", method: str = "GET", status: int = 200) -> MetricGrowth:
    labels = {"endpoint": route, "method": method, "status": str(status)}
    return MetricGrowth("requests_total", labels)


# --- the line ---------------------------------------------------------------------------------


def test_a_request_is_logged_in_one_line(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    app = with_route("/history/{node}", answering(200, b"one", b"two", headers={"x-cache": "hit"}))
    call(with_access_log(app), method="POST", path="/history/total", X_Request_ID="a")
    (line,) = log_lines()
    assert line.pop("timestamp")
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "middleware.access",
        "request_id": "a",
        "method": "POST",
        "route": "/history/{node}",
        "path": "/history/total",
        "status": 200,
        "bytes": 6,
        "cache": "hit",
    }


def test_the_line_has_the_caller_and_the_cost(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        context = context_of(scope)
        context.caller, context.cost = KNOWN, 0
        await answering(200)(scope, receive, send)

    call(with_access_log(app))
    (line,) = log_lines()
    assert (line["client"], line["subject"], line["cost"]) == ("planner", "key:ab12", 0)


@pytest.mark.parametrize(
    ("route", "status", "level"),
    [
        pytest.param("/predict", 200, "info", id="success"),
        pytest.param("/predict", 304, "info", id="not modified"),
        pytest.param("/predict", 401, "warning", id="refused"),
        pytest.param("/predict", 429, "warning", id="limited"),
        pytest.param("/predict", 500, "error", id="failure"),
        pytest.param("/predict", 503, "error", id="no model"),
        pytest.param("/readyz", 200, "debug", id="probe"),
        pytest.param("/readyz", 503, "error", id="probe that fails"),
        pytest.param("/metrics", 200, "debug", id="scrape"),
    ],
)
def test_the_level_follows_the_outcome(
    call: Callable,
    answering: Callable,
    log_lines: Lines,
    route: str,
    status: int,
    level: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_log, "level", logging.DEBUG)
    call(AccessMiddleware(with_route(route, answering(status))))
    lines = [line for line in log_lines() if line["event"] == "request"]
    assert [(line["status"], line["level"]) for line in lines] == [(status, level)]


def test_probes_are_not_logged_at_the_usual_level(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    """Probes are recognized by route: no spelling of a path avoids the log."""
    call(with_access_log(with_route("/livez", answering(200))))
    assert log_lines() == []
    call(with_access_log(with_route("/predict", answering(200))), path="/livez")
    assert len(log_lines()) == 1


def test_no_content_of_a_request_is_logged(call: Callable, log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["query_string"] = f"api_key={SECRET}".encode()
        await Request(scope, receive).body()
        await Response(SECRET)(scope, receive, send)

    call(with_access_log(app), method="POST", X_API_Key=SECRET, Authorization=f"Bearer {SECRET}")
    (line,) = log_lines()
    assert "hunter2" not in str(line)
    assert "api_key" not in str(line)


def test_a_long_path_is_truncated(call: Callable, answering: Callable, log_lines: Lines) -> None:
    call(with_access_log(answering(404)), path="/x" * 2500)
    (line,) = log_lines()
    assert line["path"] == "/x" * 128


def test_a_key_in_the_path_is_masked_to_its_public_id(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    key = mint_key()
    for path in (f"/admin/keys/{key.text}", f"/{key.secret}/rotate"):
        call(with_access_log(answering(404)), path=path)
    logged = [line["path"] for line in log_lines()]
    assert logged == [f"/admin/keys/mlrf_{key.public_id}_***", "/***/rotate"]


def test_a_path_cannot_inject_a_log_line(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    path = '/a\n{"event": "request"}\x1b[2J'
    call(with_access_log(answering(200)), path=path)
    (line,) = log_lines()
    assert line["path"] == path


def test_the_response_to_head_has_no_bytes(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    call(with_access_log(answering(200, b"dropped by the server")), method="HEAD")
    assert log_lines()[0]["bytes"] == 0


# --- metrics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "label"),
    [("GET", "GET"), ("DELETE", "DELETE"), ("PROPFIND", "other"), ("get", "other")],
)
def test_requests_are_counted_by_route_method_and_status(
    call: Callable, answering: Callable, method: str, label: str
) -> None:
    counted = requests("/predict", label, 201)
    timed = MetricGrowth("request_duration_seconds_count", {"endpoint": "/predict"})
    call(with_access_log(with_route("/predict", answering(201))), method=method)
    assert (counted.grown, timed.grown) == (1, 1)


def test_a_path_is_never_a_label(call: Callable, answering: Callable) -> None:
    counted = requests(status=404)
    for number in range(5):
        call(with_access_log(answering(404)), path=f"/wp-admin/{number}")
    assert counted.grown == 5
    routes = {
        sample.labels["endpoint"]
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if "endpoint" in sample.labels
    }
    assert not any("wp-admin" in route for route in routes)


def test_the_route_is_the_one_of_the_router(call: Callable) -> None:
    router = Router([Endpoint("GET", Policy(route="/nodes/{node}"), Response(""))], Response(""))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        context_of(scope).match = router.match(scope)
        await dispatch(scope, receive, send)

    for path, method, route, status in (
        ("/nodes/total", "GET", "/nodes/{node}", 200),
        ("/nodes/total", "POST", "/nodes/{node}", 405),
        ("/elsewhere", "GET", "other", 404),
    ):
        counted = requests(route, method, status)
        call(with_access_log(app), path=path, method=method)
        assert counted.grown == 1


def test_a_route_may_come_from_another_function(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    """A request refused before routing has a route too."""
    counted = requests("/whatif", status=401)
    call(with_policy(with_access_log(answering(401)), route="/whatif"))
    assert counted.grown == 1
    assert log_lines()[0]["route"] == "/whatif"


def test_requests_in_flight_are_those_not_yet_finished(call: Callable, answering: Callable) -> None:
    in_flight = MetricGrowth("requests_in_flight", {})
    seen: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(in_flight.grown)
        raise RuntimeError

    call(AccessMiddleware(app))
    call(with_access_log(answering(200)))
    assert seen == [1]
    assert in_flight.grown == 0


# --- failures, cuts and disconnects -----------------------------------------------------------


def test_a_refusal_is_recorded_with_its_status(call: Callable, log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Problem(Code.RATE_LIMITED, "Wait.")

    counted = requests(status=429)
    call(with_access_log(app))
    assert counted.grown == 1
    assert [line["status"] for line in log_lines()] == [429]


def test_an_unhandled_exception_is_a_500(call: Callable, log_lines: Lines) -> None:
    """It propagates to the server, which answers with 500."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError(SECRET)

    counted = requests(status=500)
    sent = call(AccessMiddleware(app))
    assert isinstance(sent.error, RuntimeError)
    assert counted.grown == 1
    (line,) = log_lines()
    assert (line["status"], line["level"], line["complete"]) == (500, "error", False)
    assert "hunter2" not in str(line)


def test_a_cut_response_is_an_error(call: Callable, log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(PART)
        raise RuntimeError

    call(AccessMiddleware(app))
    (line,) = log_lines()
    assert (line["status"], line["level"], line["complete"]) == (200, "error", False)
    assert line["bytes"] == 4


def drive(app: ASGIApp, *messages: Message, **headers: str) -> list[Message]:
    """Send one request; then wait for the response, unless the caller has disconnected."""
    return run_exchange(app, http_scope("POST", headers=headers), *messages).messages


@pytest.mark.parametrize(
    "first", [pytest.param((), id="before the answer"), pytest.param((START, PART), id="in it")]
)
def test_a_disconnected_caller_is_a_499(first: tuple[Message, ...], log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in first:
            await send(message)
        assert (await receive()) == GONE

    counted = requests(method="POST", status=499)
    drive(AccessMiddleware(app), GONE)
    assert counted.grown == 1
    (line,) = log_lines()
    assert (line["status"], line["level"], line["complete"]) == (499, "warning", False)


def test_a_disconnect_after_the_response_is_a_success(log_lines: Lines) -> None:
    """A server sends `http.disconnect` after a complete response too."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)
        await receive()

    drive(AccessMiddleware(app), GONE)
    (line,) = log_lines()
    assert (line["status"], line["level"]) == (200, "info")
    assert "complete" not in line


@pytest.mark.parametrize(
    ("messages", "headers", "status"),
    [
        pytest.param((GONE,), {}, 499, id="gone"),
        pytest.param((), {}, 200, id="there"),
        pytest.param((GONE,), {"content_length": "5"}, 200, id="the body is not read: not asked"),
        pytest.param((GONE,), {"transfer_encoding": "chunked"}, 200, id="nor a chunked one"),
    ],
)
def test_a_slow_response_polls_for_a_disconnect(
    monkeypatch: pytest.MonkeyPatch,
    log_lines: Lines,
    messages: tuple[Message, ...],
    headers: dict[str, str],
    status: int,
) -> None:
    """A server silently drops what is sent to a closed connection."""
    monkeypatch.setattr(access, "_DISCONNECT_CHECK_SECONDS", 0.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)

    assert drive(AccessMiddleware(app), *messages, **headers) == [START, END]
    assert [line["status"] for line in log_lines()] == [status]


def test_a_disconnect_after_the_request_body_is_detected(
    monkeypatch: pytest.MonkeyPatch, log_lines: Lines
) -> None:
    monkeypatch.setattr(access, "_DISCONNECT_CHECK_SECONDS", 0.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await Request(scope, receive).body() == b"ab"
        await Response("late")(scope, receive, send)

    body = [{"type": "http.request", "body": b, "more_body": b == b"a"} for b in (b"a", b"b")]
    drive(AccessMiddleware(app), *body, GONE, content_length="2")
    assert [line["status"] for line in log_lines()] == [499]


def test_a_fast_response_does_not_poll(log_lines: Lines) -> None:
    """Polling costs more than the rest of the middleware."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)

    drive(AccessMiddleware(app), GONE)
    assert [line["status"] for line in log_lines()] == [200]
