"""A driver that calls ASGI applications message by message and records their messages."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemetry.logs import configure_logging
from telemetry.request_log import request_log


@dataclass
class SentMessages:
    """The messages that an application sent, and the exception that it raised."""

    messages: list[Message] = field(default_factory=list)
    error: Exception | None = None

    @property
    def starts(self) -> list[Message]:
        return [item for item in self.messages if item["type"] == "http.response.start"]

    @property
    def status(self) -> int:
        (start,) = self.starts
        status: int = start["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        (start,) = self.starts
        pairs = [(name.decode(), value.decode()) for name, value in start["headers"]]
        assert len(dict(pairs)) == len(pairs), f"a header is sent twice: {pairs}"
        return dict(pairs)

    @property
    def body(self) -> bytes:
        return b"".join(item.get("body", b"") for item in self.messages)

    @property
    def finished(self) -> bool:
        """True if the server would treat the response as complete."""
        last = self.messages[-1]
        return last["type"] == "http.response.body" and not last.get("more_body", False)

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["content-length"] == str(len(self.body))
        assert self.finished
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        return document


Call = Callable[..., SentMessages]


@pytest.fixture
def call() -> Call:
    """Send one request to an application."""

    def call(
        app: ASGIApp,
        *,
        method: str = "GET",
        path: str = "/somewhere",
        body: bytes = b"",
        **headers: str,
    ) -> SentMessages:
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [
                (name.lower().replace("_", "-").encode(), value.encode("latin-1"))
                for name, value in headers.items()
            ],
        }
        sent = SentMessages()

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        async def send(message: Message) -> None:
            sent.messages.append(message)

        async def run() -> None:
            try:
                await app(scope, receive, send)
            except Exception as error:
                sent.error = error

        anyio.run(run)
        return sent

    return call


@pytest.fixture
def answering() -> Callable[..., ASGIApp]:
    """Return an application that sends the same response to every request."""

    def answering(
        status: int,
        *parts: bytes,
        headers: dict[str, str] | None = None,
        error: Exception | None = None,
    ) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            pairs = [(n.encode(), v.encode()) for n, v in (headers or {}).items()]
            await send({"type": "http.response.start", "status": status, "headers": pairs})
            for number, part in enumerate(parts or (b"",)):
                more = number + 1 < len(parts)
                await send({"type": "http.response.body", "body": part, "more_body": more})
            if error:
                raise error

        return app

    return answering


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configure logging as the server does; return a function that gives the lines so far."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.TextIOWrapper(io.BytesIO())
    request_log.flush()  # lines of earlier tests
    with redirect_stderr(written):
        configure_logging("INFO")
    structlog.configure(cache_logger_on_first_use=False)  # the next test has another stream

    def lines() -> list[dict[str, Any]]:
        request_log.flush()
        return [json.loads(line) for line in written.buffer.getvalue().splitlines()]

    try:
        yield lines
    finally:
        request_log.configure(lambda lines: None, logging.INFO)
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()
