"""Training on a Dask cluster gives a model as good as one machine's, from the same rows."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from errors import InputError
from features.blocks import Rows
from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder
from lifecycle.parts import dask_cluster
from load.server import free_port
from models.engine import ForecastEngine
from models.metrics import rmsle
from storage.artifacts import ArtifactError, Store
from tests.support.benchmark import made_tables
from training.engines import memory_estimate
from training.engines.dask_backend import (
    DaskBackend,
    assign_ports,
    dask_backend,
    order_rows,
    shares,
)
from training.engines.fitting_backend import (
    SAMPLE_ROWS,
    FittedMembers,
    FittingBackend,
    LocalBackend,
    sample_evenly,
)
from training.evaluation.backtest import Backtest
from training.evaluation.backtest_result import OURS, RESULT_FILE, Document, load_document
from training.evaluation.benchmark.run import Model, run_benchmark, working_store
from training.evaluation.windows import windows_of
from training.history import TooLittleHistoryError
from training.pipeline import fit_model, make_engine
from training.progress import Clock, NullReporter, ReportedStep
from training.recipe import DEMO, Recipe
from training.sampling import TrainingSet, list_origins, training_rows
from training.state_files import StateFiles

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


def test_partitions_are_whole_stores_in_order(builder: MatrixBuilder) -> None:
    hierarchy = builder.snapshot.hierarchy
    dealt = shares(hierarchy, WORKERS)
    store = np.array(hierarchy.attribute("store_nbr"), dtype=object)
    stores = [set(store[share]) for share in dealt]
    assert not stores[0] & stores[1]
    assert [*np.concatenate(dealt)] == [*range(hierarchy.n_upper, len(hierarchy))]


def test_there_are_no_more_partitions_than_stores(builder: MatrixBuilder) -> None:
    hierarchy = builder.snapshot.hierarchy
    stores = set(hierarchy.attribute("store_nbr")[hierarchy.n_upper :])
    assert len(shares(hierarchy, 1000)) == len(stores)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_rows_of_all_workers_are_those_of_one_machine_in_one_order(
    builder: MatrixBuilder, recipe: Recipe, workers: int
) -> None:
    """Their order, and so every row's place, does not depend on the number of workers."""
    segments = [each.model_copy(update={"origin_step": 60}) for each in recipe.segments]
    sparse = recipe.model_copy(update={"segments": tuple(segments)})

    def rows(share: Rows | None) -> list[TrainingSet]:
        return order_rows(training_rows(builder, sparse, last_target=1000, share=share))

    parts = [rows(share) for share in shares(builder.snapshot.hierarchy, workers)]
    for number, whole in enumerate(rows(None)):
        for column in ("rows", "units", "origin", "node"):
            joined = np.concatenate([getattr(part[number], column) for part in parts])
            assert joined.tobytes() == getattr(whole, column).tobytes()


def test_the_sample_does_not_depend_on_the_number_of_workers(
    builder: MatrixBuilder, quick: Recipe, cluster: DaskBackend
) -> None:
    last = builder.snapshot.newest_origin
    fitted = cluster.fit(builder, quick, last_target=last, clock=Clock(NullReporter()))
    [whole] = order_rows(training_rows(builder, quick, last_target=last))
    np.testing.assert_array_equal(fitted.sample, sample_evenly(whole.rows, SAMPLE_ROWS))
    assert fitted.count == len(whole.units)


def test_what_all_shares_read_is_computed_once_for_all_fits(
    builder: MatrixBuilder, quick: Recipe, cluster: DaskBackend, tmp_path: Path
) -> None:
    files = StateFiles(tmp_path)

    def fit() -> dict[str, int]:
        clock = Clock(NullReporter())
        cluster.fit(builder, quick, last_target=1000, clock=clock, states=files)
        return {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir()}

    [origins] = list_origins(builder.snapshot, quick, last_target=1000)
    stored = fit()
    assert len(stored) == 2 * len(origins)  # of the upper nodes, and of what is pooled
    assert fit() == stored


@pytest.mark.usefixtures("few")
def test_a_backtest_fits_each_window_on_the_cluster_and_goes_on_where_it_stopped(
    snapshot: Snapshot,
    cluster: DaskBackend,
    quick: Recipe,
    backtested: Path,
    tmp_path: Path,
) -> None:
    windows = windows_of(snapshot, short=1, long=1)

    def run(engine: FittingBackend) -> Document:
        clock = Clock(NullReporter())
        return Backtest(snapshot, quick, tmp_path, engine=engine, threads=1, clock=clock).run(
            windows
        )

    result = run(cluster)
    local = {
        (each["group"], each["origin"]): each["models"][OURS]
        for each in load_document(backtested / RESULT_FILE)["windows"]
    }
    for window in result["windows"]:
        here = local[window["group"], window["origin"]]
        # trees differ as much as those of another seed
        assert window["models"][OURS]["rmsle"] == pytest.approx(here["rmsle"], rel=0.1)
    assert run(RefusingBackend()) == result


class RefusingBackend:
    """Backend of a run in which nothing is left to fit."""

    name = "refusing"

    def fit(self, *args: object, **options: object) -> FittedMembers:
        raise AssertionError("a model was fitted again")


@pytest.mark.parametrize("model", [Model.SERVED, Model.POINTS], ids=str)
def test_a_benchmark_fits_on_the_cluster(
    cluster: DaskBackend, recipe: Recipe, tmp_path: Path, model: Model
) -> None:
    tables = made_tables()

    def wape(folder: Path, engine: FittingBackend | None) -> float:
        reporter = NullReporter()
        result = run_benchmark(
            tables,
            folder,
            model=model,
            recipe=recipe,
            numbers=[1],
            threads=1,
            engine=engine,
            reporter=reporter,
        )
        assert not working_store(folder).root.exists()
        value: float = result["windows"]["1"]["wape"]
        return value

    shared = tmp_path / "there"
    fitted_there = replace(cluster, snapshots=working_store(shared).snapshots)
    assert wape(shared, fitted_there) == pytest.approx(wape(tmp_path / "here", None), rel=0.1)


def test_the_plain_model_of_a_benchmark_is_not_fitted_on_a_cluster(
    cluster: DaskBackend, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="plain model is fitted on this machine alone"):
        run_benchmark(
            made_tables(),
            tmp_path,
            model=Model.PLAIN,
            threads=1,
            engine=cluster,
            reporter=NullReporter(),
        )


PORTS = range(21300, 21308)


def test_each_worker_of_a_host_gets_a_free_port_of_its_own(cluster: DaskBackend) -> None:
    workers = sorted(cluster.client.nthreads())
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", PORTS[1]))
        busy.listen()
        machines = assign_ports(cluster.client, workers, PORTS[:3])
    assert machines == f"127.0.0.1:{PORTS[0]},127.0.0.1:{PORTS[2]}"


def test_more_workers_on_a_host_than_ports_are_refused(cluster: DaskBackend) -> None:
    workers = sorted(cluster.client.nthreads())
    with pytest.raises(InputError, match=r"127\.0\.0\.1 has no free port"):
        assign_ports(cluster.client, workers, PORTS[:1])


def test_fits_one_after_another_use_the_ports_of_the_setting(
    builder: MatrixBuilder, quick: Recipe, cluster: DaskBackend
) -> None:
    fixed = replace(cluster, fit_ports=PORTS)
    members = quick.segments[0].members
    twice = quick.model_copy(
        update={
            "segments": (
                quick.segments[0].model_copy(
                    update={
                        "members": (
                            *members,
                            *(each.model_copy(update={"name": "again"}) for each in members),
                        )
                    }
                ),
            )
        }
    )
    fitted = fixed.fit(builder, twice, last_target=1000, clock=Clock(NullReporter()))
    assert len(fitted.boosters) == 2


def test_a_failing_worker_is_reported_and_the_cluster_ends(
    trained: Store, builder: MatrixBuilder, recipe: Recipe
) -> None:
    with dask_backend(trained.snapshots, scheduler=None, workers=1) as engine:
        client = engine.client
        with pytest.raises(TooLittleHistoryError):
            engine.fit(builder, recipe, last_target=20, clock=Clock(NullReporter()))
    assert client.status == "closed"


def test_a_training_without_memory_is_refused_before_it_begins(
    builder: MatrixBuilder, recipe: Recipe, cluster: DaskBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_estimate, "MEMORY_LIMIT", 500 * 1024**2)
    with pytest.raises(InputError, match=r"0\.4 GiB of memory on each of 2 workers.*have 0\.2 GiB"):
        cluster.fit(builder, recipe, last_target=1000, clock=Clock(NullReporter()))


def test_progress_of_rows_and_of_trees_is_reported(
    builder: MatrixBuilder, recipe: Recipe, cluster: DaskBackend
) -> None:
    reported: dict[str, list[tuple[int, int]]] = {}

    class Recording(NullReporter):
        def start(self, step: ReportedStep) -> None:
            self.current = reported.setdefault(step.name, [])

        def advance(self, done: int, total: int) -> None:
            self.current.append((done, total))

    cluster.fit(builder, recipe, last_target=1000, clock=Clock(Recording()))
    done, total = reported["make rows"][-1]
    assert done == total > WORKERS
    trees = sum(member.trees for member in recipe.segments[-1].members)
    assert reported["fit"][-1] == (trees, trees)


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
