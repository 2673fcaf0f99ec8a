"""A receiver of webhooks: an HTTP server that verifies what it gets with another implementation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret


@dataclass(frozen=True)
class Delivery:
    """A request that was verified.

    Attributes:
        headers: their names in lower case.
        event: the CloudEvents document.
    """

    path: str
    headers: dict[str, str]
    event: dict[str, Any]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass(frozen=True)
class Reply:
    """An answer of the receiver.

    Attributes:
        wait: set before it is sent.
    """

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    wait: Event | None = None


class Receiver:
    """Deliveries of a receiver, and its answers.

    Attributes:
        reply: returns the answer to a delivery, given the number of earlier ones.
        deliveries: those that were verified, in order.
        forged: bodies of those that were not.
        arrived: set with each delivery.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/events?from=mlrf"
        self.reply: Callable[[Delivery, int], Reply] = lambda delivery, number: Reply()
        self.deliveries: list[Delivery] = []
        self.forged: list[bytes] = []
        self.arrived = Event()
        self._lock = Lock()

    @property
    def ids(self) -> list[str]:
        return [delivery.id for delivery in self.deliveries]

    def receive(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        try:
            event = Webhook(SECRET).verify(body.decode(), headers)
        except Exception:  # of the library: another signature, or an old one
            self.forged.append(body)
            return Reply(401)
        assert event == json.loads(body)
        delivery = Delivery(path, headers, event)
        with self._lock:
            number = len(self.deliveries)
            self.deliveries.append(delivery)
        self.arrived.set()
        return self.reply(delivery, number)


@contextmanager
def running_receiver(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = receiver.receive(self.path, headers, body)
            if reply.wait is not None:
                reply.wait.wait(60)
            self.send_response(reply.status)
            for name, value in {"content-length": "0", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    receiver = Receiver(server.server_address[1])
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
