"""A driver that calls ASGI applications message by message and records their messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope

DISCONNECT: Message = {"type": "http.disconnect"}


@dataclass
class SentMessages:
    """The messages that an application sent, and the exception that it raised."""

    messages: list[Message] = field(default_factory=list)
    error: Exception | None = None

    async def send(self, message: Message) -> None:
        self.messages.append(message)

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
        """The headers by name; only Vary may be sent more than once."""
        (start,) = self.starts
        headers: dict[str, str] = {}
        for name, value in ((name.decode(), value.decode()) for name, value in start["headers"]):
            assert name == "vary" or name not in headers, f"a header is sent twice: {name}"
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers

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

    @property
    def code(self) -> str | None:
        """The code of a problem; None for other responses."""
        if self.headers.get("content-type") != "application/problem+json":
            return None
        return str(self.problem["code"])


def http_scope(
    method: str = "GET", path: str = "/", headers: Mapping[str, str] | None = None, **parts: Any
) -> Scope:
    """Return the scope of a request; `_` in the name of a header stands for `-`."""
    raw = [
        (name.lower().replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in (headers or {}).items()
    ]
    query = {"query_string": b""}
    return {"type": "http", "method": method, "path": path, "headers": raw, **query, **parts}


def body_messages(*parts: bytes, complete: bool = True) -> list[Message]:
    """Return the messages of a body, whose last part may be missing."""
    return [
        {"type": "http.request", "body": part, "more_body": number < len(parts) or not complete}
        for number, part in enumerate(parts, start=1)
    ]


def receiver(*messages: Message) -> Receive:
    """Return a caller's side that sends messages, and then stays connected and silent.

    After a disconnect, it sends that again, as a server does.
    """
    waiting = list(messages)

    async def receive() -> Message:
        if not waiting:
            return await anyio.sleep_forever()
        return waiting[0] if waiting[0] == DISCONNECT else waiting.pop(0)

    return receive


async def exchange(app: ASGIApp, scope: Scope, *messages: Message) -> SentMessages:
    """Call an application on one connection, and return what it sent."""
    sent = SentMessages()
    await app(scope, receiver(*messages), sent.send)
    return sent


def run_exchange(app: ASGIApp, scope: Scope, *messages: Message) -> SentMessages:
    """Call an application in an event loop of its own."""
    return anyio.run(exchange, app, scope, *messages)


def send_request(
    app: ASGIApp,
    *,
    method: str = "GET",
    path: str = "/somewhere",
    body: bytes = b"",
    **headers: str,
) -> SentMessages:
    """Send one request, and record the exception if the application raises one."""
    sent = SentMessages()

    async def run() -> None:
        try:
            scope = http_scope(method, path, headers)
            await app(scope, receiver(*body_messages(body)), sent.send)
        except Exception as error:
            sent.error = error

    anyio.run(run)
    return sent
