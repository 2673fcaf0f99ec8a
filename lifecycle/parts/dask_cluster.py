"""The connection to a Dask cluster: that of a scheduler, or a local one.

Connections are secured by certificates (`lifecycle.parts.dask_security`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster, Security

from errors import InputError
from lifecycle.parts.dask_security import Certificates, security_of

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
    scheduler: str | None,
    *,
    workers: int,
    allowed_failures: int = 0,
    certificates: Certificates | None = None,
) -> Iterator[Client]:
    """Yield a client of the cluster of a scheduler, or of a local one that ends with it.

    Args:
        scheduler: address such as ``tls://scheduler:8786``; if None, a cluster on the loopback
            address of this machine is started, of `workers` processes with one thread each.
        allowed_failures: workers of a local cluster that may die with a task before it fails.
        certificates: of this client, for an address that begins with ``tls://``.

    Raises:
        InputError: there is no scheduler, it has no workers, or it needs certificates.
    """
    security = security_of(scheduler, certificates)
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
                    security=True,  # certificates of its own: not for other users of the machine
                )
            )
        client = stack.enter_context(_connect(scheduler or cluster, security))
        try:
            client.wait_for_workers(1, timeout=_CONNECT)
        except TimeoutError:
            raise InputError(f"the Dask scheduler at {scheduler} has no workers") from None
        yield client


def _connect(cluster: Any, security: Security | None) -> Client:
    try:
        return Client(cluster, timeout=_CONNECT, security=security)
    except (OSError, ValueError) as error:
        refused = "" if security is None else ", or it does not accept the certificate"
        raise InputError(f"no Dask scheduler answers at {cluster}{refused}") from error
