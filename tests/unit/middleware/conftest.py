"""Drives ASGI applications message by message, as a server does, and records what they send."""

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


@dataclass
class Sent:
    """What an application sent to the server, and the exception that it ended in."""

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
        """Whether the server would take the answer as complete."""
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


Call = Callable[..., Sent]


@pytest.fixture
def call() -> Call:
    """Sends one request to an application."""

    def call(
        app: ASGIApp,
        *,
        method: str = "GET",
        path: str = "/somewhere",
        body: bytes = b"",
        **headers: str,
    ) -> Sent:
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [
                (name.lower().replace("_", "-").encode(), value.encode("latin-1"))
                for name, value in headers.items()
            ],
        }
        sent = Sent()

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
    """Makes an application that sends one answer, whatever it is asked."""

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
    """Our own logging, as the server sets it up; gives the lines written so far."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.TextIOWrapper(io.BytesIO())
    with redirect_stderr(written):
        configure_logging("INFO")
    structlog.configure(cache_logger_on_first_use=False)  # the next test writes elsewhere
    try:
        yield lambda: [json.loads(line) for line in written.buffer.getvalue().splitlines()]
    finally:
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()
