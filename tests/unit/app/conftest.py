"""A driver that feeds the HTTP protocol bytes, as an event loop does, and records its output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.protocol import HttpProtocol, Limits
from middleware.context import context_of


class Transport(asyncio.Transport):
    """A connection in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.half_closed = False
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 4000) if name in ("peername", "sockname") else default

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half_closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


@dataclass
class Exchange:
    """The result of the bytes sent on one connection.

    Attributes:
        scopes: of the requests that reached the application.
        bodies: theirs, as far as they were read.
        refusals: details of the problems of those that could not be parsed; None for others.
    """

    transport: Transport = field(default_factory=Transport)
    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refusals: list[str | None] = field(default_factory=list)

    @property
    def statuses(self) -> list[int]:
        lines = self.transport.written.split(b"HTTP/1.1 ")[1:]
        return [int(line[:3]) for line in lines]

    @property
    def closed(self) -> bool:
        """True if the client sees the end of the connection."""
        return self.transport.half_closed or self.transport.closed

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 with the length of the body, or the status of the problem.

        The path `/unread` is answered without waiting for its body.
        """
        self.scopes.append(scope)
        body, more = b"", scope["path"] != "/unread"
        while more and context_of(scope).malformed is None:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        problem = context_of(scope).malformed
        self.refusals.append(None if problem is None else problem.detail)
        status = 200 if problem is None else problem.code.status
        length = str(len(body)).encode()
        headers = [(b"content-length", str(len(length)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": length})


Send_ = Callable[..., Exchange]


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Send_:
    """Send parts of bytes on a new connection and wait until it is idle."""

    def exchange(*parts: bytes, limits: Limits | None = None, seconds: float = 0.0) -> Exchange:
        monkeypatch.setattr(HttpProtocol, "limits", limits or Limits())
        return asyncio.run(_run_exchange(parts, seconds))

    return exchange


async def _run_exchange(parts: Sequence[bytes], seconds: float) -> Exchange:
    exchange = Exchange()
    config = Config(exchange.app, interface="asgi3", log_config=None)
    config.load()
    protocol = HttpProtocol(
        config=config,
        server_state=ServerState(),
        app_state={},
        _loop=asyncio.get_running_loop(),
    )
    protocol.connection_made(exchange.transport)
    for part in parts:
        protocol.data_received(part)
        await _wait_until_idle()
    await asyncio.sleep(seconds)
    await _wait_until_idle()
    protocol.connection_lost(None)
    return exchange


async def _wait_until_idle() -> None:
    for _ in range(300):
        await asyncio.sleep(0)
