"""BentoML's supervisor, which starts the workers and the runners, made safe and quick.

The supervisor (circus) takes commands over ZeroMQ and asks nobody who they are. BentoML lets it
listen on TCP ports of the loopback address, where every user of the machine, and every container
of the pod, could read the environment and run commands as the server.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import bentoml._internal.utils.circus as circus

CHECK_SECONDS = 1.0
"""Between two looks for workers that died; BentoML's default is 10."""


def create_private_arbiter(watchers: list[Any], *, threaded: bool = False, **options: Any) -> Any:
    """Return a supervisor that only its own user can command, and that replaces dead workers.

    Its sockets are files in a new folder that only this user can enter, on which all of its
    safety rests: ZeroMQ gives the sockets themselves the usual modes. The folder is removed when
    the supervisor stops. In a container BentoML replaces no dead worker: the others would go on
    without it, and with the last one the server would end.

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
        endpoint=_address(folder.name, "control"),
        pubsub_endpoint=_address(folder.name, "events"),
        **{"check_delay": CHECK_SECONDS, **options},
    )
    arbiter.exit_stack.callback(folder.cleanup)
    return arbiter


def _address(folder: str, name: str) -> str:
    return f"ipc://{Path(folder) / name}"


def install() -> None:
    """Have BentoML use this supervisor; to be called before it makes one."""
    circus.create_standalone_arbiter = create_private_arbiter


def is_supervisor() -> bool:
    """Whether this process will start the workers: `bentoml serve`, and no worker itself."""
    return sys.argv[1:2] == ["serve"]
