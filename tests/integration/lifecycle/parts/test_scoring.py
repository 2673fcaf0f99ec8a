"""Scoring on a Dask cluster: the bits of one machine, whatever is lost on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from config.paths import ROOT
from errors import InputError
from features.data.snapshot import Snapshot
from lifecycle.parts.scoring import DaskScoring, dask_scoring
from models import base_forecasts
from models.bundle import Bundle
from models.engine import ForecastEngine
from models.serving.forecast_store import find_forecasts
from models.serving.release import load_engine, load_release
from storage.artifacts import STAGING, Store
from tests.support.dask import running_cluster

pytestmark = pytest.mark.slow

Progress = Callable[[int, int], None]


@pytest.fixture
def forecaster(bundle: Bundle, snapshot: Snapshot) -> ForecastEngine:
    return ForecastEngine(bundle, snapshot)


@pytest.fixture(autouse=True)
def _one_site_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_forecasts, "PART_ROWS", 1)


@pytest.fixture
def unscored(own_store: Store) -> Store:
    """A store without forecasts; those that one machine makes are beside it."""
    release = own_store.current()
    shutil.rmtree(own_store.forecasts)
    load_engine.cache_clear()
    load_release(own_store, release)
    folder = find_forecasts(own_store, release)
    assert folder is not None
    folder.rename(own_store.root / folder.name)
    load_engine.cache_clear()
    return own_store


def expected_name(store: Store) -> str:
    """Return the name of the forecasts that one machine has made; it holds their digest."""
    release = store.current()
    (folder,) = store.root.glob(f"{release.bundle}.{release.snapshot}-*")
    return folder.name


def score(store: Store, scoring: DaskScoring, progress: Progress = lambda done, total: None) -> str:
    """Make the forecasts of a store's release on a cluster, and return their name."""
    release = store.current()
    load_engine.cache_clear()
    load_release(store, release, progress=progress, score_parts=scoring)
    folder = find_forecasts(store, release)
    assert folder is not None
    return folder.name


def results_of(store: Store) -> dict[str, int]:
    """Return the files of parts that are ready, with the time at which each was written."""
    files = store.forecasts.glob(f"{STAGING}parts-*/*.npy")
    return {f"{file.parent.name}/{file.name}": file.stat().st_mtime_ns for file in files}


def parts_of(store: Store) -> int:
    return len(load_engine(store, store.current()).snapshot.split(1))


def test_forecasts_of_two_workers_are_those_of_one_machine(unscored: Store) -> None:
    done: list[tuple[int, int]] = []
    with dask_scoring(unscored, scheduler=None, workers=2) as scoring:
        name = score(unscored, scoring, lambda *step: done.append(step))
        origins = 2  # the newest one, and that of the recent days
        assert len(results_of(unscored)) == origins * 2 * parts_of(unscored)
    assert name == expected_name(unscored)
    total = 2 * parts_of(unscored)
    assert [step for step, _ in done] == sorted(step for step, _ in done)
    assert done[-1] == (total, total)
    assert not results_of(unscored), "the results of the parts are removed in the end"


def test_a_killed_worker_loses_only_its_task(unscored: Store) -> None:
    with dask_scoring(unscored, scheduler=None, workers=2) as scoring:
        killed: list[int] = []

        def kill(done: int, total: int) -> None:
            if done == 2 and not killed:
                (pid, *_) = scoring.client.run(os.getpid).values()
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

        assert score(unscored, scoring, kill) == expected_name(unscored)
    assert killed


def test_a_run_that_loses_its_scheduler_goes_on_with_what_is_ready(unscored: Store) -> None:
    with running_cluster(workers=2) as cluster:

        def kill(done: int, total: int) -> None:
            if done == 3:
                cluster.scheduler.kill()
                cluster.scheduler.wait()

        def lose() -> None:
            with dask_scoring(unscored, scheduler=cluster.address) as scoring:
                score(unscored, scoring, kill)

        with pytest.raises(InputError, match="scheduler was lost; run the command again"):
            lose()
    ready = results_of(unscored)
    assert len(ready) >= 3
    assert find_forecasts(unscored, unscored.current()) is None
    done: list[int] = []
    with dask_scoring(unscored, scheduler=None, workers=1) as scoring:
        name = score(unscored, scoring, lambda count, total: done.append(count))
        assert results_of(unscored).items() >= ready.items(), "a part was computed again"
    assert done[0] >= 3
    assert name == expected_name(unscored)


CLIENT = """
import os, signal
from pathlib import Path
from lifecycle.parts.scoring import dask_scoring
from models import base_forecasts
from models.bundle import Bundle
from models.serving.release import load_release
from storage.artifacts import Store

def kill(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

base_forecasts.PART_ROWS = 1
store = Store(Path({root!r}))
with dask_scoring(store, scheduler={address!r}) as scoring:
    load_release(store, store.current(), progress=kill, score_parts=scoring)
"""


def test_a_client_that_was_killed_goes_on_with_what_is_ready(unscored: Store) -> None:
    with running_cluster(workers=2) as cluster:
        script = CLIENT.format(root=str(unscored.root), address=cluster.address)
        ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=300, check=False)
        assert ended.returncode == -signal.SIGKILL
        ready = results_of(unscored)
        assert len(ready) >= 3
        with dask_scoring(unscored, scheduler=cluster.address) as scoring:
            assert score(unscored, scoring) == expected_name(unscored)
            assert results_of(unscored).items() >= ready.items(), "a part was computed again"


def test_results_for_other_inputs_are_not_read(
    forecaster: ForecastEngine, own_store: Store
) -> None:
    """Forecasts of a past origin and of fewer days have files of their own."""
    newest = forecaster.snapshot.newest_origin
    runs = ((newest, 90, None), (newest - 100, 90, None), (newest - 100, 90, 5), (newest, 14, None))
    with dask_scoring(own_store, scheduler=None, workers=1) as scoring:
        for origin, days, lead in runs:
            horizons = np.arange(1, days + 1)
            here = forecaster.base_forecasts(origin, horizons, lead=lead)
            there = forecaster.base_forecasts(origin, horizons, lead=lead, score_parts=scoring)
            assert there.tobytes() == here.tobytes()
        assert len(set(scoring.folders)) == len(runs)


def test_a_worker_that_does_not_see_the_snapshot_names_its_path(
    forecaster: ForecastEngine, tmp_path: Path
) -> None:
    elsewhere = Store(tmp_path)
    with (
        pytest.raises(Exception, match=str(elsewhere.snapshots)),
        dask_scoring(elsewhere, scheduler=None, workers=1) as scoring,
    ):
        forecaster.base_forecasts(forecaster.snapshot.newest_origin, score_parts=scoring)
