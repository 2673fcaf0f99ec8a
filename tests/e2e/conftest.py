"""Real servers: `bentoml serve` in processes of its own, as a person or a container starts it."""

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
from load.server import end as _end

__all__ = ["GRACE_SECONDS", "Server", "_end", "running"]

_INSIDE = re.compile(r"Traceback|File \"|\.py\b|/(work|tmp|srv|root|home|usr)/")


@dataclass(frozen=True)
class Server(processes.Server):
    """A running server, whose every refusal is a problem."""

    def get(self, path: str, **params: object) -> httpx.Response:
        return self.request("GET", path, params=params)

    def post(self, path: str, **document: object) -> httpx.Response:
        return self.request("POST", path, json=document)

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send a request; any answer that is no success must be a problem."""
        response = httpx.request(method, self.url + path, timeout=60, trust_env=False, **how)
        if not response.is_success:
            assert response.headers["content-type"] == "application/problem+json", response.text
            document = response.json()
            assert document["status"] == response.status_code
            assert document["request_id"] == response.headers["x-request-id"]
            assert not _INSIDE.search(response.text), response.text
        return response

    def child(self, service: str) -> psutil.Process:
        """The process of one of the services."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        (found,) = [child for child in children if service in child.cmdline()]
        return found

    def stop(self) -> int:
        """End the server as an orchestrator does, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


Serve = Callable[..., Server]


@contextmanager
def running(
    folder: Path, store: Store, *, runners: str = "inproc", **settings: str
) -> Iterator[Server]:
    """A server over some artifacts, with everything else of its own; ends with the block.

    Without authentication, unless `settings`, environment variables, say otherwise.
    """
    own = {"RUNNERS": runners, "AUTH_MODE": "disabled", **settings}
    with processes.started(folder, store.root, **own) as server:
        yield Server(server.process, server.url, server.log)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts one server for this test."""
    with_servers: list[Any] = []

    def serve(store: Store, *, runners: str = "inproc", **settings: str) -> Server:
        context = running(tmp_path, store, runners=runners, **settings)
        with_servers.append(context)
        return context.__enter__()

    yield serve
    for context in with_servers:
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
