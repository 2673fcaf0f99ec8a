"""Servers of two workers over real parts, and what tests ask of them while something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from artifacts import Store
from tests.e2e.conftest import Server, running
from tests.failure.load import Ask, Load, Mix

KEY = "failure-tests-0123456789"
SETTINGS = {
    "AUTH_MODE": "required",
    "API_KEY": KEY,
    "WORKERS": "2",
    "MAX_DATA_AGE_DAYS": "100000",  # the demo is of the past
}
LOOKS = 12
"""Connections over which both workers of a server are met, more likely than not."""


@dataclass(frozen=True)
class Target:
    """A server of two workers that is asked with a key, over a new connection each time."""

    server: Server
    draw: Mix
    client: httpx.Client

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.client.get(path, params=params, headers={"X-API-Key": KEY})

    def post(self, ask: Ask, key: str = KEY) -> httpx.Response:
        headers = {"X-API-Key": key, "Content-Type": ask.media_type}
        return self.client.post(ask.path, content=ask.content, headers=headers)

    def load(self, draw: Callable[[], Ask] | None = None, **how: Any) -> Load:
        """Clients that ask for a mix of everything, or for what is drawn."""
        return Load(self.server.url, draw or self.draw, **{"key": KEY, **how})

    def degraded(self, reason: str) -> bool:
        """Whether /health gives a reason, whoever answers, and the metrics do."""
        met = (self.get("/health").json() for _ in range(LOOKS))
        return all(reason in _names(health) for health in met) and self._told(reason) == 1

    def well(self, reason: str) -> bool:
        """Whether no worker gives a reason any more, and nothing else is wrong."""
        met = (self.get("/health").json() for _ in range(LOOKS))
        return self._told(reason) == 0 and all(health["status"] == "ok" for health in met)

    def _told(self, reason: str) -> float:
        """What the metrics say of a reason: of all workers the one that is worst off."""
        return self.metric("mlrf_degraded", reason=reason)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with some labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = (sample for family in families for sample in family.samples)
        return sum(
            sample.value
            for sample in samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def new_key(self, client: str, tier: str = "unlimited") -> str:
        """A key of the database that may ask for forecasts."""
        document = {"client": client, "scopes": ["forecast", "whatif", "explain"], "tier": tier}
        made = self.post(Ask("/admin/keys", document))
        assert made.status_code == 201, made.text
        key: str = made.json()["key"]
        return key

    def workers(self) -> list[psutil.Process]:
        """The processes that answer, oldest first."""
        children = psutil.Process(self.server.process.pid).children()
        living = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        return sorted((c for c in living if "mlrf" in c.cmdline()), key=lambda c: c.create_time())

    def met(self, load: Load) -> None:
        """Let clients go on until every worker has answered some of them."""
        load.until(lambda: all(map(self._has_client, self.workers())), 30)
        load.more(30, 30)

    def _has_client(self, worker: psutil.Process) -> bool:
        port = self.client.base_url.port
        return any(
            connection.laddr.port == port and connection.status == psutil.CONN_ESTABLISHED
            for connection in worker.net_connections("tcp")
        )


def _names(health: Mapping[str, Any]) -> set[str]:
    return {reason["name"] for reason in health["reasons"]}


@contextmanager
def two_workers(folder: Path, store: Store, **settings: str) -> Iterator[Target]:
    """A server with a key, whose two workers have answered already; ends with the block."""
    with running(folder, store, **{**SETTINGS, **settings}) as server, asking(server) as client:
        server.wait_for("/readyz")
        meta = client.get("/meta", headers={"X-API-Key": KEY}).json()
        target = Target(server, Mix(meta), client)
        for _ in range(2):  # what is asked first takes longest
            with target.load() as load:
                target.met(load)
        yield target


def asking(server: Server) -> httpx.Client:
    return httpx.Client(
        base_url=server.url,
        headers={"Connection": "close"},
        timeout=30,
        trust_env=False,
        verify=False,
    )
