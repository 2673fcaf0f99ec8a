"""Jobs of a real server: trainings over HTTP, and what a kill or a restart does to them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from lifecycle.jobs import INTERRUPTED
from storage.artifacts import Store
from tests.support.jobs import JOB_SECONDS
from tests.support.servers import Server, running
from tests.support.shops import write_shops
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

Job = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def store(folder: Path, trained: Store) -> Store:
    return Store(Path(shutil.copytree(trained.root, folder / "artifacts")))


@pytest.fixture(scope="module")
def settings(folder: Path) -> dict[str, str]:
    write_shops(folder / "data" / "shops")
    return {"DATA_DIR": str(folder / "data"), "WORKERS": "1"}


@pytest.fixture(scope="module")
def server(folder: Path, store: Store, settings: dict[str, str]) -> Iterator[Server]:
    with running(folder, store, **settings) as server:
        wait_for_runner(server)
        yield server


def wait_for_runner(server: Server) -> None:
    server.wait_for("/readyz")
    wait_until(lambda: (server.get("/admin/jobs").json()["runner"] or {}).get("alive"))


def train(server: Server, **fields: object) -> Job:
    response = server.post("/admin/training", data="shops", recipe="fast", **fields)
    assert response.status_code == 202, response.text
    job: Job = response.json()
    return job


def read(server: Server, job: Job) -> Job:
    current: Job = server.get(f"/admin/jobs/{job['id']}").json()
    return current


def finish(server: Server, job: Job) -> Job:
    wait_until(lambda: read(server, job)["state"] not in ("queued", "running"), JOB_SECONDS)
    return read(server, job)


def process_of_job(server: Server) -> psutil.Process:
    """Wait for the process that executes a job, and return it."""

    def processes() -> list[psutil.Process]:
        children = psutil.Process(server.process.pid).children(recursive=True)
        return [child for child in children if "training.job" in child.cmdline()]

    wait_until(processes)
    (process,) = processes()
    return process


def wait_for_fit(server: Server, job: Job) -> psutil.Process:
    """Wait until a training reports real progress, and return its process."""
    wait_until(lambda: (read(server, job)["progress"] or {}).get("step"), JOB_SECONDS)
    return process_of_job(server)


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_training_that_is_cancelled_ends_with_its_process(server: Server, store: Store) -> None:
    before = store.current()
    job = train(server)
    process = wait_for_fit(server, job)
    cancelled = server.request("POST", f"/admin/jobs/{job['id']}/cancel")
    assert cancelled.json()["cancelled_by"]
    job = finish(server, job)
    assert (job["state"], job["result"]) == ("cancelled", None)
    assert has_ended(process)
    assert job["progress"]["step"] >= 1
    assert store.current() == before


def test_a_training_whose_process_is_killed_has_failed(server: Server) -> None:
    job = train(server)
    wait_for_fit(server, job).kill()
    assert finish(server, job)["detail"] == (
        "The job was interrupted: its process ended with signal 9."
    )


def test_a_runner_that_is_killed_is_replaced_and_its_training_is_gone(server: Server) -> None:
    job = train(server)
    process = wait_for_fit(server, job)
    runner = process.parent()
    assert runner is not None
    runner.kill()
    wait_until(lambda: has_ended(process))
    job = finish(server, job)
    assert (job["state"], job["detail"]) == ("failed", INTERRUPTED)
    assert server.get("/readyz").is_success, "workers do not depend on it"


def test_a_training_serves_its_model_and_says_who_asked(server: Server, store: Store) -> None:
    """With all its steps, by the recipe and the process that users get."""
    job = finish(server, train(server, promote="always"))
    assert job["state"] == "succeeded", job
    result = job["result"]
    assert (result["served"], result["verdict"]) == (True, None)
    assert job["progress"]["step"] == job["progress"]["steps"] > 20
    assert store.current().bundle == result["bundle"]
    wait_until(lambda: server.get("/health").json()["model_version"] == result["bundle"])
    active = server.get("/admin/models").json()["models"][0]
    assert (active["bundle"], active["by"]) == (result["bundle"], job["by"])
    check = finish(server, train(server, dry_run=True))
    assert check["result"]["tables"]["seconds"] > 1, "that of the training of this recipe"


def test_a_server_that_is_killed_leaves_no_training_and_its_successor_does_what_waited(
    tmp_path: Path, trained: Store, settings: dict[str, str]
) -> None:
    """The training in the queue is executed then; the one that ran is reported."""
    store = Store(Path(shutil.copytree(trained.root, tmp_path / "artifacts")))
    with running(tmp_path, store, **settings) as server:
        wait_for_runner(server)
        job = train(server)
        process = wait_for_fit(server, job)
        waiting = train(server)
        family = [process, *psutil.Process(server.process.pid).children(recursive=True)]
        server.process.kill()
        for each in family:  # its workers and its runner would notice later
            if not has_ended(each) and each != process:
                each.kill()
        wait_until(lambda: has_ended(process))
    with running(tmp_path, store, **settings) as server:
        wait_for_runner(server)
        interrupted = finish(server, job)
        assert (interrupted["state"], interrupted["detail"]) == ("failed", INTERRUPTED)
        wait_for_fit(server, waiting)
        server.request("POST", f"/admin/jobs/{waiting['id']}/cancel")
        assert finish(server, waiting)["state"] == "cancelled"


def test_a_large_upload_is_streamed(server: Server, folder: Path) -> None:
    """It is larger than `MAX_BODY_BYTES`, and no worker holds it in memory."""
    size = 60 * 1024**2
    (worker,) = server.workers()
    before = worker.memory_info().rss

    def content() -> Iterator[bytes]:
        for _ in range(size // 65_536):
            yield b"x" * 65_536

    response = httpx.put(
        f"{server.url}/admin/data/large/train.csv", content=content(), timeout=120, trust_env=False
    )
    assert response.json()["bytes"] == size, response.text
    assert worker.memory_info().rss - before < size / 3
    assert server.request("DELETE", "/admin/data/large").is_success
