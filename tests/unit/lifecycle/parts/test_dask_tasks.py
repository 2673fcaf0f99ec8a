"""Tasks on a Dask cluster: lost workers, stragglers, and what is ready already."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from errors import InputError
from lifecycle.parts import dask_tasks
from lifecycle.parts.dask_cluster import connect_dask
from lifecycle.parts.dask_tasks import iter_results, run_tasks
from storage.artifacts import ArtifactError
from tests.support.dask import (
    Writing,
    hang_once,
    lose_every_worker,
    lose_worker_once,
    name_after_loss,
    refuse,
    write,
    write_elsewhere,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect_dask(None, workers=2, allowed_failures=2) as client:
        yield client


@pytest.fixture
def tasks(tmp_path: Path) -> list[Writing]:
    return [Writing(tmp_path / str(number)) for number in range(6)]


def test_every_task_is_run_and_counted(client: Client, tasks: list[Writing]) -> None:
    done: list[tuple[int, int]] = []
    run_tasks(client, write, tasks, progress=lambda *step: done.append(step))
    assert all(task.file.read_text() == "done" for task in tasks)
    assert done == [(number, 6) for number in range(7)]


def test_a_task_whose_file_exists_is_not_run_again(client: Client, tasks: list[Writing]) -> None:
    for task in tasks[:4]:
        task.file.write_text("before")
    done: list[tuple[int, int]] = []
    run_tasks(client, write, tasks, progress=lambda *step: done.append(step))
    assert [task.file.read_text() for task in tasks] == ["before"] * 4 + ["done"] * 2
    assert done[0] == (4, 6)


def test_a_task_whose_worker_is_killed_is_run_on_another(
    client: Client, tasks: list[Writing]
) -> None:
    run_tasks(client, lose_worker_once, tasks)
    assert all(task.file.exists() for task in tasks)
    assert tasks[0].marker.exists()


def test_a_task_that_kills_every_worker_is_reported(client: Client, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"several workers .* died with deadly"):
        run_tasks(client, lose_every_worker, [Writing(tmp_path / "deadly")])


def test_a_task_that_hangs_is_started_on_an_idle_worker(
    client: Client, tasks: list[Writing], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first result wins; the other is the same."""
    monkeypatch.setattr(dask_tasks, "STRAGGLER_SECONDS", 0.1)
    client.wait_for_workers(2)
    pipe = tasks[-1].file.with_suffix(".pipe")
    os.mkfifo(pipe)
    run_tasks(client, hang_once, tasks)
    assert tasks[-1].marker.exists()
    assert all(task.file.read_text() == "done" for task in tasks)
    pipe.write_bytes(b"go on")  # waits for the first copy, which still reads


def test_results_come_in_the_order_of_the_tasks(client: Client, tmp_path: Path) -> None:
    """The first one loses its worker, and ends last."""
    tasks = [Writing(tmp_path / str(number)) for number in range(6)]
    assert list(iter_results(client, name_after_loss, tasks)) == [*"012345"]
    assert tasks[0].marker.exists()


def test_what_a_task_raises_is_raised(client: Client, tasks: list[Writing]) -> None:
    with pytest.raises(ValueError, match="cannot be computed"):
        run_tasks(client, refuse, tasks)


def test_a_volume_that_is_not_shared_is_named(
    client: Client, tasks: list[Writing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_tasks, "SHARED_SECONDS", 0.0)
    with pytest.raises(ArtifactError, match="must be on a volume that all share"):
        run_tasks(client, write_elsewhere, tasks)


def test_a_cluster_that_stays_without_workers_is_reported(
    tasks: list[Writing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_tasks, "NO_WORKERS_SECONDS", 0.0)
    with connect_dask(None, workers=1) as client:
        client.retire_workers(close_workers=True, remove=True)
        with pytest.raises(InputError, match="no worker for"):
            run_tasks(client, write, tasks)
