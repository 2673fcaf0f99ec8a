"""A private supervisor of the workers and the other processes, in the place of BentoML's.

The supervisor (circus) accepts commands over ZeroMQ without authentication. BentoML lets it listen
on TCP ports of the loopback address, where every user of the machine, and every container of the
pod, could read the environment and run commands as the server.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import bentoml._internal.utils.circus as circus
from circus.watcher import Watcher

from config.paths import ROOT

CHECK_SECONDS = 1.0
"""Interval of the checks for dead workers; BentoML's default is 10."""


GRACE_SECONDS = 15
"""Time that a process beside the workers has to end."""


def create_private_arbiter(
    watchers: list[Any],
    *,
    threaded: bool = False,
    beside: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Create a supervisor that only its own user can command, and that replaces dead workers.

    Its sockets are files in a new folder that only this user can enter. All of its security
    depends on that folder: ZeroMQ gives the sockets themselves the usual modes. The folder is
    removed when the supervisor stops. In a container BentoML replaces no dead worker: the server
    would lose one after the other, and end with the last one.

    Args:
        watchers: of the workers and of BentoML's runners.
        threaded: whether it runs in a thread beside its caller.
        beside: modules to run in processes of their own beside them.
    """
    watchers = [*watchers, *(_watch_module(module, watchers[-1].env) for module in beside)]
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


def _watch_module(module: str, environment: dict[str, str] | None) -> Watcher:
    """Return the watcher of a process that runs a module, with the environment of the workers.

    That names the folder of metrics, which any worker exports.
    """
    return Watcher(
        name=module,
        cmd=sys.executable,
        args=["-m", module],
        env=dict(environment or {}),
        copy_env=True,
        working_dir=str(ROOT),
        stop_children=False,  # it ends its own, and records how
        graceful_timeout=GRACE_SECONDS,
        max_retry=-1,
        use_sockets=False,
    )


def install(beside: Sequence[str] = ()) -> None:
    """Make BentoML use this supervisor; to be called before it creates one.

    Args:
        beside: modules to run in processes of their own beside the workers.
    """
    create: Callable[..., Any] = partial(create_private_arbiter, beside=beside)
    circus.create_standalone_arbiter = create
