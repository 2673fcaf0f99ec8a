"""Request ids: the caller's if valid, otherwise a new one, always in the response."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import anyio
import pytest
import structlog
from starlette.types import Receive, Scope, Send

from middleware import request_id
from middleware.context import context_of
from middleware.request_id import RequestIdMiddleware

NEW = re.compile(r"[0-9a-f]{32}")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the request id of the scope."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": context_of(scope).request_id.encode()})


@pytest.mark.parametrize(
    "request_id",
    [
        pytest.param("a", id="one character"),
        pytest.param("x" * 128, id="128 characters"),
        pytest.param("0b2d7f9e-6a43-4e5c-9f3b-2f6f1d1c8a55", id="uuid"),
        pytest.param("A.z_0~9-", id="every kind of character"),
    ],
)
def test_a_valid_id_is_used(call: Callable, request_id: str) -> None:
    sent = call(RequestIdMiddleware(echo), X_Request_ID=request_id)
    assert sent.headers["x-request-id"] == request_id
    assert sent.body.decode() == request_id


@pytest.mark.parametrize(
    "request_id",
    [
        pytest.param("", id="empty"),
        pytest.param("x" * 129, id="129 characters"),
        pytest.param("two words", id="a space"),
        pytest.param("id\n", id="a line end"),
        pytest.param("id\r\nSet-Cookie: a=b", id="another header"),
        pytest.param('{"level":"error"}', id="json"),
        pytest.param("../../etc", id="a slash"),
        pytest.param("ünï", id="no ASCII"),
    ],
)
def test_an_invalid_id_is_replaced(call: Callable, request_id: str) -> None:
    """It would be written to the log and to the response."""
    sent = call(RequestIdMiddleware(echo), X_Request_ID=request_id)
    assert NEW.fullmatch(sent.headers["x-request-id"])
    assert sent.body.decode() == sent.headers["x-request-id"]


def test_a_request_without_an_id_gets_a_new_one(call: Callable) -> None:
    ids = [call(RequestIdMiddleware(echo)).headers["x-request-id"] for _ in range(3)]
    assert all(NEW.fullmatch(one) for one in ids)
    assert len(set(ids)) == 3


def test_a_forked_process_makes_ids_of_its_own() -> None:
    """It would otherwise go on with the numbers of its parent."""
    mine = request_id._prefix
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, request_id._prefix.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 16).decode() != mine
    assert request_id._prefix == mine


def test_the_answer_has_one_id_though_the_application_set_another(
    call: Callable, answering: Callable
) -> None:
    app = answering(200, headers={"x-request-id": "theirs"})
    assert call(RequestIdMiddleware(app), X_Request_ID="ours").headers["x-request-id"] == "ours"


def test_a_response_without_headers_gets_the_id(call: Callable) -> None:
    """ASGI allows omitting them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    sent = call(RequestIdMiddleware(app), X_Request_ID="a")
    assert sent.error is None
    assert sent.headers == {"x-request-id": "a"}


def test_the_state_of_the_server_stays(call: Callable) -> None:
    """The context of a request is apart from the state that the lifespan shares."""
    seen: dict[str, object] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope["state"])

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        await RequestIdMiddleware(app)({**scope, "state": {"pool": 1}}, receive, send)

    call(with_state, X_Request_ID="a")
    assert seen == {"pool": 1}


def test_log_lines_carry_the_id_while_the_request_runs(call: Callable, log_lines: Callable) -> None:
    log = structlog.get_logger("test")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        log.info("inside")

    call(RequestIdMiddleware(app), X_Request_ID="a")
    log.info("outside")
    assert [(line["event"], line.get("request_id")) for line in log_lines()] == [
        ("inside", "a"),
        ("outside", None),
    ]


def test_concurrent_requests_have_separate_ids(log_lines: Callable) -> None:
    log = structlog.get_logger("test")

    async def run() -> None:
        started = [anyio.Event(), anyio.Event()]

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            number = int(scope["path"])
            started[number].set()
            await started[1 - number].wait()
            log.info("inside", number=number)

        async def request(number: int) -> None:
            scope = {
                "type": "http",
                "path": str(number),
                "headers": [(b"x-request-id", f"id-{number}".encode())],
            }
            await RequestIdMiddleware(app)(scope, None, None)  # type: ignore[arg-type]

        async with anyio.create_task_group() as group:
            group.start_soon(request, 0)
            group.start_soon(request, 1)

    anyio.run(run)
    assert sorted((line["number"], line["request_id"]) for line in log_lines()) == [
        (0, "id-0"),
        (1, "id-1"),
    ]
