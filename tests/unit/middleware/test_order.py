"""The middlewares together, in the order of the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import Code, Problem
from middleware.access import AccessMiddleware
from middleware.body_limit import BodyLimitMiddleware
from middleware.cors import CorsMiddleware
from middleware.deadline import DeadlineMiddleware
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from middleware.security_headers import HEADERS, SecurityHeadersMiddleware
from tests.support.asgi import DISCONNECT, body_messages, http_scope, run_exchange

DASHBOARD = "http://localhost:5173"
EVIL = "https://evil.example"


def compose(app: ASGIApp, *, body_timeout: float = 10.0) -> ASGIApp:
    app = DeadlineMiddleware(app, limit_of=lambda scope: 0.05)
    app = BodyLimitMiddleware(app, max_bytes=10, timeout_seconds=body_timeout)
    app = CorsMiddleware(ProblemMiddleware(app), origins=[DASHBOARD])
    return SecurityHeadersMiddleware(RequestIdMiddleware(AccessMiddleware(app)))


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, then behave as the path says."""
    while (message := await receive()).get("more_body"):
        pass
    assert message["type"] == "http.request"
    if scope["path"] == "/refused":
        raise Problem(Code.AUTH_REQUIRED, "A key is needed.", headers={"WWW-Authenticate": "x"})
    if scope["path"] == "/failing":
        raise RuntimeError("hunter2")
    if scope["path"] == "/slow":
        await anyio.sleep_forever()
    status = 304 if scope["path"] == "/same" else 200
    headers = [(b"etag", b'"a"'), (b"cache-control", b"private, no-cache")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    parts = [b"a", b"b", b""] if scope["path"] == "/stream" else [b""]
    for part in parts[:-1]:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": parts[-1]})


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        pytest.param({}, 200, None, id="an answer"),
        pytest.param({"path": "/stream"}, 200, None, id="a stream"),
        pytest.param({"path": "/same"}, 304, None, id="not modified"),
        pytest.param({"method": "HEAD"}, 200, None, id="HEAD"),
        pytest.param({"path": "/refused"}, 401, "AUTH_REQUIRED", id="a refusal"),
        pytest.param({"path": "/failing"}, 500, "INTERNAL_ERROR", id="a failure"),
        pytest.param({"path": "/slow"}, 504, "TIMEOUT", id="too slow"),
        pytest.param({"Content_Length": "11"}, 413, "PAYLOAD_TOO_LARGE", id="too large"),
        pytest.param({"Content_Length": "x"}, 400, "INVALID_REQUEST", id="no length"),
        pytest.param(
            {"method": "OPTIONS", "Access_Control_Request_Method": "POST", "path": "/refused"},
            200,
            None,
            id="a preflight",
        ),
        pytest.param(
            {"method": "OPTIONS", "Access_Control_Request_Method": "POST", "Origin": EVIL},
            400,
            "INVALID_REQUEST",
            id="a preflight that is refused",
        ),
    ],
)
def test_every_response_has_an_id_security_and_cors_headers_and_a_log_line(
    call: Callable,
    log_lines: Callable[[], list[dict[str, Any]]],
    request_: dict[str, str],
    status: int,
    code: str | None,
) -> None:
    request_ = {"Origin": DASHBOARD, "X_Request_ID": "a", **request_}
    sent = call(compose(reading), **request_)
    assert sent.error is None
    assert sent.status == status
    assert sent.finished
    assert sent.headers["x-request-id"] == "a"
    allowed = DASHBOARD if request_["Origin"] == DASHBOARD else None
    assert sent.headers.get("access-control-allow-origin") == allowed
    assert "Origin" in sent.headers["vary"]
    secured = {name: value for name, value in HEADERS.items() if name != "cache-control"}
    assert sent.headers.items() >= secured.items()
    cacheable = code is None and request_.get("method") != "OPTIONS"
    assert sent.headers["cache-control"] == ("private, no-cache" if cacheable else "no-store")
    if code:
        assert sent.problem["code"] == code
        assert sent.problem["request_id"] == "a"
    (line,) = [line for line in log_lines() if line["event"] == "request"]
    assert (line["status"], line["request_id"]) == (status, "a")
    assert "hunter2" not in sent.body.decode() + str(line)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"path": "/refused"}, id="by the application"),
        pytest.param({"Content_Length": "11"}, id="by its Content-Length"),
        pytest.param({"body": 11 * b"a"}, id="for its body"),
        pytest.param({"path": "/slow"}, id="for its time"),
    ],
)
def test_a_refused_request_leaves_nothing_for_a_full_collection(
    call: Callable, uncollected_problems: Callable[[], int], request_: dict[str, Any]
) -> None:
    """Full collections pause a worker, and hostile requests would cause one every second."""
    assert call(compose(reading), **request_).status >= 400
    assert uncollected_problems() == 0


def test_a_body_that_is_too_slow_is_refused_before_the_deadline(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    sent = run_exchange(compose(reading, body_timeout=0.01), http_scope("POST"))
    assert sent.status == 408
    assert [line["status"] for line in log_lines()] == [408]


def test_a_disconnect_while_sending_is_logged_without_an_error(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    half = body_messages(b"x", complete=False)
    sent = run_exchange(compose(app), http_scope("POST"), *half, DISCONNECT)
    assert sent.messages == []
    assert [(line["event"], line["status"]) for line in log_lines()] == [("request", 499)]
