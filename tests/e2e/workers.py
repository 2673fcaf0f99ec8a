"""Requests to one worker of a server.

All workers accept from one socket, so which of them answers is chance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from tests.e2e.conftest import Server

ATTEMPTS = 500
DEADLINE_SECONDS = 20.0


@dataclass(frozen=True)
class Worker:
    """One of the processes that answer requests."""

    process: psutil.Process
    url: str

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request over a connection that this worker has accepted."""
        for _ in range(ATTEMPTS):
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


def wait(condition: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> float:
    """Wait until a condition holds, and return the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not come about in time"
        time.sleep(0.05)
    return time.monotonic() - began
