"""Problems: one shape for every error, whatever its origin, without internals."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from errors import Code, FieldError, Problem
from middleware.problems import ProblemMiddleware
from middleware.request_id import RequestIdMiddleware
from tests.support.asgi import SentMessages, http_scope, receiver

SECRET = "password=hunter2 in /srv/secret/path"


def with_problems(app: ASGIApp) -> ASGIApp:
    return RequestIdMiddleware(ProblemMiddleware(app))


def raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


# --- responses that pass unchanged ------------------------------------------------------------


def test_a_success_passes_unchanged(call: Callable, answering: Callable) -> None:
    app = answering(200, b"one", b"two", headers={"content-type": "text/plain", "x-own": "1"})
    sent = call(with_problems(app), X_Request_ID="a")
    assert sent.status == 200
    assert sent.headers == {"content-type": "text/plain", "x-own": "1", "x-request-id": "a"}
    assert [message.get("body") for message in sent.messages] == [None, b"one", b"two"]


@pytest.mark.parametrize("status", [204, 304, 399])
def test_successful_responses_are_not_replaced(
    call: Callable, answering: Callable, status: int
) -> None:
    sent = call(with_problems(answering(status, b"body")))
    assert (sent.status, sent.body) == (status, b"body")


def test_a_rendered_problem_passes_unchanged(call: Callable, answering: Callable) -> None:
    headers = {"content-type": "application/problem+json; charset=utf-8"}
    sent = call(with_problems(answering(409, b'{"code":"OWN"}', headers=headers)))
    assert (sent.status, sent.body) == (409, b'{"code":"OWN"}')


# --- problems raised inside -------------------------------------------------------------------


def test_a_raised_problem_is_rendered(call: Callable) -> None:
    problem = Problem(
        Code.RATE_LIMITED,
        "Wait.",
        errors=[FieldError("/store_nbr", "no")],
        headers={"Retry-After": "3"},
    )
    sent = call(with_problems(raising(problem)), path="/predict/simple", X_Request_ID="a")
    assert sent.error is None
    assert sent.status == 429
    assert sent.headers["retry-after"] == "3"
    assert sent.headers["x-request-id"] == "a"
    assert sent.problem == problem.document(instance="/predict/simple", request_id="a")


@pytest.mark.parametrize(
    "error",
    [Problem(Code.INVALID_DATE, "late"), RuntimeError(SECRET)],
    ids=["a problem", "an exception"],
)
@pytest.mark.parametrize("parts", [(b"half", b""), ()], ids=["body", "start only"])
def test_a_started_response_gets_no_second_one(
    call: Callable, error: Exception, parts: tuple[bytes, ...]
) -> None:
    """The exception reaches the server, which closes the connection and so signals the cut."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        raise error

    sent = call(with_problems(app))
    assert sent.error is error
    assert sent.status == 200
    assert not sent.finished


# --- exceptions -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [RuntimeError(SECRET), KeyError(SECRET), FileNotFoundError(2, SECRET, "/srv/secret")],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_gives_the_caller_an_id_and_the_log_the_details(
    call: Callable, log_lines: Callable, error: Exception
) -> None:
    sent = call(with_problems(raising(error)), method="POST", path="/somewhere", X_Request_ID="a")
    assert sent.error is None
    assert sent.problem["code"] == "INTERNAL_ERROR"
    assert sent.status == 500
    assert sent.problem["request_id"] == "a"
    output = sent.body.decode() + str(sent.headers)
    for secret in ("hunter2", "/srv", type(error).__name__, "Traceback", __file__):
        assert secret not in output
    (line,) = log_lines()
    assert line["event"] == "request_failed"
    assert line["level"] == "error"
    assert (line["request_id"], line["method"], line["path"]) == ("a", "POST", "/somewhere")
    assert "hunter2" in line["exception"]
    assert "Traceback" in line["exception"]


def test_an_exception_after_the_response_started_is_logged(
    call: Callable, log_lines: Callable, answering: Callable
) -> None:
    call(with_problems(answering(200, b"all", error=RuntimeError(SECRET))), X_Request_ID="a")
    (line,) = log_lines()
    assert line["request_id"] == "a"
    assert "hunter2" in line["exception"]


def test_a_client_error_is_not_logged_as_a_failure(call: Callable, log_lines: Callable) -> None:
    call(with_problems(raising(Problem(Code.INVALID_DATE, "late"))))
    assert log_lines() == []


def test_a_server_error_is_logged_with_its_cause(call: Callable, log_lines: Callable) -> None:
    problem = Problem(Code.INFERENCE_FAILED, "The model failed.")
    problem.__cause__ = RuntimeError(SECRET)
    sent = call(with_problems(raising(problem)), X_Request_ID="a")
    assert "hunter2" not in sent.body.decode()
    (line,) = log_lines()
    assert (line["code"], line["request_id"]) == ("INFERENCE_FAILED", "a")
    assert "hunter2" in line["exception"]


def test_a_cancelled_request_stays_cancelled() -> None:
    """A server cancels the task of a disconnected caller; nothing may be sent then."""
    sent = SentMessages()
    ended = False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    async def run() -> None:
        nonlocal ended
        with anyio.CancelScope() as cancellation:
            cancellation.cancel()
            await with_problems(app)(http_scope(), receiver(), sent.send)
        ended = cancellation.cancelled_caught

    anyio.run(run)
    assert ended
    assert sent.messages == []


# --- errors of other components ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "media_type", "body", "answered", "code"),
    [
        pytest.param(404, "text/plain", b"Not Found", 404, "NOT_FOUND", id="plain text 404"),
        pytest.param(
            400, "application/json", b'["secret"]', 400, "INVALID_REQUEST", id="JSON list 400"
        ),
        pytest.param(500, "text/html", b"<pre>secret</pre>", 500, "INTERNAL_ERROR", id="HTML 500"),
        pytest.param(
            422, "application/json", b'{"detail": "secret"}', 400, "INVALID_REQUEST", id="422"
        ),
        pytest.param(401, "text/plain", b"secret", 401, "INVALID_REQUEST", id="no code of its own"),
        pytest.param(413, "text/plain", b"secret", 413, "PAYLOAD_TOO_LARGE", id="413"),
        pytest.param(415, "text/plain", b"secret", 415, "UNSUPPORTED_MEDIA_TYPE", id="415"),
        pytest.param(503, "text/plain", b"secret", 503, "MODEL_UNAVAILABLE", id="503"),
        pytest.param(504, "application/json", b"{}", 504, "TIMEOUT", id="504"),
        pytest.param(502, "text/html", b"", 502, "INTERNAL_ERROR", id="empty 502"),
    ],
)
def test_a_foreign_error_is_replaced(
    call: Callable,
    answering: Callable,
    status: int,
    media_type: str,
    body: bytes,
    answered: int,
    code: str,
) -> None:
    headers = {"content-type": media_type, "content-length": str(len(body)), "x-secret": "1"}
    sent = call(with_problems(answering(status, body, headers=headers)), X_Request_ID="a")
    assert sent.error is None
    assert sent.status == answered
    assert sent.problem["code"] == code
    assert sent.problem["request_id"] == "a"
    assert sent.problem["instance"] == "/somewhere"
    assert sent.problem["detail"]
    assert b"secret" not in sent.body
    assert set(sent.headers) == {"content-type", "content-length", "x-request-id"}


def test_a_foreign_error_without_headers_is_replaced(call: Callable) -> None:
    """ASGI allows omitting them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404})
        await send({"type": "http.response.body", "body": b"Not Found"})

    sent = call(with_problems(app))
    assert sent.error is None
    assert sent.problem["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        (429, "retry-after", "7"),
        (503, "retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
        (405, "allow", "GET, HEAD"),
        (401, "www-authenticate", 'Bearer realm="mlrf"'),
    ],
)
def test_headers_with_instructions_for_the_client_stay(
    call: Callable, answering: Callable, status: int, name: str, value: str
) -> None:
    sent = call(with_problems(answering(status, b"text", headers={name: value})))
    assert sent.headers[name] == value
    assert sent.problem["status"] == status


def test_a_wrong_method_is_named(call: Callable, answering: Callable) -> None:
    sent = call(with_problems(answering(405, b"Method Not Allowed")), method="DELETE")
    assert "DELETE" in sent.problem["detail"]


@pytest.mark.parametrize("method", ["{x}", "{0}", "{"])
def test_a_method_is_never_a_format(call: Callable, answering: Callable, method: str) -> None:
    sent = call(with_problems(answering(405)), method=method)
    assert sent.error is None
    assert method in sent.problem["detail"]


def test_a_streamed_error_is_replaced_once(call: Callable, answering: Callable) -> None:
    sent = call(with_problems(answering(500, b"<html>", b"secret", b"</html>")))
    assert len(sent.messages) == 2
    assert sent.problem["code"] == "INTERNAL_ERROR"
    assert b"secret" not in sent.body


def test_an_error_to_head_has_the_length_of_its_body(call: Callable, answering: Callable) -> None:
    """The server drops the body of a response to HEAD."""
    app = answering(404, headers={"content-type": "text/plain", "content-length": "9"})
    head, get = (
        call(with_problems(app), method=method, X_Request_ID="a") for method in ("HEAD", "GET")
    )
    assert head.status == 404
    assert head.headers == get.headers
    assert head.problem == get.problem


def test_a_framework_that_answers_and_then_raises_is_replaced_and_logged(
    call: Callable, answering: Callable, log_lines: Callable
) -> None:
    """As Starlette's ServerErrorMiddleware does."""
    error = RuntimeError(SECRET)
    sent = call(
        with_problems(answering(500, b"Internal Server Error", error=error)), X_Request_ID="a"
    )
    assert sent.problem["code"] == "INTERNAL_ERROR"
    (line,) = log_lines()
    assert "hunter2" in line["exception"]


def test_a_path_is_quoted_as_it_was_sent(call: Callable, answering: Callable) -> None:
    path = '/"quotes" and </script> and ü'
    sent = call(with_problems(answering(404)), path=path)
    assert json.loads(sent.body)["instance"] == path
