"""Training on a Dask cluster gives a model as good as one machine's, from the same rows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from errors import InputError
from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder
from lifecycle.parts import dask_cluster
from load.server import free_port
from models.engine import ForecastEngine
from models.metrics import rmsle
from storage.artifacts import ArtifactError, Store
from training.engines.dask_backend import DaskBackend, dask_backend, shares
from training.engines.fitting_backend import FittingBackend, LocalBackend
from training.history import TooLittleHistoryError
from training.pipeline import fit_model, make_engine
from training.progress import Clock, NullReporter
from training.recipe import DEMO, Recipe
from training.sampling import training_rows

pytestmark = pytest.mark.slow

WORKERS = 2
DAYS = 16


@pytest.fixture(scope="module")
def cluster(trained: Store) -> Iterator[DaskBackend]:
    with dask_backend(trained.snapshots, scheduler=None, workers=WORKERS) as engine:
        yield engine


def forecaster(snapshot: Snapshot, engine: FittingBackend) -> ForecastEngine:
    fitted = fit_model(
        snapshot,
        DEMO,
        last_target=snapshot.newest_origin - DAYS,
        engine=engine,
        clock=Clock(NullReporter()),
    )
    return make_engine(fitted, snapshot, DEMO, threads=1)


def holdout_error(snapshot: Snapshot, engine: ForecastEngine) -> float:
    origin, days = snapshot.newest_origin - DAYS, np.arange(1, DAYS + 1)
    bottoms = slice(snapshot.hierarchy.n_upper, None)
    forecast = engine.forecast(origin, days).values[bottoms]
    return rmsle(forecast, snapshot.sales[bottoms, origin + days])


def test_the_model_is_as_accurate_as_a_local_one(snapshot: Snapshot, cluster: DaskBackend) -> None:
    here = holdout_error(snapshot, forecaster(snapshot, LocalBackend(threads=1)))
    there = holdout_error(snapshot, forecaster(snapshot, cluster))
    # trees differ by which worker bins which share, and so by the ports of the workers
    assert -0.01 < there - here < 0.005


def test_boosters_have_the_features_and_trees_of_the_recipe(
    builder: MatrixBuilder, recipe: Recipe, cluster: DaskBackend
) -> None:
    last = builder.snapshot.newest_origin
    fitted = cluster.fit(builder, recipe, last_target=last, clock=Clock(NullReporter()))
    members = {member.name: member for each in recipe.segments for member in each.members}
    assert fitted.boosters.keys() == members.keys()
    for name, booster in fitted.boosters.items():
        assert booster.feature_name() == list(builder.contract.names)
        assert booster.num_trees() == members[name].trees
    assert fitted.sample.shape[1] == len(builder.contract.names)


def test_parameters_equal_those_of_a_local_training(
    builder: MatrixBuilder, recipe: Recipe, cluster: DaskBackend
) -> None:
    """The Dask regressor has other defaults, under other names."""

    def parameters(engine: FittingBackend) -> list[str]:
        fitted = engine.fit(builder, recipe, last_target=1000, clock=Clock(NullReporter()))
        text = next(iter(fitted.boosters.values())).model_to_string().partition("parameters:")[2]
        lines = {
            line.strip("[]").split(": ")[0]: line for line in text.splitlines() if ": " in line
        }
        for name in ("tree_learner", "num_machines", "local_listen_port", "machines", "time_out"):
            lines.pop(name, None)
        return sorted(lines.values())

    assert parameters(cluster) == parameters(LocalBackend(threads=1))


def test_a_worker_without_the_snapshot_is_reported(
    builder: MatrixBuilder, recipe: Recipe, cluster: DaskBackend, tmp_path: Path
) -> None:
    elsewhere = DaskBackend(cluster.client, tmp_path)
    with pytest.raises(ArtifactError) as caught:
        elsewhere.fit(builder, recipe, last_target=1000, clock=Clock(NullReporter()))
    assert caught.value.path.is_relative_to(tmp_path)


def test_a_worker_that_dies_ends_the_training_in_one_line(
    trained: Store,
) -> None:
    with (
        pytest.raises(InputError, match="died"),
        dask_backend(trained.snapshots, scheduler=None, workers=1) as engine,
    ):
        engine.client.submit(os._exit, 1).result()


def test_partitions_are_whole_stores_and_cover_all_rows(
    builder: MatrixBuilder, recipe: Recipe
) -> None:
    dealt = shares(builder.snapshot.hierarchy, WORKERS)
    store = np.array(builder.snapshot.hierarchy.attribute("store_nbr"), dtype=object)
    stores = [set(store[share]) for share in dealt]
    assert not stores[0] & stores[1]
    segments = [each.model_copy(update={"origin_step": 60}) for each in recipe.segments]
    sparse = recipe.model_copy(update={"segments": tuple(segments)})

    def rows(share: np.ndarray | None) -> list[bytes]:
        made = training_rows(builder, sparse, last_target=1000, share=share)
        return [row.tobytes() for of_segment in made for row in of_segment.rows]

    assert sorted(rows(None)) == sorted([*rows(dealt[0]), *rows(dealt[1])])


def test_a_failing_worker_is_reported_and_the_cluster_ends(
    trained: Store, builder: MatrixBuilder, recipe: Recipe
) -> None:
    with dask_backend(trained.snapshots, scheduler=None, workers=1) as engine:
        client = engine.client
        with pytest.raises(TooLittleHistoryError):
            engine.fit(builder, recipe, last_target=20, clock=Clock(NullReporter()))
    assert client.status == "closed"


def test_a_missing_scheduler_is_named(trained: Store, unused_tcp_port: int) -> None:
    address = f"tcp://127.0.0.1:{unused_tcp_port}"
    with (
        pytest.raises(InputError, match=address),
        dask_backend(trained.snapshots, scheduler=address, workers=1),
    ):
        pass


@pytest.fixture
def unused_tcp_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    monkeypatch.setattr(dask_cluster, "_CONNECT", "1s")
    return free_port()
