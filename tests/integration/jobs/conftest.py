"""A queue in a database of each kind, and a runner in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecycle.job_queue import JobQueue
from storage.artifacts import Store
from tests.integration.reload.conftest import data as data  # a fixture
from tests.support.jobs import Desk, RunningRunner, running_runner


@pytest.fixture
def queue(url: str) -> Iterator[JobQueue]:
    queue = JobQueue(url)
    yield queue
    queue.close()


@pytest.fixture
def desk(queue: JobQueue, own_store: Store) -> Desk:
    return Desk(queue, own_store)


@pytest.fixture
def runner(url: str, own_store: Store, data: Path, tmp_path: Path) -> Iterator[RunningRunner]:
    """A runner that works on the queue."""
    with running_runner(url, own_store, data, tmp_path / "runner.log") as runner:
        yield runner
