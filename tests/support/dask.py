"""A Dask cluster of processes of its own, and tasks that lose their worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distributed import Client

from load.server import free_port

QUIET = ("--host", "127.0.0.1", "--no-dashboard")


@dataclass
class Cluster:
    """A scheduler, and workers that follow it."""

    address: str
    scheduler: subprocess.Popen[bytes]


@contextmanager
def running_cluster(workers: int) -> Iterator[Cluster]:
    """Run a scheduler and workers until the end, whatever happened to them meanwhile."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    module = [sys.executable, "-m"]
    scheduler = [*module, "distributed.cli.dask_scheduler", "--port", str(port), *QUIET]
    worker = [*module, "distributed.cli.dask_worker", address, "--nthreads", "1", *QUIET]
    processes = [
        subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        for command in (scheduler, [*worker, "--nworkers", str(workers)])
    ]
    try:
        with Client(address, timeout="60s") as client:
            client.wait_for_workers(workers, timeout=60)
        yield Cluster(address, processes[0])
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@dataclass(frozen=True)
class Writing:
    """A task that writes its file; with a marker, only if it was run before."""

    file: Path

    @property
    def marker(self) -> Path:
        return self.file.with_suffix(".begun")

    def is_first(self) -> bool:
        """Return whether it was not run before."""
        try:
            self.marker.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def write(task: Writing) -> None:
    task.file.write_text("done")


def write_elsewhere(task: Writing) -> None:
    """Write a file that the client does not see."""


def lose_worker_once(task: Writing) -> None:
    """Kill the worker at the first time, if the file is that of the first task."""
    if task.file.name == "0" and task.is_first():
        os.kill(os.getpid(), signal.SIGKILL)
    write(task)


def name_after_loss(task: Writing) -> str:
    """Return the name of the file of a task; kill the worker at the first time of the first."""
    lose_worker_once(task)
    return task.file.name


def lose_every_worker(task: Writing) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang_once(task: Writing) -> None:
    """Wait for a writer of a named pipe at the first time, if the file is that of the last task."""
    if task.file.name == "5" and task.is_first():
        task.file.with_suffix(".pipe").read_bytes()
    write(task)


def refuse(task: Writing) -> None:
    raise ValueError(f"{task.file.name} cannot be computed")
