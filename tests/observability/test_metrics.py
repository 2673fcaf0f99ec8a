"""Every metric that the code declares moves on a real server, and no other appears."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from features.data.snapshot_files import load_snapshot
from lifecycle.monitoring.scoring import score
from lifecycle.refresh import refresh
from storage.artifacts import Store
from storage.database import open_database, writing
from storage.drift_events import Detector, DriftEvent, Severity, add_event
from storage.migrations import upgrade
from telemetry.instruments import DECLARED
from tests.conftest import copy_store
from tests.failure.conftest import KEY, Target, two_workers
from tests.failure.load import Request
from tests.support.receiver import SECRET, Receiver, Reply, running_receiver
from tests.support.releases import add_other_bundle
from tests.support.servers import workers_of
from tests.support.tables import add_days
from tests.support.valkey import Valkey, running_valkey
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

SERIES = {"store_nbr": 1, "family": "DAIRY"}
JOB_SECONDS = 180.0

MAY_BE_ZERO = {"mlrf_reconciliation_clipped_total", "mlrf_reconciliation_residual_ratio"}
"""Faults of forecasts that the demo's do not have; their tests are those of the reconciliation."""


class Traffic:
    """Calls of a server of two workers, one for each part that has metrics."""

    def __init__(self, target: Target, store: Store, valkey: Valkey, receiver: Receiver) -> None:
        self.target = target
        self.store = store
        self.valkey = valkey
        self.receiver = receiver
        self.newest = load_snapshot(store.snapshots / store.current().snapshot).facts.origin

    def families(self) -> list[Metric]:
        return list(text_string_to_metric_families(self.target.get("/metrics").text))

    def moves(self, name: str, **labels: str) -> None:
        """Wait until a metric is above zero."""
        wait_until(lambda: self.target.metric(name, **labels) > 0, JOB_SECONDS)

    def post(self, path: str, document: dict[str, Any], **headers: str) -> httpx.Response:
        return self.target.client.post(
            path, json=document, headers={"X-API-Key": KEY, **headers}, timeout=60
        )

    def past(self, days: int, **more: Any) -> dict[str, Any]:
        return {**SERIES, "horizon": 90, "date": str(self.newest - timedelta(days)), **more}

    def answers(self) -> None:
        """Ask for answers of every kind, from the cache and computed, right and wrong ones."""
        self.post("/predict/simple", self.past(20), **{"Cache-Control": "no-cache"})
        for worker in workers_of(self.target.server):  # the second one finds it in Redis
            worker.post("/predict/simple", json=self.past(21), headers={"X-API-Key": KEY})
        promoted = {"adjustments": {"onpromotion": 3}, "horizon": 7}
        assert self.post("/whatif", {**SERIES, **promoted}).status_code == 200
        assert self.post("/explain", {**SERIES, "horizon": 3}).status_code == 200
        assert self.post("/predict/simple", {}).status_code == 400
        asyncio.run(self._ask_together(self.past(40)))
        for horizon in range(1, 91):  # more than the cache takes
            for depth in ("1", "3"):
                self.target.get("/hierarchy", horizon=str(horizon), depth=depth)
        caller = self.target.new_key("till", tier="standard")
        assert (
            self.target.post(
                Request("/forecast", {"node": "total", "horizon": 7}), caller
            ).status_code
            == 200
        )
        features = self.target.get("/meta").json()["features"]
        row = {"features": dict.fromkeys(features[:1]), **SERIES, "date": self.past(-1)["date"]}
        self.post("/predict", row)
        self.moves("mlrf_feedback_recorded_total")
        rows, width = 1500, len(features)  # more than is recorded of one request
        data = [7.0] * (rows * width)  # of which one is the horizon
        tensor = {"name": "rows", "datatype": "FP32", "shape": [rows, width], "data": data}
        inferred = self.post("/v2/models/mlrf/infer", {"inputs": [tensor]})
        assert inferred.status_code == 200, inferred.text
        self.moves("mlrf_feedback_dropped_total", reason="large")

    async def _ask_together(self, document: dict[str, Any]) -> None:
        async with httpx.AsyncClient(base_url=self.target.server.url, timeout=60) as client:
            calls = (
                client.post("/predict/simple", json=document, headers={"X-API-Key": KEY})
                for _ in range(50)
            )
            assert {each.status_code for each in await asyncio.gather(*calls)} == {200}

    def jobs(self) -> None:
        """Let a reload succeed, and one fail."""
        for source, outcome in (("newer", "succeeded"), ("wrong", "failed")):
            started = self.post("/admin/reload-features", {"source": source, "force": True})
            assert started.status_code == 202, started.text
            self.moves("mlrf_job_last_timestamp_seconds", kind="reload", outcome=outcome)
            self.moves("mlrf_jobs_total", kind="reload", outcome=outcome)

    def trial(self) -> None:
        """Try another release as a shadow, then as a canary."""
        other = add_other_bundle(self.store)
        assert self.post(f"/admin/models/{other}/shadow", {}).status_code == 200
        day = 100

        def repeated() -> bool:
            nonlocal day
            day += 1
            self.post("/predict/simple", self.past(day))
            return self.target.metric("mlrf_trial_repeated_requests_total") > 0

        wait_until(repeated, JOB_SECONDS)
        assert self.post(f"/admin/models/{other}/canary", {"share": 1.0}).status_code == 200

        def answered() -> bool:
            self.post("/predict/simple", self.past(30))
            return self.target.metric("mlrf_trial_answers_total") > 0

        wait_until(answered, JOB_SECONDS)
        self.moves("mlrf_trial_share", stage="canary")

    def outages(self) -> None:
        """Refuse events for a while, then take Redis away."""
        for outcome in ("failed", "sent"):
            self.moves("mlrf_events_total", outcome=outcome)
            self.receiver.reply = lambda delivery, number: Reply(204)
        self.valkey.kill()
        wait_until(lambda: self.target.is_degraded("redis"))
        self.moves("mlrf_redis_errors_total")


@pytest.fixture(scope="module")
def traffic(
    trained: Store,
    demo_folder: Path,
    odd_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Traffic]:
    folder = tmp_path_factory.mktemp("metrics")
    store = copy_store(trained, folder)
    data = folder / "data"
    shutil.copytree(odd_folder, data / "newer")  # it has stores that the model has not seen
    tables = Path(shutil.copytree(demo_folder, data / "wrong"))
    for _ in range(2):
        add_days(tables)
        refresh(store, tables)
    (tables / "train.parquet").write_bytes(b"not a table")
    database = f"sqlite:///{folder}/mlrf.db"
    engine = open_database(database)
    upgrade(engine)
    score(store, engine)
    with writing(engine) as connection:
        add_event(connection, _drift(store.current().bundle))
    with (
        running_valkey() as valkey,
        running_receiver() as receiver,
    ):
        receiver.reply = lambda delivery, number: Reply(503)
        settings = {
            "DATABASE_URL": database,
            "DATA_DIR": str(data),
            "REDIS_URL": valkey.url(),
            "CACHE_SECRET": "a secret of the cache, shared by the workers",
            "CACHE_MAX_BYTES": str(2**20),
            "FEEDBACK": "1",
            "EVENTS_WEBHOOK_URL": receiver.url,
            "EVENTS_WEBHOOK_SECRET": SECRET,
        }
        with two_workers(folder, store, **settings) as target:
            yield Traffic(target, store, valkey, receiver)
    engine.dispose()


def _drift(bundle: str) -> DriftEvent:
    return DriftEvent(
        bundle=bundle,
        detector=Detector.LOSS,
        subject="store",
        bucket="1-7",
        severity=Severity.WARNING,
        figure=0.3,
        reference=0.2,
        since=date(2024, 6, 1),
        opened=date(2024, 6, 10),
        judged=date(2024, 6, 10),
        message="errors are larger",
        look="/accuracy",
    )


def test_every_declared_metric_moves_and_no_other_appears(traffic: Traffic) -> None:
    seen: dict[str, float] = {}

    def look() -> None:
        """Keep the largest value of each metric: some go back to zero meanwhile."""
        for family in traffic.families():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            instrument = DECLARED.get(name)
            assert instrument is not None, f"{name} is not declared"
            assert family.type == instrument.kind
            for sample in family.samples:
                assert set(sample.labels) - {"le"} == set(instrument.labels), sample
                if not sample.name.endswith("_created"):
                    seen[name] = max(seen.get(name, 0.0), abs(sample.value))

    traffic.moves("mlrf_events_waiting")
    look()
    for part in (traffic.answers, traffic.jobs, traffic.trial, traffic.outages):
        part()
        look()
    assert DECLARED.keys() - seen.keys() == set(), "never exported"
    assert {name for name, value in seen.items() if not value} <= MAY_BE_ZERO, "never above zero"
