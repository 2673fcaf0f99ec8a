"""Two workers of a real server share cached answers, and both follow new data."""

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

from features.data.snapshot import Snapshot
from storage.artifacts import Store
from tests.support.servers import Server, Worker, running, workers_of
from tests.support.tables import add_days
from tests.support.valkey import running_valkey
from tests.support.waiting import DEADLINE_SECONDS, wait_until

pytestmark = pytest.mark.e2e

SERIES: dict[str, Any] = {"store_nbr": 1, "family": "LIQUOR,WINE,BEER"}
RELOADS = "/admin/reload-features"


@dataclass(frozen=True)
class Running:
    """A server that may reload its data, and the folder of its tables."""

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
    add_days(data / "newer")
    (data / "wrong" / "oil.parquet").unlink()
    (data / "wrong" / "oil.csv").write_text("date,dcoilwtico\n2024-06-01,70.5\n2024-06-02,much\n")
    settings = {
        "WORKERS": "2",
        "CACHE_SECRET": "a secret of the cache, shared by the workers",
        "DATA_DIR": str(data),
    }
    with (
        running_valkey() as valkey,
        running(folder, store, REDIS_URL=valkey.url(), **settings) as server,
    ):
        server.wait_for("/readyz")
        wait_until(lambda: len(workers_of(server)) == 2)
        wait_until(lambda: server.get("/admin/jobs").json()["runner"])
        yield Running(server, workers_of(server), data)


def ago(newest: Snapshot, days: int) -> str:
    return (newest.facts.origin - timedelta(days)).isoformat()


def count_cache_requests(server: Server) -> Counter[str]:
    """Count the requests to the cache by outcome, over all workers."""
    return Counter(
        {
            sample.name.removeprefix("mlrf_cache_").removesuffix("_total"): int(sample.value)
            for family in text_string_to_metric_families(server.get("/metrics").text)
            if family.type == "counter"
            for sample in family.samples
            if sample.name.startswith("mlrf_cache_")
        }
    )


# --- answers ----------------------------------------------------------------------------------


def test_an_answer_computed_by_one_worker_is_a_hit_in_the_other(
    shared: Running, snapshot: Snapshot
) -> None:
    past = {**SERIES, "horizon": 15, "date": ago(snapshot, 20)}
    promoted = {"adjustments": {"onpromotion": {"op": "add", "value": 2}}}
    first, second = shared.workers
    before = count_cache_requests(shared.server)
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/predict/simple", {"json": past}),
        ("GET", "/hierarchy", {"params": {"horizon": 15, "date": past["date"]}}),
        ("POST", "/explain", {"json": past}),
        ("POST", "/whatif", {"json": {**past, **promoted}}),
    ]
    for method, path, options in requests:
        computed = first.request(method, path, **options)
        from_redis = second.request(method, path, **options)
        again = second.request(method, path, **options)
        anew = second.request(method, path, headers={"Cache-Control": "no-cache"}, **options)
        answers = (computed, from_redis, again, anew)
        assert [answer.headers["x-cache"] for answer in answers] == ["miss", "hit", "hit", "bypass"]
        assert {answer.content for answer in answers} == {computed.content}, path
        assert computed.status_code == 200
    expected = {"misses": 4, "hits": 8, "redis_hits": 4, "bypasses": 4}
    # the other worker publishes its counts four times a second
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (
        grown := count_cache_requests(shared.server) - before
    ) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert grown == expected


def test_equal_concurrent_requests_are_computed_once(shared: Running, snapshot: Snapshot) -> None:
    """Over both workers together."""
    body = {**SERIES, "horizon": 90, "date": ago(snapshot, 77)}
    before = count_cache_requests(shared.server)

    async def send_together() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            base_url=shared.server.url, limits=limits, timeout=60, trust_env=False
        ) as client:
            return await asyncio.gather(
                *(client.post("/predict/simple", json=body) for _ in range(200))
            )

    answers = asyncio.run(send_together())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers["x-cache"] for answer in answers) == {"miss": 1, "hit": 199}
    grown = count_cache_requests(shared.server) - before
    assert grown["misses"] == 1
    assert grown["redis_hits"] <= 1, "a worker asks Redis one time for all waiting requests"


# --- data -------------------------------------------------------------------------------------


def start_reload(shared: Running, source: str) -> tuple[str, httpx.Response]:
    """Start a reload; return the location of its job, and the response."""
    response = shared.server.post(RELOADS, source=source)
    return response.headers.get("location", ""), response


def wait_for_job(shared: Running, location: str) -> dict[str, Any]:
    """Wait for the end of a job, and return it as every worker reports it."""

    def jobs() -> list[dict[str, Any]]:
        return [worker.get(location).json() for worker in shared.workers]

    wait_until(lambda: all(job["state"] in ("succeeded", "failed") for job in jobs()), 60)
    first, second = jobs()
    assert first == second
    return first


def served_snapshots(shared: Running) -> list[dict[str, Any]]:
    """Return the snapshot that each worker serves."""
    return [worker.get("/health").json()["snapshot"] for worker in shared.workers]


def test_faulty_tables_change_nothing_and_the_job_names_the_place(shared: Running) -> None:
    before = served_snapshots(shared)
    location, started = start_reload(shared, "wrong")
    assert started.status_code == 202
    job = wait_for_job(shared, location)
    assert (job["state"], job["snapshot"]) == ("failed", None)
    assert job["detail"] == (
        "wrong/oil.csv, row 3, column dcoilwtico: 'much' where a number is expected"
    )
    assert served_snapshots(shared) == before
    reasons = shared.server.get("/health").json()["reasons"]
    assert "offered_pair" not in [reason["name"] for reason in reasons]


def test_a_source_outside_of_the_tables_is_refused(shared: Running) -> None:
    for source in ("../x", "/etc", "nowhere"):
        refused = shared.server.post(RELOADS, source=source)
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_SOURCE")


def test_newer_tables_are_served_by_every_worker_without_a_failed_request(
    shared: Running, snapshot: Snapshot
) -> None:
    """Run last: the data are replaced afterwards."""
    newest = snapshot.facts.origin
    body = {**SERIES, "horizon": 15}
    before = shared.server.post("/predict/simple", **body).json()
    done = Event()

    def keep_sending(past: bool) -> Counter[tuple[int, str]]:
        counts: Counter[tuple[int, str]] = Counter()
        number = 0
        while not done.is_set():
            number += 1
            day = {"date": ago(snapshot, 100 + number % 50)} if past else {}
            response = shared.server.post("/predict/simple", **body, **day)
            counts[response.status_code, response.json()["snapshot"]["origin"]] += 1
        return counts

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(keep_sending, past) for past in (False, True)]
        try:
            location, started = start_reload(shared, "newer")
            _, second = start_reload(shared, "newer")
            shared.server.post(f"/admin/jobs/{second.json()['id']}/cancel")
            job = wait_for_job(shared, location)
            wait_until(
                lambda: (
                    {snapshot["origin"] for snapshot in served_snapshots(shared)}
                    == {_after(newest)}
                )
            )
            wait_until(lambda: shared.server.post("/predict/simple", **body).status_code == 200)
        finally:
            done.set()
        counts = clients[0].result() + clients[1].result()
    assert (started.status_code, started.json()["state"]) == (202, "queued")
    assert location == f"{RELOADS}/{started.json()['id']}"
    assert (second.status_code, second.json()["state"]) == (202, "queued"), "it waits"
    assert job["state"] == "succeeded", job
    assert {status for status, _ in counts} == {200}
    assert {origin for _, origin in counts} <= {newest.isoformat(), _after(newest)}
    after = shared.server.post("/predict/simple", **body).json()
    assert (before["origin"], after["origin"]) == (newest.isoformat(), _after(newest))
    assert after["snapshot"]["digest"] == job["snapshot"].rpartition("-")[2]
    assert after["date"] == _after(newest + timedelta(1))
    assert after["model_version"] == before["model_version"] == job["bundle"]


def _after(day: date) -> str:
    return (day + timedelta(1)).isoformat()
