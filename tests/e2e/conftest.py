"""Real servers: `bentoml serve` in processes of its own, as a person or a container starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from artifacts import Store
from settings import ROOT, Settings

START_SECONDS = 60.0
STOP_SECONDS = 15.0
GRACE_SECONDS = 5
_INSIDE = re.compile(r"Traceback|File \"|\.py\b|/(work|tmp|srv|root|home|usr)/")


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        process: its supervisor, which starts the workers and the runners.
        log: what all of them write.
    """

    process: subprocess.Popen[bytes]
    url: str
    log: Path

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

    def wait_for(self, path: str) -> None:
        """Wait until a path answers 200; the process must not end meanwhile."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.get(path).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        pytest.fail(f"{path} was not 200 in time:\n{self.log.read_text()}")

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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        "BENTOML_HOME": str(folder / "bentoml"),
        "ARTIFACTS_DIR": str(store.root),
        "PORT": str(port),
        "RUNNERS": runners,
        "DATABASE_URL": f"sqlite:///{folder}/mlrf.db",
        "AUTH_MODE": "disabled",
        **settings,
    }
    ours = {name.upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    command = [
        *(sys.executable, "-m", "bentoml", "serve", "service:MLRF"),
        *("--working-dir", str(ROOT), "--host", "127.0.0.1", "--port", str(port)),
        *("--timeout-graceful-shutdown", str(GRACE_SECONDS)),
    ]
    log = folder / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=folder, env={**kept, **own}, stdout=written, stderr=written
        )
    try:
        yield Server(process, f"http://127.0.0.1:{port}", log)
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in children:
        if child.is_running():
            child.kill()


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
