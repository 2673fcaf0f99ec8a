"""A Dask scheduler and workers in processes of their own, as an operator starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.paths import ROOT
from lifecycle.parts.dask_security import Certificates
from tests.support.waiting import wait_until

_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class DaskProcesses:
    """A running cluster.

    Attributes:
        address: of the scheduler.
        workers: processes that started the workers: their nannies.
    """

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def dask_processes(
    folder: Path, *, workers: int, certificates: Certificates | None = None, **environment: str
) -> Iterator[DaskProcesses]:
    """Start a scheduler and workers on the loopback address, and end them."""
    file = folder / "scheduler.json"
    options = ["--host", "127.0.0.1"]
    if certificates is not None:
        options += ["--protocol", "tls", "--tls-ca-file", str(certificates.authority)]
        options += ["--tls-cert", str(certificates.certificate)]
        options += ["--tls-key", str(certificates.key)]
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, *options, "--no-dashboard"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
                stdout=subprocess.DEVNULL,
                stderr=stack.enter_context((folder / f"{arguments[0]}.log").open("ab")),
            )
            stack.callback(_stop, process)
            return process

        scheduler = start("scheduler", "--port", "0", "--scheduler-file", str(file))
        wait_until(lambda: file.exists() and file.read_text().endswith("}"))
        address = json.loads(file.read_text())["address"]
        started = [
            start("worker", address, "--nthreads", "1", "--local-directory", str(folder))
            for _ in range(workers)
        ]
        yield DaskProcesses(address, scheduler, started)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
