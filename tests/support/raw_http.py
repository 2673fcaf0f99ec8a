"""A client that sends bytes as they are, for requests that no client library would make."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from middleware.security_headers import HEADERS

TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Reply:
    """Everything that a server sent until it closed the connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document of the reply, after checks of the headers."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers.items() >= HEADERS.items()
        document: dict[str, Any] = orjson.loads(self.body)
        assert document["status"] == self.status
        assert document["request_id"] == self.headers["x-request-id"]
        return document


def connect(url: str, timeout: float = TIMEOUT_SECONDS) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port or 80), timeout=timeout)


def read_all(
    connection: socket.socket, *ignored: type[OSError], max_bytes: int | None = None
) -> bytes:
    """Read until the server closes, or has sent more than `max_bytes`.

    Args:
        ignored: errors that end the reply like a close, such as a reset by a server that does
            not read a whole request.
    """
    received = bytearray()
    with suppress(*ignored):
        while (max_bytes is None or len(received) <= max_bytes) and (
            part := connection.recv(65536)
        ):
            received += part
    return bytes(received)


def parse_reply(received: bytes) -> Reply:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Reply(int(first.split()[1]), headers, body)


def send_bytes(url: str, *parts: bytes) -> Reply:
    """Send bytes on a connection of their own, and read until the server closes it."""
    with connect(url) as connection:
        for part in parts:
            connection.sendall(part)
        return parse_reply(read_all(connection))
