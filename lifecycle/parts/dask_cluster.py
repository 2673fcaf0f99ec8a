"""The connection to a Dask cluster: that of a scheduler, or a local one.

None of this is secured: Dask communicates unencrypted and accepts any connection. Run a cluster in
a network of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster

from errors import InputError

_LOOPBACK = "127.0.0.1"
_LOCAL = {
    # no HTTP servers of the scheduler and the workers
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.no-workers-timeout": "30s",
}
_CONNECT = "20s"


@contextmanager
def connect_dask(
    scheduler: str | None, *, workers: int, allowed_failures: int = 0
) -> Iterator[Client]:
    """Yield a client of the cluster of a scheduler, or of a local one that ends with it.

    Args:
        scheduler: address such as ``tcp://scheduler:8786``; if None, a cluster on the loopback
            address of this machine is started, of `workers` processes with one thread each.
        allowed_failures: workers of a local cluster that may die with a task before it fails.

    Raises:
        InputError: there is no scheduler, or it has no workers.
    """
    with ExitStack() as stack:
        if scheduler is None:
            failures = {"distributed.scheduler.allowed-failures": allowed_failures}
            stack.enter_context(dask.config.set(_LOCAL | failures))
            cluster: Any = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host=_LOOPBACK,
                    dashboard_address=f"{_LOOPBACK}:0",  # None would use a fixed port
                    memory_limit=None,
                )
            )
        client = stack.enter_context(_connect(scheduler or cluster))
        if not client.nthreads():
            raise InputError(f"the Dask scheduler at {scheduler} has no workers")
        yield client


def _connect(cluster: Any) -> Client:
    try:
        return Client(cluster, timeout=_CONNECT)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {cluster}") from error
