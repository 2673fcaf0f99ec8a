"""The access log and the metrics of requests: every request once, and nothing that was sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import Code, Problem
from middleware import access
from middleware.access import AccessMiddleware
from middleware.caller import CALLER_KEY, Caller
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from storage.keys import mint
from telemetry import metrics
from telemetry.metrics import REGISTRY

SECRET = "mlrf_live_hunter2"
KNOWN = Caller("key:ab12", "planner", "standard", frozenset(), True, "10.0.0.1")
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
PART: Message = {"type": "http.response.body", "body": b"half", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}

Lines = Callable[[], list[dict[str, Any]]]


def served(app: ASGIApp, **options: Any) -> ASGIApp:
    return RequestIdMiddleware(AccessMiddleware(ProblemMiddleware(app), **options))


def at(route: str, app: ASGIApp) -> ASGIApp:
    """An application whose requests are of a route."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["route"] = route
        await app(scope, receive, send)

    return routed


@dataclass
class Counted:
    """How much a metric of REGISTRY has grown since this was made."""

    name: str
    labels: dict[str, str]

    def __post_init__(self) -> None:
        self.before = self._now()

    def _now(self) -> float:
        metrics.flush()
        return REGISTRY.get_sample_value(f"mlrf_{self.name}", self.labels) or 0.0

    @property
    def grown(self) -> float:
        return self._now() - self.before


def requests(route: str = "other", method: str = "GET", status: int = 200) -> Counted:
    labels = {"route": route, "method": method, "status": str(status)}
    return Counted("http_requests_total", labels)


# --- the line ---------------------------------------------------------------------------------


def test_a_request_is_one_line(call: Callable, answering: Callable, log_lines: Lines) -> None:
    app = at("/history/{node}", answering(200, b"one", b"two", headers={"x-cache": "hit"}))
    call(served(app), method="POST", path="/history/total", X_Request_ID="a")
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


def test_the_line_says_who_asked_and_what_it_cost(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] |= {CALLER_KEY: KNOWN, "cost": 0}
        await answering(200)(scope, receive, send)

    call(served(app))
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
) -> None:
    everything = structlog.make_filtering_bound_logger(logging.DEBUG)
    structlog.configure(wrapper_class=everything)
    call(AccessMiddleware(at(route, answering(status))))
    lines = [line for line in log_lines() if line["event"] == "request"]
    assert [(line["status"], line["level"]) for line in lines] == [(status, level)]


def test_probes_are_not_logged_at_the_usual_level(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    """They are known by their route: a path cannot be written so that it is not logged."""
    call(served(at("/livez", answering(200))))
    assert log_lines() == []
    call(served(at("/predict", answering(200))), path="/livez")
    assert len(log_lines()) == 1


def test_nothing_that_was_sent_is_logged(call: Callable, log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["query_string"] = f"api_key={SECRET}".encode()
        await Request(scope, receive).body()
        await Response(SECRET)(scope, receive, send)

    call(served(app), method="POST", X_API_Key=SECRET, Authorization=f"Bearer {SECRET}")
    (line,) = log_lines()
    assert "hunter2" not in str(line)
    assert "api_key" not in str(line)


def test_a_long_path_is_cut(call: Callable, answering: Callable, log_lines: Lines) -> None:
    call(served(answering(404)), path="/x" * 2500)
    (line,) = log_lines()
    assert line["path"] == "/x" * 128


def test_of_a_key_in_the_path_the_public_id_is_logged(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    key = mint()
    for path in (f"/admin/keys/{key.text}", f"/{key.secret}/rotate"):
        call(served(answering(404)), path=path)
    logged = [line["path"] for line in log_lines()]
    assert logged == [f"/admin/keys/mlrf_{key.public_id}_***", "/***/rotate"]


def test_a_path_cannot_write_a_line_of_its_own(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    path = '/a\n{"event": "request"}\x1b[2J'
    call(served(answering(200)), path=path)
    (line,) = log_lines()
    assert line["path"] == path


def test_the_answer_to_head_has_no_bytes(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    call(served(answering(200, b"dropped by the server")), method="HEAD")
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
    timed = Counted("http_request_duration_seconds_count", {"route": "/predict"})
    call(served(at("/predict", answering(201))), method=method)
    assert (counted.grown, timed.grown) == (1, 1)


def test_a_path_is_never_a_label(call: Callable, answering: Callable) -> None:
    counted = requests(status=404)
    for number in range(5):
        call(served(answering(404)), path=f"/wp-admin/{number}")
    assert counted.grown == 5
    routes = {
        sample.labels["route"]
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if "route" in sample.labels
    }
    assert not any("wp-admin" in route for route in routes)


def test_the_route_is_the_one_that_the_router_found(call: Callable) -> None:
    async def endpoint(request: Request) -> Response:
        return Response("")

    router = Router([Route("/nodes/{node}", endpoint, methods=["GET"])])
    for path, method, route, status in (
        ("/nodes/total", "GET", "/nodes/{node}", 200),
        ("/nodes/total", "POST", "/nodes/{node}", 405),
        ("/elsewhere", "GET", "other", 404),
    ):
        counted = requests(route, method, status)
        call(served(router), path=path, method=method)
        assert counted.grown == 1


def test_a_route_may_be_found_otherwise(
    call: Callable, answering: Callable, log_lines: Lines
) -> None:
    """A request that is refused before it is routed has a route too."""
    counted = requests("/whatif", status=401)
    call(served(answering(401), route_of=lambda scope: "/whatif"))
    assert counted.grown == 1
    assert log_lines()[0]["route"] == "/whatif"


def test_requests_in_flight_are_those_that_have_not_ended(
    call: Callable, answering: Callable
) -> None:
    in_flight = Counted("http_requests_in_flight", {})
    seen: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(in_flight.grown)
        raise RuntimeError

    call(AccessMiddleware(app))
    call(served(answering(200)))
    assert seen == [1]
    assert in_flight.grown == 0


# --- failures, cuts and callers who go --------------------------------------------------------


def test_a_refusal_is_recorded_as_it_was_answered(call: Callable, log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise Problem(Code.RATE_LIMITED, "Wait.")

    counted = requests(status=429)
    call(served(app))
    assert counted.grown == 1
    assert [line["status"] for line in log_lines()] == [429]


def test_an_exception_that_nobody_rendered_is_a_500(call: Callable, log_lines: Lines) -> None:
    """It goes on to the server, which answers so."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError(SECRET)

    counted = requests(status=500)
    sent = call(AccessMiddleware(app))
    assert isinstance(sent.error, RuntimeError)
    assert counted.grown == 1
    (line,) = log_lines()
    assert (line["status"], line["level"], line["complete"]) == (500, "error", False)
    assert "hunter2" not in str(line)


def test_an_answer_that_was_cut_is_an_error(call: Callable, log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(PART)
        raise RuntimeError

    call(AccessMiddleware(app))
    (line,) = log_lines()
    assert (line["status"], line["level"], line["complete"]) == (200, "error", False)
    assert line["bytes"] == 4


def drive(app: ASGIApp, *messages: Message, **headers: str) -> list[Message]:
    """Send one request; after the messages the caller waits for the answer, unless they went."""
    waiting = iter(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        for message in waiting:
            return message
        return GONE if GONE in messages else await anyio.sleep_forever()

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw}
    anyio.run(app, scope, receive, send)
    return sent


@pytest.mark.parametrize(
    "first", [pytest.param((), id="before the answer"), pytest.param((START, PART), id="in it")]
)
def test_a_caller_who_goes_is_a_499(first: tuple[Message, ...], log_lines: Lines) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in first:
            await send(message)
        assert (await receive()) == GONE

    counted = requests(method="POST", status=499)
    drive(AccessMiddleware(app), GONE)
    assert counted.grown == 1
    (line,) = log_lines()
    assert (line["status"], line["level"], line["complete"]) == (499, "warning", False)


def test_who_goes_after_the_answer_has_got_it(log_lines: Lines) -> None:
    """A server says `http.disconnect` then, too."""

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
def test_whether_the_caller_of_a_slow_answer_is_there_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    log_lines: Lines,
    messages: tuple[Message, ...],
    headers: dict[str, str],
    status: int,
) -> None:
    """A server drops what is sent to nobody without a word."""
    monkeypatch.setattr(access, "_PATIENCE_SECONDS", 0.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)

    assert drive(AccessMiddleware(app), *messages, **headers) == [START, END]
    assert [line["status"] for line in log_lines()] == [status]


def test_a_caller_who_goes_after_sending_a_body_is_seen(
    monkeypatch: pytest.MonkeyPatch, log_lines: Lines
) -> None:
    monkeypatch.setattr(access, "_PATIENCE_SECONDS", 0.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await Request(scope, receive).body() == b"ab"
        await Response("late")(scope, receive, send)

    body = [{"type": "http.request", "body": b, "more_body": b == b"a"} for b in (b"a", b"b")]
    drive(AccessMiddleware(app), *body, GONE, content_length="2")
    assert [line["status"] for line in log_lines()] == [499]


def test_a_quick_answer_does_not_ask(log_lines: Lines) -> None:
    """Asking costs more than the rest of this module."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(END)

    drive(AccessMiddleware(app), GONE)
    assert [line["status"] for line in log_lines()] == [200]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_request_passes_untouched(kind: str, log_lines: Lines) -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope, receive, send))

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None: ...

    scope = {"type": kind}
    anyio.run(AccessMiddleware(app), scope, receive, send)
    assert seen == [scope, receive, send]
    assert log_lines() == []
