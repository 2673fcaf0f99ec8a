"""Real servers: `bentoml serve` in processes of its own, as in production."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from load import server as processes
from load.server import STOP_SECONDS
from storage.artifacts import Store

_ATTEMPTS = 500
_INTERNALS = re.compile(r"Traceback|File \"|\.py\b|/(work|tmp|srv|root|home|usr)/")


@dataclass(frozen=True)
class Server(processes.Server):
    """A running server; every error of it must be a problem document."""

    def get(self, path: str, **params: object) -> httpx.Response:
        return self.request("GET", path, params=params)

    def post(self, path: str, **document: object) -> httpx.Response:
        return self.request("POST", path, json=document)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; fail unless an error is a problem document."""
        response = httpx.request(method, self.url + path, timeout=60, trust_env=False, **options)
        if not response.is_success:
            assert response.headers["content-type"] == "application/problem+json", response.text
            document = response.json()
            assert document["status"] == response.status_code
            assert document["request_id"] == response.headers["x-request-id"]
            assert not _INTERNALS.search(response.text), response.text
        return response

    def child(self, service: str) -> psutil.Process:
        """Return the process of one of the services."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        (match,) = [child for child in children if service in child.cmdline()]
        return match

    def stop(self) -> int:
        """End the server with SIGTERM, as an orchestrator does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def running(
    folder: Path,
    store: Store,
    *,
    runners: str = "inproc",
    port: int | None = None,
    **settings: str,
) -> Iterator[Server]:
    """Run a server over a store of artifacts until the block ends.

    Authentication is disabled unless `settings` (environment variables) enable it.
    """
    own = {"RUNNERS": runners, "AUTH_MODE": "disabled", **settings}
    with processes.start_server(folder, store.root, port, **own) as server:
        yield Server(server.process, server.url, server.log)


@dataclass(frozen=True)
class Worker:
    """One of the processes that answer requests.

    All of them accept from one socket, so which of them answers is chance.
    """

    process: psutil.Process
    url: str

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request over a connection that this worker has accepted."""
        for _ in range(_ATTEMPTS):
            with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
                if self._holds_connection(client.get("/livez")):
                    return client.request(method, path, **options)
        raise AssertionError(f"process {self.process.pid} accepts no connection")

    def _holds_connection(self, answer: httpx.Response) -> bool:
        """Tell if this worker holds the connection of a response."""
        port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
        ends = self.process.net_connections("tcp")
        return any(end.raddr and end.raddr.port == port for end in ends)


def workers_of(server: Server) -> list[Worker]:
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [Worker(child, server.url) for child in children if "mlrf" in child.cmdline()]
