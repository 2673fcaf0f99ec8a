"""Two workers of a real server: they share what was computed, and follow new data together."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from artifacts import Store
from features.snapshot import Snapshot
from tests.e2e.conftest import Server, running
from tests.e2e.workers import Worker, wait, workers_of
from tests.integration.cache.conftest import Server as Valkey
from tests.integration.reload.conftest import add_day

pytestmark = pytest.mark.e2e

SERIES: dict[str, Any] = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
RELOADS = "/admin/reload-features"


@dataclass(frozen=True)
class Running:
    """A server that may replace its data, and where its tables lie."""

    server: Server
    workers: list[Worker]
    data: Path


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, trained: Store, demo_folder: Path
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("sharing")
    store = Store(Path(shutil.copytree(trained.root, folder / "artifacts")))
    data = folder / "data"
    for name in ("newer", "wrong"):
        shutil.copytree(demo_folder, data / name)
    add_day(data / "newer")
    (data / "wrong" / "oil.parquet").unlink()
    (data / "wrong" / "oil.csv").write_text("date,dcoilwtico\n2024-06-01,70.5\n2024-06-02,much\n")
    valkey = Valkey()
    settings = {
        "WORKERS": "2",
        "REDIS_URL": valkey.url(),
        "CACHE_SECRET": "a secret of the cache, shared by the workers",
        "DATA_DIR": str(data),
    }
    try:
        with running(folder, store, **settings) as server:
            server.wait_for("/readyz")
            wait(lambda: len(workers_of(server)) == 2)
            yield Running(server, workers_of(server), data)
    finally:
        valkey.kill()


def ago(newest: Snapshot, days: int) -> str:
    return (newest.facts.origin - timedelta(days)).isoformat()


def cached(server: Server) -> Counter[tuple[str, str]]:
    """How many requests the cache has answered, by tier and outcome, in all workers."""
    counts: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(server.get("/metrics").text):
        for sample in family.samples:
            if sample.name == "mlrf_cache_requests_total":
                counts[sample.labels["tier"], sample.labels["outcome"]] += int(sample.value)
    return counts


# --- answers ----------------------------------------------------------------------------------


def test_what_one_worker_has_computed_the_other_has_byte_for_byte(
    shared: Running, snapshot: Snapshot
) -> None:
    past = {**SERIES, "horizon": 15, "date": ago(snapshot, 20)}
    promoted = {"adjustments": {"onpromotion": {"op": "add", "value": 2}}}
    first, second = shared.workers
    before = cached(shared.server)
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/predict/simple", {"json": past}),
        ("GET", "/hierarchy", {"params": {"horizon": 15, "date": past["date"]}}),
        ("POST", "/explain", {"json": past}),
        ("POST", "/whatif", {"json": {**past, **promoted}}),
    ]
    for method, path, how in asked:
        computed = first.request(method, path, **how)
        found = second.request(method, path, **how)
        again = second.request(method, path, **how)
        anew = second.request(method, path, headers={"Cache-Control": "no-cache"}, **how)
        answers = (computed, found, again, anew)
        assert [told.headers["x-cache"] for told in answers] == ["miss", "hit", "hit", "bypass"]
        assert {told.content for told in answers} == {computed.content}, path
        assert computed.status_code == 200
    counted = {
        ("none", "miss"): 4,
        ("redis", "hit"): 4,
        ("memory", "hit"): 4,
        ("none", "bypass"): 4,
    }
    # what the other worker has counted, it tells four times a second
    deadline = time.monotonic() + 5
    while (grown := cached(shared.server) - before) != counted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert grown == counted


def test_many_equal_requests_at_once_are_computed_once(shared: Running, snapshot: Snapshot) -> None:
    """At both workers together."""
    asked = {**SERIES, "horizon": 90, "date": ago(snapshot, 77)}
    before = cached(shared.server)

    async def together() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            base_url=shared.server.url, limits=limits, timeout=60, trust_env=False
        ) as client:
            return await asyncio.gather(
                *(client.post("/predict/simple", json=asked) for _ in range(200))
            )

    answers = asyncio.run(together())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers["x-cache"] for answer in answers) == {"miss": 1, "hit": 199}
    grown = cached(shared.server) - before
    assert grown["none", "miss"] == 1
    assert grown["redis", "hit"] <= 1, "and a worker asks Redis once for all who wait"


# --- data -------------------------------------------------------------------------------------


def job_of(shared: Running, source: str) -> tuple[str, httpx.Response]:
    """Where a reload that was begun tells how far it is."""
    begun = shared.server.post(RELOADS, source=source)
    return begun.headers.get("location", ""), begun


def ended(shared: Running, location: str) -> dict[str, Any]:
    """A job when it has ended, as every worker tells it."""

    def jobs() -> list[dict[str, Any]]:
        return [worker.get(location).json() for worker in shared.workers]

    wait(lambda: all(job["state"] in ("succeeded", "failed") for job in jobs()), 60)
    first, second = jobs()
    assert first == second
    return first


def served(shared: Running) -> list[dict[str, Any]]:
    """The snapshot that each worker serves."""
    return [worker.get("/health").json()["snapshot"] for worker in shared.workers]


def test_tables_with_a_fault_change_nothing_and_the_job_says_where(shared: Running) -> None:
    before = served(shared)
    location, begun = job_of(shared, "wrong")
    assert begun.status_code == 202
    job = ended(shared, location)
    assert (job["state"], job["snapshot"]) == ("failed", None)
    assert job["detail"] == (
        "wrong/oil.csv, row 3, column dcoilwtico: 'much' where a number is expected"
    )
    assert served(shared) == before
    reasons = shared.server.get("/health").json()["reasons"]
    assert "offered_pair" not in [reason["name"] for reason in reasons]


def test_a_source_outside_of_the_tables_is_refused(shared: Running) -> None:
    for source in ("../x", "/etc", "nowhere"):
        refused = shared.server.post(RELOADS, source=source)
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_SOURCE")


def test_newer_tables_are_served_by_every_worker_and_no_request_fails_meanwhile(
    shared: Running, snapshot: Snapshot
) -> None:
    """Comes last: the data are others then."""
    newest = snapshot.facts.origin
    asked = {**SERIES, "horizon": 15}
    before = shared.server.post("/predict/simple", **asked).json()
    done = Event()

    def keep_asking(past: bool) -> Counter[tuple[int, str]]:
        told: Counter[tuple[int, str]] = Counter()
        number = 0
        while not done.is_set():
            number += 1
            day = {"date": ago(snapshot, 100 + number % 50)} if past else {}
            response = shared.server.post("/predict/simple", **asked, **day)
            told[response.status_code, response.json()["snapshot"]["origin"]] += 1
        return told

    with ThreadPoolExecutor() as pool:
        asking = [pool.submit(keep_asking, past) for past in (False, True)]
        try:
            location, begun = job_of(shared, "newer")
            _, second = job_of(shared, "newer")
            job = ended(shared, location)
            took = wait(lambda: {told["origin"] for told in served(shared)} == {_after(newest)})
            wait(lambda: shared.server.post("/predict/simple", **asked).status_code == 200)
        finally:
            done.set()
        told = asking[0].result() + asking[1].result()
    assert (begun.status_code, begun.json()["state"]) == (202, "queued")
    assert location == f"{RELOADS}/{begun.json()['id']}"
    assert (second.status_code, second.json()["code"]) == (409, "CONFLICT")
    assert job["state"] == "succeeded", job
    assert took < 10
    assert {status for status, _ in told} == {200}
    assert {origin for _, origin in told} <= {newest.isoformat(), _after(newest)}
    after = shared.server.post("/predict/simple", **asked).json()
    assert (before["origin"], after["origin"]) == (newest.isoformat(), _after(newest))
    assert after["snapshot"]["digest"] == job["snapshot"].rpartition("-")[2]
    assert after["date"] == _after(newest + timedelta(1))
    assert after["model_version"] == before["model_version"] == job["bundle"]


def _after(day: date) -> str:
    return (day + timedelta(1)).isoformat()
