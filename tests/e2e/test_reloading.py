"""Reloads under load, as the scenario `reload` asks for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from load.reloading import Reload, newer_tables
from load.serving import serving
from storage.artifacts import Store
from tests.support.jobs import JOB_SECONDS, running_runner
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


def test_reloads_begin_once_a_runner_of_jobs_is_at_work(
    trained: Store, demo_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    data = newer_tables(demo_folder, tmp_path / "data")
    settings = {"DATA_DIR": str(data), "JOB_RUNNER": "false"}
    with serving(trained.root, workers=1, **settings) as product:
        reload = Reload(product, scenario="reload", after=0)
        reload.look(1)  # fails if it asks for a job
        database = f"sqlite:///{product.store.root.parent}/mlrf.db"
        with running_runner(database, product.store, data, tmp_path / "runner.log"):
            started = time.time()
            wait_until(_first_span_of(reload), JOB_SECONDS)
    assert reload.spans[0].began > started


def _first_span_of(reload: Reload) -> Callable[[], bool]:
    def look() -> bool:
        reload.look(1)
        return bool(reload.spans)

    return look
