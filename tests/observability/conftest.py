"""A real server under mixed load, with Redis, Prometheus and Alertmanager."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.paths import ROOT
from load.server import free_port
from storage.artifacts import Store
from tests.conftest import copy_store
from tests.failure.load import Load, Mix
from tests.observability.processes import (
    AlertReceiver,
    Api,
    running_alert_receiver,
    running_alertmanager,
    running_exporter,
    running_prometheus,
)
from tests.support import receiver as events
from tests.support.jobs import JOB_SECONDS
from tests.support.releases import add_other_bundle
from tests.support.servers import Server, running
from tests.support.shops import write_shops
from tests.support.tables import add_days
from tests.support.valkey import Valkey, running_valkey
from tests.support.waiting import wait_until

KEY = "observability-tests-0123456789"
TINY = {"quota": 1, "window": 3600, "burst": 1}
NEWER_DAYS = 2


@dataclass
class Monitored:
    """A server and what watches it.

    Attributes:
        tables: of the retailer, which `mlrf refresh` reads.
    """

    folder: Path
    store: Store
    tables: Path
    port: int
    valkey: Valkey
    receiver: AlertReceiver
    settings: dict[str, str]
    server: Server | None = None
    prometheus: Api = field(init=False)
    alertmanager: Api = field(init=False)

    def request(self, method: str, path: str, *, key: str = KEY, **options: Any) -> httpx.Response:
        headers = {"X-API-Key": key, **options.pop("headers", {})}
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **options)

    def post(self, path: str, **document: Any) -> dict[str, Any]:
        response = self.request("POST", path, json=document)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def get(self, path: str) -> Any:
        response = self.request("GET", path)
        assert response.is_success, response.text
        return response.json()

    def command(self, *arguments: str | Path) -> int:
        """Run `mlrf` with the server's artifacts and database, and return its exit status."""
        own = {
            "PYTHONPATH": str(ROOT),
            "ARTIFACTS_DIR": str(self.store.root),
            "DATABASE_URL": f"sqlite:///{self.folder}/mlrf.db",
        }
        mlrf = Path(sys.executable).with_name("mlrf")
        with (self.folder / "commands.log").open("ab") as log:
            done = subprocess.run(
                [mlrf, *arguments],
                env={**os.environ, **own},
                cwd=self.folder,
                stdout=log,
                stderr=log,
                check=False,
            )
        return done.returncode

    def finish(self, job: dict[str, Any]) -> str:
        """Wait for the end of a job, and return its state."""

        def state() -> str:
            return str(self.get(f"/admin/jobs/{job['id']}")["state"])

        wait_until(lambda: state() not in ("queued", "running"), JOB_SECONDS)
        return state()


@pytest.fixture(scope="module")
def monitored(
    trained: Store, demo_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Monitored]:
    folder = tmp_path_factory.mktemp("monitored")
    store = copy_store(trained, folder)
    tables = Path(shutil.copytree(demo_folder, folder / "data" / "tables"))
    with ExitStack() as stack:
        valkey = stack.enter_context(running_valkey())
        receiver = stack.enter_context(running_alert_receiver())
        settings = {
            "AUTH_MODE": "required",
            "API_KEY": KEY,
            "WORKERS": "2",
            "MAX_DATA_AGE_DAYS": "100000",  # the demo is of the past
            "REQUEST_TIMEOUT_SECONDS": "55",  # the machine trains and scores as well
            "REDIS_URL": valkey.url(),
            "DATA_DIR": str(folder / "data"),
            "FEEDBACK": "1",
            "TIERS": f'{{"tiny": {TINY}}}'.replace("'", '"'),
            "EVENTS_WEBHOOK_URL": f"{receiver.url}/events",
            "EVENTS_WEBHOOK_SECRET": events.SECRET,
        }
        monitored = Monitored(folder, store, tables, free_port(), valkey, receiver, settings)
        monitored.alertmanager = stack.enter_context(running_alertmanager(folder, receiver))
        monitored.server = stack.enter_context(
            running(folder, store, port=monitored.port, **settings)
        )
        monitored.server.wait_for("/readyz")
        made = monitored.post("/admin/keys", client="prometheus", scopes=["monitor"])
        address = f"127.0.0.1:{monitored.port}"
        targets = {"mlrf": address, "mlrf-probe": f"http://{address}/forecast"}
        (folder / "probe-key").write_text(KEY, encoding="utf-8")
        exporter = stack.enter_context(running_exporter(folder, folder / "probe-key"))
        monitored.prometheus = stack.enter_context(
            running_prometheus(folder, targets, made["key"], monitored.alertmanager, exporter)
        )
        yield monitored


@pytest.fixture(scope="module")
def busy(monitored: Monitored) -> Monitored:
    """The server after one of everything that it does, with the newest values scraped."""
    wait_until(lambda: (monitored.get("/admin/jobs")["runner"] or {}).get("alive"))
    send_mixed_load(monitored)
    change_releases(monitored)
    try_another_release(monitored)
    train(monitored)
    wait_for_scrape(monitored)
    return monitored


def send_mixed_load(monitored: Monitored) -> None:
    """Send requests of all kinds, those that are refused included."""
    with Load(f"http://127.0.0.1:{monitored.port}", Mix(monitored.get("/meta")), key=KEY) as load:
        load.more(300)
    node = {"node": "total", "horizon": 7}
    for _ in range(3):
        monitored.post("/forecast", **node)
    monitored.get("/hierarchy?depth=1")
    monitored.post(
        "/predict/batch", predictions=[{"store_nbr": 1, "family": "DAIRY", "horizon": 7}]
    )
    made = monitored.post("/admin/keys", client="tiny", scopes=["forecast"], tier="tiny")
    answers = [
        *(monitored.request("POST", "/forecast", key=made["key"], json=node) for _ in range(3)),
        monitored.request("POST", "/forecast", key=made["key"] + "x", json=node),
        monitored.request("POST", "/forecast", json={"node": "nowhere", "horizon": 7}),
        monitored.request("GET", "/nowhere"),
    ]
    assert {answer.status_code for answer in answers} == {200, 400, 401, 404, 429}


def change_releases(monitored: Monitored) -> None:
    """Let newer sales come by a job and by a command, and compare forecasts with them."""
    add_days(monitored.tables)
    job = monitored.post("/admin/reload-features", source=monitored.tables.name)
    assert monitored.finish(job) == "succeeded"
    for _ in range(NEWER_DAYS):
        add_days(monitored.tables)
        assert monitored.command("refresh", monitored.tables) == 0
    assert monitored.command("score") == 0


def try_another_release(monitored: Monitored) -> None:
    """Let another release repeat requests, then answer some callers."""
    other = add_other_bundle(monitored.store)
    draw = Mix(monitored.get("/meta"))
    for stage, document in (("shadow", {}), ("canary", {"share": 0.5})):
        monitored.post(f"/admin/models/{other}/{stage}", **document)
        with Load(f"http://127.0.0.1:{monitored.port}", draw, key=KEY) as load:
            load.until(lambda: monitored.prometheus.query(TRIALS[stage]))  # noqa: B023
    monitored.post("/admin/rollout/stop")


TRIALS = {
    "shadow": "mlrf_trial_repeated_requests_total > 0",
    "canary": "mlrf_trial_answers_total > 0",
}


def train(monitored: Monitored) -> None:
    """Train a model that does not serve, and fail to train another one."""
    shops = write_shops(monitored.folder / "shops")
    training = ("train", shops, "--recipe", "fast", "--promote", "never")
    assert monitored.command(*training) == 0
    (shops / "sales.csv").write_text("nothing\n", encoding="utf-8")
    assert monitored.command(*training) == 1


def wait_for_scrape(monitored: Monitored) -> None:
    """Wait until Prometheus has the ends of all jobs, which a server looks at now and then."""
    failed = 'mlrf_job_last_timestamp_seconds{kind="training",outcome="failed"}'
    wait_until(lambda: monitored.prometheus.query(failed))
    wait_until(lambda: monitored.prometheus.query("slo:period_error_budget_remaining:ratio"))
