"""The queue without a runner: what is listed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle.job_queue import JobQueue, NoRunnerError
from lifecycle.jobs import JobKind
from storage.errors import StorageError
from tests.support.jobs import ANNA


def test_a_queue_that_no_runner_has_opened_is_empty(queue: JobQueue) -> None:
    assert queue.all() == []
    assert queue.find("0123456789abcdef") is None
    assert queue.runner() is None
    assert queue.cancel("0123456789abcdef", by=ANNA) is None
    with pytest.raises(NoRunnerError, match="No runner of jobs has been seen: "):
        queue.add(JobKind.RELOAD, {"source": "june", "force": False}, by=ANNA)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("postgresql://nobody@127.0.0.1:1/none", id="no server"),
        pytest.param("sqlite:////proc/none/keys.db", id="no folder"),
    ],
)
def test_a_database_that_cannot_be_reached_is_an_error(url: str) -> None:
    queue = JobQueue(url)
    with pytest.raises(StorageError):
        queue.all()
    queue.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_database_that_does_not_exist_is_an_error_and_no_empty_queue(url: str) -> None:
    queue = JobQueue(url.replace("/postgres?", "/missing?"))
    with pytest.raises(StorageError, match="missing"):
        queue.all()
    queue.close()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_file_of_the_queue_is_beside_that_of_the_keys_and_private(
    url: str, queue: JobQueue, tmp_path: Path
) -> None:
    queue.all()
    file = tmp_path / "var" / "keys-jobs.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "var" / "keys.db").exists()
