"""A training on a cluster ends in a model or in an error, whatever process of it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from errors import InputError
from features.matrix import MatrixBuilder
from storage.artifacts import Store
from tests.support.dask_processes import DaskProcesses, dask_processes
from tests.support.waiting import DEADLINE_SECONDS, wait_until
from training.engines import dask_backend as module
from training.engines import watched_workers
from training.engines.dask_backend import DaskBackend, dask_backend, order_rows
from training.engines.fitting_backend import SAMPLE_ROWS, FittedMembers, sample_evenly
from training.engines.watched_workers import SchedulerLostError
from training.progress import Clock, ReportedStep
from training.recipe import Recipe
from training.sampling import TrainingSet, training_rows

pytestmark = pytest.mark.slow


@dataclass
class KillingReporter:
    """Reporter that kills a process as soon as a step has reported progress from a worker.

    Attributes:
        kill: kills it.
        during: name of the step.
        times: how often it kills.
        steps: names of the steps that have begun.
    """

    kill: Callable[[], None]
    during: str
    times: int = 1
    steps: list[str] = field(default_factory=list)
    _armed: bool = False

    def start(self, step: ReportedStep) -> None:
        self.steps.append(step.name)
        self._armed = step.name == self.during and self.times > 0

    def advance(self, done: int, total: int) -> None:
        if self._armed and done < total:
            self._armed = False
            self.times -= 1
            self.kill()

    def end(self, step: ReportedStep, seconds: float) -> None:
        assert not self._armed, f"the step {step.name} had ended before a process was killed"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskProcesses]:
    with dask_processes(tmp_path_factory.mktemp("cluster"), workers=2) as processes:
        yield processes


@pytest.fixture
def backend(trained: Store, cluster: DaskProcesses) -> Iterator[DaskBackend]:
    with dask_backend(trained.snapshots, scheduler=cluster.address, workers=2) as connected:
        wait_until(lambda: len(connected.client.nthreads()) == 2)
        yield connected


@pytest.fixture(scope="module")
def long(recipe: Recipe) -> Recipe:
    """A recipe whose rows and trees take long enough for something to happen meanwhile."""
    first = recipe.segments[0]
    members = tuple(member.model_copy(update={"trees": 60}) for member in first.members)
    weights = {member.name: 1 / len(members) for member in members}
    segment = first.model_copy(update={"members": members, "blend": weights, "origin_step": 14})
    return recipe.model_copy(update={"segments": (segment,)})


@pytest.fixture(scope="module")
def rows(builder: MatrixBuilder, long: Recipe) -> TrainingSet:
    """Return the rows of that recipe, in the order of a cluster."""
    [made] = order_rows(training_rows(builder, long, last_target=builder.snapshot.newest_origin))
    return made


@pytest.fixture(autouse=True)
def frequent_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """See progress, and so kill, long before a step ends."""
    monkeypatch.setattr(watched_workers, "_LOOK_SECONDS", 0.02)


def fit(
    backend: DaskBackend, builder: MatrixBuilder, recipe: Recipe, reporter: KillingReporter
) -> FittedMembers:
    return backend.fit(
        builder, recipe, last_target=builder.snapshot.newest_origin, clock=Clock(reporter)
    )


def killer(backend: DaskBackend, sent: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Return a function that kills the worker with the greatest address."""

    def kill() -> None:
        os.kill(max(backend.client.run(os.getpid).items())[1], sent)

    return kill


@pytest.mark.parametrize("step", ["make rows", "fit"])
def test_a_training_is_repeated_when_a_worker_is_killed(
    backend: DaskBackend, builder: MatrixBuilder, long: Recipe, rows: TrainingSet, step: str
) -> None:
    reporter = KillingReporter(killer(backend), step)
    fitted = fit(backend, builder, long, reporter)
    assert "restart workers" in reporter.steps
    members = long.segments[0].members
    assert {name: each.num_trees() for name, each in fitted.boosters.items()} == {
        member.name: member.trees for member in members
    }
    assert fitted.count == len(rows.units)
    np.testing.assert_array_equal(fitted.sample, sample_evenly(rows.rows, SAMPLE_ROWS))


def test_a_training_whose_workers_are_always_killed_fails_after_a_few_attempts(
    backend: DaskBackend, builder: MatrixBuilder, long: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ATTEMPTS", 2)
    reporter = KillingReporter(killer(backend), "make rows", times=3)
    with pytest.raises(InputError, match=r"2 attempts to train.*use more workers"):
        fit(backend, builder, long, reporter)
    assert reporter.steps.count("make rows") == 2


def test_two_trainings_on_one_cluster_take_turns(
    backend: DaskBackend,
    trained: Store,
    cluster: DaskProcesses,
    builder: MatrixBuilder,
    long: Recipe,
) -> None:
    """Fits at the same time would wait for each other's workers for ever."""
    waiting = KillingReporter(lambda: None, "never")
    results: list[FittedMembers] = []

    def train_too() -> None:
        with dask_backend(trained.snapshots, scheduler=cluster.address, workers=2) as second:
            results.append(fit(second, builder, long, waiting))

    thread = Thread(target=train_too)
    first = KillingReporter(thread.start, "make rows")
    results.append(fit(backend, builder, long, first))
    thread.join(3 * DEADLINE_SECONDS)
    assert len(results) == 2
    assert waiting.steps[0] == "wait for another training on the cluster"


@pytest.mark.parametrize("step", ["make rows", "fit"])
def test_a_training_ends_in_an_error_when_the_scheduler_is_killed(
    trained: Store, builder: MatrixBuilder, long: Recipe, tmp_path: Path, step: str
) -> None:
    with (
        dask_processes(tmp_path, workers=2) as processes,
        pytest.raises(SchedulerLostError, match="start it again"),
        dask_backend(trained.snapshots, scheduler=processes.address, workers=2) as backend,
    ):
        fit(backend, builder, long, KillingReporter(processes.scheduler.kill, step))


def test_a_training_after_the_loss_of_the_scheduler_ends_in_an_error(
    trained: Store, builder: MatrixBuilder, quick: Recipe, tmp_path: Path
) -> None:
    """Such as the second of several fits."""
    with (
        dask_processes(tmp_path, workers=1) as processes,
        dask_backend(trained.snapshots, scheduler=processes.address, workers=1) as backend,
    ):
        processes.scheduler.kill()
        wait_until(lambda: backend.client.status != "running")
        with pytest.raises(SchedulerLostError, match="start it again"):
            fit(backend, builder, quick, KillingReporter(lambda: None, "never"))
