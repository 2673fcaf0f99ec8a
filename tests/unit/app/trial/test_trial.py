"""A worker follows the rollout in the database, and serves on whatever happens to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from app.trial.trial import RETRY_SECONDS, ReleaseTrial
from config.rollout import ROLLOUT_PLAN
from lifecycle.registry import Registry
from lifecycle.rollouts import Rollouts
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease, load_release
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import ArtifactError, Release, Store
from storage.audit import Actor
from storage.database import open_database
from storage.migrations import upgrade
from tests.support.asgi import http_scope
from tests.support.clock import Clock
from tests.support.releases import add_other_bundle

ANNA = Actor("cli:anna")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/mlrf.db")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def rollouts(own_store: Store, engine: Engine) -> Rollouts:
    return Rollouts(Registry(own_store, engine), engine, ROLLOUT_PLAN)


class Loading:
    """Loading of releases that can be refused."""

    def __init__(self) -> None:
        self.refused = False
        self.meanwhile: Callable[[], object] = lambda: None
        self.tried: list[Release] = []

    def __call__(self, store: Store, release: Release) -> LoadedRelease:
        self.tried.append(release)
        if self.refused:
            raise ArtifactError(store.bundles / release.bundle, "is not here")
        self.meanwhile()
        return load_release(store, release)


@pytest.fixture
def loading() -> Loading:
    return Loading()


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(1000.0)


def bind(release: LoadedRelease) -> Forecaster:
    return Forecaster(release, None, None)  # type: ignore[arg-type]  # nothing is computed


def compare(store: Store, active: Release, challenger: Release) -> dict[str, Any]:
    """Find no difference; the comparison itself has tests of its own."""
    return {"incoherence": 0.0, "recent": {}}


@pytest.fixture
def trial(
    rollouts: Rollouts, own_store: Store, loading: Loading, clock: Clock[float]
) -> ReleaseTrial:
    watcher: ReleaseWatcher[LoadedRelease] = ReleaseWatcher(own_store, load_release)
    watcher.look()
    return ReleaseTrial(
        rollouts, own_store, watcher, bind, load=loading, compare=compare, clock=clock
    )


def events(observe: Callable[[], object]) -> list[str]:
    with capture_logs() as lines:
        observe()
    return [line["event"] for line in lines if line["event"] != "trained"]


def test_a_challenger_that_is_refused_is_loaded_again_after_a_while(
    trial: ReleaseTrial,
    rollouts: Rollouts,
    own_store: Store,
    loading: Loading,
    clock: Clock[float],
) -> None:
    """A network volume may have its files later; trying once a second would take a core."""
    rollouts.begin_shadow(add_other_bundle(own_store), by=ANNA)
    loading.refused = True
    assert "rollout_not_loaded" in events(lambda: anyio.run(trial.observe))
    for _ in range(3):
        anyio.run(trial.observe)
    assert len(loading.tried) == 1
    active = bind(load_release(own_store, own_store.current()))
    assert trial.choose(http_scope(), active) is active
    loading.refused = False
    clock.now += RETRY_SECONDS
    anyio.run(trial.observe)
    assert len(loading.tried) == 2
    rollout = rollouts.current()
    assert rollout is not None
    assert rollout.report is not None


def test_a_trial_goes_on_while_the_database_does_not_answer(
    trial: ReleaseTrial, rollouts: Rollouts, own_store: Store, engine: Engine, tmp_path: Path
) -> None:
    rollouts.begin_shadow(add_other_bundle(own_store), by=ANNA)
    anyio.run(trial.observe)
    database = tmp_path / "mlrf.db"
    hidden = database.rename(tmp_path / "hidden.db")
    database.mkdir()
    engine.dispose()
    assert events(lambda: anyio.run(trial.observe)) == ["rollout_not_followed"]
    assert events(lambda: anyio.run(trial.observe)) == [], "once, and not every second"
    database.rmdir()
    hidden.rename(database)
    anyio.run(trial.observe)
    assert trial.in_trial


def test_a_stopped_trial_frees_the_challenger(
    trial: ReleaseTrial, rollouts: Rollouts, own_store: Store
) -> None:
    other = add_other_bundle(own_store)
    rollouts.begin_shadow(other, by=ANNA)
    anyio.run(trial.observe)
    assert trial.in_trial == Release(other, own_store.current().snapshot)
    rollouts.stop(by=ANNA)
    anyio.run(trial.observe)
    assert trial.in_trial is None


def test_a_challenger_that_another_worker_refuses_meanwhile_answers_nobody(
    trial: ReleaseTrial, rollouts: Rollouts, own_store: Store, loading: Loading
) -> None:
    rollouts.begin_canary(add_other_bundle(own_store), by=ANNA, share=1.0)
    loading.meanwhile = lambda: rollouts.stop(by=ANNA)
    anyio.run(trial.observe)
    assert len(loading.tried) == 1
    assert trial.in_trial is None
