"""The process of a training, in the process of the test: what it trains, serves and reports."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from errors import InputError
from features.data.snapshot_files import load_snapshot
from lifecycle.job_task import JobOrder, Task
from lifecycle.jobs import JobKind
from lifecycle.registry import Registry
from storage.artifacts import Store
from storage.audit import AuditLog
from storage.database import open_database
from storage.migrations import upgrade
from storage.release_changes import ReleaseState
from tests.integration.reload.conftest import data as data  # a fixture
from training.job import work
from training.recipe import Recipe

pytestmark = pytest.mark.slow

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/mlrf.db"


@pytest.fixture
def registry(own_store: Store, url: str) -> Registry:
    engine = open_database(url)
    upgrade(engine)
    return Registry(own_store, engine)


@pytest.fixture
def reports() -> list[dict[str, Any]]:
    """The reports of the jobs of a test."""
    return []


@pytest.fixture
def run_job(
    own_store: Store,
    data: Path,
    url: str,
    recipe: Recipe,
    reports: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> Do:
    """Do a job with a small recipe, and return its result."""
    for module in ("training.pipeline", "training.job"):
        monkeypatch.setattr(f"{module}.choose_recipe", lambda *arguments: recipe)
    monkeypatch.setattr(Task, "commit", lambda task: None)  # which would change the test's process

    def run_job(kind: JobKind = JobKind.TRAINING, **request: Any) -> dict[str, Any]:
        order = JobOrder(
            job="35663b4b0f2a9c11",
            kind=kind,
            request=request,
            runner=os.getppid(),
            root=own_store.root,
            data=data,
            database=url,
            by="anna",
        )
        return work(Task(order, lambda line: reports.append(orjson.loads(line))))

    return run_job


def test_a_retailers_model_takes_the_place_of_the_demos_with_the_name_of_who_asked(
    own_store: Store, registry: Registry, run_job: Do, reports: list[dict[str, Any]]
) -> None:
    """Uncompared: the demo's is no measure for it."""
    own_store.pointer.unlink()
    demo = run_job()
    assert demo["served"], "nothing was"
    assert load_snapshot(own_store.snapshots / demo["snapshot"]).facts.demo
    reports.clear()
    result = run_job(data="newer")
    assert (result["served"], result["verdict"]) == (True, None)
    serving = own_store.current()
    assert (serving.bundle, serving.snapshot) == (result["bundle"], result["snapshot"])
    assert not load_snapshot(own_store.snapshots / serving.snapshot).facts.demo
    active = registry.find(serving.bundle)
    assert (active.state, active.by) == (ReleaseState.ACTIVE, "anna")
    assert "35663b4b0f2a9c11" in active.reason
    event = AuditLog(registry._engine).latest(1)[0].event
    assert (event.action, event.actor) == ("model.promote", "anna")
    progress = [report["progress"] for report in reports]
    assert [each["step"] for each in progress] == sorted(each["step"] for each in progress)
    assert progress[-1]["step"] == progress[-1]["steps"]
    assert any(each["done"] and each["done"] <= each["total"] for each in progress)


def test_a_model_that_is_not_better_stays_a_candidate(
    own_store: Store, registry: Registry, run_job: Do
) -> None:
    """It is compared with the one that serves, which has seen nearly all of these days."""
    before = own_store.current()
    result = run_job(data="newer")
    assert (result["served"], result["verdict"]["champion"]) == (False, before.bundle)
    assert result["verdict"]["outcome"] == "unknown"
    assert own_store.current() == before
    assert registry.find(result["bundle"]).state is ReleaseState.CANDIDATE


@pytest.mark.parametrize("promote", ["always", "if-better"])
def test_the_demo_never_takes_the_place_of_a_retailers_model(
    own_store: Store, run_job: Do, promote: str
) -> None:
    before = own_store.current()
    with pytest.raises(InputError, match="would train on the demo data"):
        run_job(promote=promote)
    assert own_store.current() == before


def test_a_check_estimates_the_time_from_the_training_of_the_same_recipe(
    own_store: Store, run_job: Do
) -> None:
    before = {path.name for path in own_store.snapshots.iterdir()}
    result = run_job(JobKind.TRAINING_CHECK, data="newer")
    seconds = sum(own_store.read_build(own_store.current().bundle)["seconds"].values())
    assert result["usable"]
    assert result["seconds"] == pytest.approx(seconds, rel=0.1)
    assert {path.name for path in own_store.snapshots.iterdir()} == before


def test_a_check_reports_tables_that_are_too_short(
    own_store: Store, run_job: Do, data: Path
) -> None:

    path = data / "newer" / "train.parquet"
    train = pl.read_parquet(path)
    newest = train["date"].max()
    train.filter(pl.col("date") > newest - pl.duration(days=60)).write_parquet(path)
    result = run_job(JobKind.TRAINING_CHECK, data="newer")
    assert not result["usable"]
    assert "days" in result["reason"]
