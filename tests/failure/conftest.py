"""Servers of two workers over real parts, and their state during a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from storage.artifacts import Store
from tests.failure.load import Load, Mix, Request
from tests.support.servers import Server, running

KEY = "failure-tests-0123456789"
SETTINGS = {
    "AUTH_MODE": "required",
    "API_KEY": KEY,
    "WORKERS": "2",
    "MAX_DATA_AGE_DAYS": "100000",  # the demo is of the past
}
PROBES = 12
"""Connections, over which both workers are very likely to answer at least once."""


@dataclass(frozen=True)
class Target:
    """A server of two workers; each request has a key and a new connection."""

    server: Server
    draw: Mix
    client: httpx.Client

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.client.get(path, params=params, headers={"X-API-Key": KEY})

    def post(self, request: Request, key: str = KEY) -> httpx.Response:
        headers = {"X-API-Key": key, "Content-Type": request.media_type}
        return self.client.post(request.path, content=request.content, headers=headers)

    def load(self, draw: Callable[[], Request] | None = None, **options: Any) -> Load:
        """Return clients that send the usual mix, or requests from `draw`."""
        return Load(self.server.url, draw or self.draw, **{"key": KEY, **options})

    def is_degraded(self, reason: str) -> bool:
        """Tell if /health of every worker and the metrics report a reason."""
        answers = (self.get("/health").json() for _ in range(PROBES))
        return (
            all(reason in _reason_names(health) for health in answers)
            and self._degraded_value(reason) == 1
        )

    def is_healthy(self, reason: str) -> bool:
        """Tell if no worker reports the reason or any other one."""
        answers = (self.get("/health").json() for _ in range(PROBES))
        return self._degraded_value(reason) == 0 and all(
            health["status"] == "ok" for health in answers
        )

    def _degraded_value(self, reason: str) -> float:
        """Return the metric of a reason: 1 if at least one worker reports it."""
        return self.metric("mlrf_degraded", reason=reason)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = (sample for family in families for sample in family.samples)
        return sum(
            sample.value
            for sample in samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def new_key(self, client: str, tier: str = "unlimited") -> str:
        """Create a key for forecasts in the database."""
        document = {"client": client, "scopes": ["forecast", "whatif", "explain"], "tier": tier}
        made = self.post(Request("/admin/keys", document))
        assert made.status_code == 201, made.text
        key: str = made.json()["key"]
        return key

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes, oldest first."""
        workers = []
        for child in psutil.Process(self.server.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                if child.status() != psutil.STATUS_ZOMBIE and "mlrf" in child.cmdline():
                    workers.append(child)
        return sorted(workers, key=lambda worker: worker.create_time())

    def wait_for_all_workers(self, load: Load) -> None:
        """Wait until every worker has answered some of the clients."""
        load.until(lambda: all(map(self._has_client, self.workers())), 30)
        load.more(30, 30)

    def _has_client(self, worker: psutil.Process) -> bool:
        port = self.client.base_url.port
        return any(
            connection.laddr.port == port and connection.status == psutil.CONN_ESTABLISHED
            for connection in worker.net_connections("tcp")
        )


def _reason_names(health: Mapping[str, Any]) -> set[str]:
    return {reason["name"] for reason in health["reasons"]}


@contextmanager
def two_workers(folder: Path, store: Store, **settings: str) -> Iterator[Target]:
    """Run a server whose two workers have answered already, until the block ends."""
    with (
        running(folder, store, **{**SETTINGS, **settings}) as server,
        open_client(server) as client,
    ):
        server.wait_for("/readyz")
        meta = client.get("/meta", headers={"X-API-Key": KEY}).json()
        target = Target(server, Mix(meta), client)
        for _ in range(2):  # the first requests take longest
            with target.load() as load:
                target.wait_for_all_workers(load)
        yield target


def open_client(server: Server) -> httpx.Client:
    return httpx.Client(
        base_url=server.url,
        headers={"Connection": "close"},
        timeout=30,
        trust_env=False,
        verify=False,
    )
