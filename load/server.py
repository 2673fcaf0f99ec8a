"""`bentoml serve` in separate processes, as a user or a container starts it.

Load runs, benchmarks and end-to-end tests all start a server through this module.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from config.opentelemetry import OpenTelemetrySettings
from config.paths import ROOT
from config.settings import SecretManager, Settings

START_SECONDS = 60.0
STOP_SECONDS = 15.0
GRACE_SECONDS = 5
_LOG_LINES = 30


class NotReadyError(RuntimeError):
    """A server that did not become ready; the message contains the end of its log."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        process: its supervisor, which starts the workers and the runners.
        log: file with the output of all its processes.
    """

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str, **params: object) -> httpx.Response:
        """Send a GET request without an API key."""
        query = {name: str(value) for name, value in params.items()}
        return httpx.get(self.url + path, params=query, timeout=60, trust_env=False)

    def wait_for(self, path: str) -> None:
        """Wait until a path answers 200.

        Raises:
            NotReadyError: the process ended meanwhile, or it takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if (code := self.process.poll()) is not None:
                raise NotReadyError(f"The server ended with exit code {code}:\n{self.log_tail()}")
            try:
                if self.get(path).is_success:
                    return
            except httpx.TransportError:
                pass  # not listening yet
            time.sleep(0.05)
        raise NotReadyError(f"{path} was not 200 within {START_SECONDS:.0f} s:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-_LOG_LINES:])

    def processor_seconds(self) -> float:
        """Return the processor time that its processes have taken so far."""
        supervisor = psutil.Process(self.process.pid)
        times = [each.cpu_times() for each in (supervisor, *supervisor.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer requests, oldest first."""
        children = psutil.Process(self.process.pid).children()
        living = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return sorted((c for c in living if "mlrf" in c.cmdline()), key=lambda c: c.create_time())


@contextmanager
def start_server(
    folder: Path, artifacts: Path, port: int | None = None, /, **settings: str
) -> Iterator[Server]:
    """Yield a server over some artifacts, on a local port; stop it after the block.

    Its other state is in `folder`, and it inherits no settings from the environment. It may not
    be ready yet: see `Server.wait_for`.

    Args:
        port: a free one by default.
        settings: environment variables of the server, by name.
    """
    port = port or free_port()
    own = {
        "BENTOML_HOME": str(folder / "bentoml"),
        "ARTIFACTS_DIR": str(artifacts),
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{folder}/mlrf.db",
        **settings,
    }
    command = [
        # env(1) replaces itself by the server, so the process started here is the server's
        *("env", *(part for name in _variables() for part in ("-u", name))),
        *(f"{name}={value}" for name, value in own.items()),
        *(sys.executable, "-m", "bentoml", "serve", "service:MLRF"),
        *("--working-dir", str(ROOT), "--host", "127.0.0.1", "--port", str(port)),
        *("--timeout-graceful-shutdown", str(GRACE_SECONDS)),
    ]
    log = folder / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(command, cwd=folder, stdout=written, stderr=written)
    try:
        yield Server(process, f"http://127.0.0.1:{port}", log)
    finally:
        end(process)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _variables() -> list[str]:
    """Return the names of all environment variables that the settings are read from."""
    classes = (Settings, SecretManager, OpenTelemetrySettings)
    names = [name.upper() for cls in classes for name in cls.model_fields]
    files = [f"{name}_FILE" for name in (*Settings.secrets(), *SecretManager.secrets())]
    return [*names, *files]


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a server and all processes that it has started."""
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
