"""Real servers: `bentoml serve` in processes of its own, as in production."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from artifacts import Store
from load import server as processes
from load.server import GRACE_SECONDS, STOP_SECONDS
from load.server import end as end_process

__all__ = ["GRACE_SECONDS", "Server", "end_process", "running"]

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


Serve = Callable[..., Server]


@contextmanager
def running(
    folder: Path, store: Store, *, runners: str = "inproc", **settings: str
) -> Iterator[Server]:
    """Run a server over a store of artifacts until the block ends.

    Authentication is disabled unless `settings` (environment variables) enable it.
    """
    own = {"RUNNERS": runners, "AUTH_MODE": "disabled", **settings}
    with processes.start_server(folder, store.root, **own) as server:
        yield Server(server.process, server.url, server.log)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers that end with the test."""
    contexts: list[Any] = []

    def serve(store: Store, *, runners: str = "inproc", **settings: str) -> Server:
        context = running(tmp_path, store, runners=runners, **settings)
        contexts.append(context)
        return context.__enter__()

    yield serve
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module", params=["inproc", "remote"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, trained: Store
) -> Iterator[Server]:
    """A server with a model, its runners in the worker or in processes of their own."""
    folder = tmp_path_factory.mktemp(request.param)
    with running(folder, trained, runners=request.param) as started:
        started.wait_for("/readyz")
        yield started
