"""Requests to a middleware alone, the applications inside, and the lines that it logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from typing import Any

import pytest
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from telemetry.logs import configure_logging
from telemetry.request_log import request_log
from tests.support.asgi import SentMessages, send_request

Call = Callable[..., SentMessages]


@pytest.fixture
def call() -> Call:
    """Send one request to an application."""
    return send_request


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
