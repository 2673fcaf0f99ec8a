"""A private supervisor of the workers and the runners, in the place of BentoML's.

The supervisor (circus) accepts commands over ZeroMQ without authentication. BentoML lets it listen
on TCP ports of the loopback address, where every user of the machine, and every container of the
pod, could read the environment and run commands as the server.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import bentoml._internal.utils.circus as circus

CHECK_SECONDS = 1.0
"""Interval of the checks for dead workers; BentoML's default is 10."""


def create_private_arbiter(watchers: list[Any], *, threaded: bool = False, **options: Any) -> Any:
    """Create a supervisor that only its own user can command, and that replaces dead workers.

    Its sockets are files in a new folder that only this user can enter. All of its security
    depends on that folder: ZeroMQ gives the sockets themselves the usual modes. The folder is
    removed when the supervisor stops. In a container BentoML replaces no dead worker: the server
    would lose one after the other, and end with the last one.

    Args:
        watchers: of the workers and the runners.
        threaded: whether it runs in a thread beside its caller.
    """
    for watcher in watchers:
        watcher.respawn = True
    # its mode is 0700, and its name short: the address of a socket ends at 107 characters
    folder = tempfile.TemporaryDirectory(prefix="mlrf-")
    kind = circus.ThreadedArbiter if threaded else circus.Arbiter
    arbiter = kind(
        watchers,
        endpoint=_socket_address(folder.name, "control"),
        pubsub_endpoint=_socket_address(folder.name, "events"),
        **{"check_delay": CHECK_SECONDS, **options},
    )
    arbiter.exit_stack.callback(folder.cleanup)
    return arbiter


def _socket_address(folder: str, name: str) -> str:
    return f"ipc://{Path(folder) / name}"


def install() -> None:
    """Make BentoML use this supervisor; to be called before it creates one."""
    circus.create_standalone_arbiter = create_private_arbiter


def is_supervisor() -> bool:
    """Return whether this process is `bentoml serve`, which starts the workers."""
    return sys.argv[1:2] == ["serve"]
