"""Benchmarks compare equal results and cover every part. Times are not tested."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from features.data.snapshot import Snapshot
from load import pictures, record
from load.library import __main__ as command
from load.library import (
    features,
    growth,
    large,
    layers,
    layers_run,
    matrix,
    memory,
    processes,
    reconciliation,
    refresh,
    runner,
    scale,
    startup,
    stopwatch,
    subject,
    synthetic,
    training,
    whatif,
    worker_memory,
)
from load.library.large_tables import multiply_tables
from load.library.reconciliation_ways import OURS, SPARSE_NON_NEGATIVE, WAYS, measure, residuals
from load.library.refresh_run import PHASES as REFRESH_PHASES
from load.library.startup_run import PHASES as START_PHASES
from load.library.subject import Subject
from load.record import Table
from storage.artifacts import Release, Store
from training.recipe import DEMO, Recipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(trained: Store, demo_folder: Path, recipe: Recipe) -> Subject:
    return Subject(trained, demo_folder, recipe)


def silent(what: str) -> None: ...


def numbers(table: Table, *columns: str) -> list[float]:
    """Return the cells of some columns; fail where one is no positive number."""
    cells = [cell for name in columns for cell in table.column(name)]
    numeric = [cell for cell in cells if isinstance(cell, int | float)]
    assert len(numeric) == len(cells)
    assert min(numeric) > 0
    return [float(cell) for cell in numeric]


# --- measurements -----------------------------------------------------------------------------


def test_every_layer_of_the_application_is_measured(small: Subject) -> None:
    table = layers.table(small, silent)
    names = [str(name) for name in table.column("layer, from outside")]
    assert names[:4] == ["Matching", "SecurityHeaders", "RequestId", "Access"]
    assert {"Authentication", "RateLimit", "Authorization"} <= set(names)
    assert names[-2:] == [layers_run.ANSWER, "all"]


def test_rows_are_measured_for_one_many_and_all_series(small: Subject) -> None:
    table = matrix.table(small, silent, rounds=1, least=0)
    bottoms = small.engine.snapshot.hierarchy.n_bottom
    assert table.column("rows") == [1, 90, 90 * bottoms, 90 * bottoms, None]
    numbers(table, "ms", "least ms", "most ms")


def test_the_runner_equals_onnxruntime(small: Subject) -> None:
    table = runner.table(small, silent, sizes=(1, 300), rounds=1, least=0)
    assert table.column("rows") == [1, 300]
    numbers(table, "ours µs", "onnxruntime µs", "ours / onnxruntime")


def test_a_runner_with_other_results_is_not_measured(
    small: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = type(small.engine.bundle.model).predict

    def wrong(model: Any, rows: Any) -> Any:
        return right(model, rows) + np.float32(1)

    monkeypatch.setattr(type(small.engine.bundle.model), "predict", wrong)
    with pytest.raises(AssertionError, match="changes what the model says"):
        runner.table(small, silent, sizes=(1,), rounds=1, least=0)


def test_columns_of_the_past_are_those_of_mlforecast(small: Subject) -> None:
    """The benchmark compares them at three origins; this test adds another error measure."""
    pytest.importorskip("mlforecast")
    table = features.table(small, silent, rounds=1, step=91)
    assert table.column("columns")[:2] == [len(features.COMPARED)] * 2
    numbers(table, "ms", "time / mlforecast's")


@pytest.mark.parametrize("name", features.COMPARED)
def test_a_different_column_is_detected(snapshot: Snapshot, name: str) -> None:
    origin = snapshot.newest_origin
    own = features.our_columns(snapshot, origin)
    features.check(own, own, snapshot, origin)
    off = {**own, name: own[name] + 1e-5}
    with pytest.raises(AssertionError, match=f"{name} differs"):
        features.check(own, off, snapshot, origin)


def test_what_ifs_and_explanations_are_measured_by_what_they_are_of(small: Subject) -> None:
    table = whatif.table(small, silent, calls=2)
    calls = [str(name) for name in table.column("call")]
    assert len(calls) == len(set(calls)) == 7
    assert {"what-if of a series", "what-if of a store", "what-if of the total"} < set(calls)
    numbers(table, "p50 ms", "p95 ms", "processor ms")


def test_a_refresh_is_measured_by_phase(small: Subject) -> None:
    before = sorted(small.store.root.rglob("*"))
    table = refresh.table(small, silent, rounds=1)
    assert table.column("phase") == [*REFRESH_PHASES, "all"]
    numbers(table, "s")
    assert sorted(small.store.root.rglob("*")) == before


@pytest.mark.e2e
def test_a_start_is_measured_by_phase_and_in_total(small: Subject) -> None:
    phases, start = startup.tables(small, silent, rounds=1)
    assert phases.column("phase") == list(START_PHASES)
    numbers(phases, "s")
    phases_of_server = [startup.LIVE, startup.READY, startup.ANSWER, startup.PROCESSOR]
    assert start.column("phase") == phases_of_server
    numbers(start, "s")


@pytest.mark.e2e
def test_the_memory_of_workers_is_measured_before_and_after_calls(small: Subject) -> None:
    table = worker_memory.table(small, silent, heavy=6)
    assert table.column("when") == list(worker_memory.STATES)
    numbers(table, "PSS MiB, largest", "PSS MiB, least", "RSS MiB, largest")


def test_a_training_is_measured_by_step(small: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy_builds(data: Path, store: Store, recipe: Recipe, **_: object) -> Release:
        assert (data, recipe) == (small.data, small.recipe)
        assert store.root != small.store.root
        shutil.copytree(small.store.builds, store.builds)
        return small.store.current()

    monkeypatch.setattr(training, "train", copy_builds)
    table = training.table(small, silent)
    steps = table.column("step")
    assert {"read tables", "make rows", "fit", "export", "the rest", "all"} == set(steps) - {
        *("build snapshot", "calibrate", "measure response", "describe errors and inputs"),
        "forecast all nodes",
    }
    *parts, whole = [second for second in table.column("s") if isinstance(second, float)]
    assert sum(parts) == pytest.approx(whole)


# --- reconciliation ---------------------------------------------------------------------------


def test_all_implementations_of_reconciliation_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    def here(_: str, way: str, weights: str, inputs: str, output: str) -> dict[str, float]:
        return asdict(measure(way, weights, Path(inputs), Path(output)))

    monkeypatch.setattr(reconciliation, "run_module", here)
    tables = reconciliation.tables(silent, stores=3, families=4, days=5, rounds=1)
    assert [table.id for table in tables] == ["reconciliation", "structural", "non-negative"]
    for table in tables[:2]:
        assert len(table.rows) == 3
        (_, dense, sparse) = table.column("largest difference")
        assert isinstance(dense, float)
        assert isinstance(sparse, float)
        assert dense <= reconciliation.SAME
        assert sparse <= reconciliation.ROUGHLY_SAME
    for table in tables:
        numbers(table, "set-up ms", "each ms", "each / ours", "both / ours")


def test_an_implementation_is_measured_in_its_own_process(tmp_path: Path) -> None:
    inputs, output = tmp_path / "inputs.npz", tmp_path / "output.npy"
    hierarchy = synthetic.hierarchy_of(2, 3)
    base, variances = synthetic.base_forecasts(hierarchy, 4, noise=0.02)
    np.savez(inputs, stores=2, families=3, variances=variances, base=base)
    run = processes.run_module(
        "load.library.reconciliation_ways", OURS, "wls_var", str(inputs), str(output)
    )
    assert run.keys() == {"set_up", "each", "peak"}
    np.testing.assert_array_equal(np.load(output), WAYS[OURS](hierarchy, variances, "")()(base))


def test_another_result_is_detected() -> None:
    values = np.ones((3, 2))
    reconciliation.check({OURS: values, "dense": values})
    with pytest.raises(AssertionError, match="MinTrace differs"):
        reconciliation.check({OURS: values, "dense": values + 1e-9})


def test_the_non_negative_projection_is_not_farther_than_rescaling() -> None:
    """The project rescales instead of projecting; the table gives the distance between both."""
    hierarchy = synthetic.hierarchy_of(4, 5)
    base, variances = synthetic.base_forecasts(hierarchy, 6, noise=2)

    def result(way: str) -> float:
        values = WAYS[way](hierarchy, variances, "wls_var")()(base)
        assert values.min() >= 0
        return float(((values - np.maximum(base, 0)) ** 2 / variances[:, None]).sum())

    assert result(SPARSE_NON_NEGATIVE) <= result(OURS) * (1 + 1e-6)


def test_residuals_have_the_given_variances() -> None:
    variances = np.array([1e-2, 1, 1e6])
    errors = residuals(variances)
    np.testing.assert_allclose((errors**2).mean(axis=1) + 2e-8, variances)
    np.testing.assert_allclose(errors.var(axis=1, ddof=1), 2 * variances, rtol=2e-4)


# --- large retailers ----------------------------------------------------------------------------


def test_a_multiple_of_a_retailer_is_refreshed_and_started(small: Subject) -> None:
    table = large.table(small, silent, times=2, days=1_300)
    assert "of which 96 at the bottom; 1,300 days" in table.caption
    phases = table.column("phase")
    assert {*REFRESH_PHASES} <= {*phases, "snapshot"}
    assert {"refresh", startup.READY} <= {*phases}
    assert all(seconds >= 0 for seconds in table.column("s"))


def test_larger_retailers_are_simulated_from_two_that_are_measured(small: Subject) -> None:
    measured, sizes = scale.tables(
        small, silent, times=(1, 3), days=1_300, series=(10_000, 100_000), workers=(1, 10)
    )
    assert measured.column("series") == ["48", "144"]
    numbers(measured, *measured.columns[1:])
    hours = sizes.column("score h")
    assert sizes.column("workers") == [1, 10, 1, 10]
    for build, own in zip(sizes.column("build h"), sizes.column("command h"), strict=True):
        assert 0 < own < build  # type: ignore[operator]
    builds, undivided = sizes.column("build h"), sizes.column("alone h")
    assert builds[1] < builds[0]  # type: ignore[operator]
    assert undivided[0] == undivided[1] < undivided[2]  # type: ignore[operator]
    assert hours[1] < hours[0] < hours[2]  # type: ignore[operator]
    assert hours[2] == pytest.approx(10 * hours[0], rel=0.2)  # type: ignore[operator]
    assert hours[1] > hours[0] / 10  # type: ignore[operator]
    memory = sizes.column("worker MiB")
    assert 0 < memory[0] == memory[1] <= memory[2] == memory[3]  # type: ignore[operator]


def test_copies_of_stores_have_numbers_and_sales_of_their_own(
    demo_folder: Path, tmp_path: Path
) -> None:
    written: list[int] = []
    folder = multiply_tables(
        demo_folder, tmp_path / "large", times=3, days=1_300, advance=written.append
    )
    assert written == [1, 2, 3]
    source, sales = (pl.read_parquet(each / "train.parquet") for each in (demo_folder, folder))
    stores = pl.read_parquet(folder / "stores.parquet")
    assert stores["store_nbr"].n_unique() == 3 * source["store_nbr"].n_unique()
    assert {*sales["store_nbr"]} == {*stores["store_nbr"]}
    assert not sales.select("store_nbr", "family", "date").is_duplicated().any()
    first_day, last_day = sales["date"].min(), sales["date"].max()
    assert last_day == source["date"].max()
    assert first_day == last_day - timedelta(1_299)  # type: ignore[operator]
    first, second = (sales.filter(pl.col("store_nbr") == number)["sales"] for number in (1, 23))
    assert not first.equals(second)
    planned = pl.read_parquet(folder / "test.parquet")
    assert planned["id"].is_unique().all()


# --- growth -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grown(small: Subject) -> list[Table]:
    return growth.tables(
        small, silent, stores=2, families=2, factors=(1, 4), horizons=(3, 5), rounds=1
    )


def test_growth_is_measured_for_every_size_task_and_number_of_days(grown: list[Table]) -> None:
    nodes, days = grown
    assert nodes.column("nodes") == [9] * 3 + [25] * 3
    assert nodes.column("work") == list(growth.WORKS) * 2
    assert list(zip(days.column("days"), days.column("work"), strict=True)) == [
        (count, work) for count in (3, 5) for work in growth.WORKS[1:]
    ]
    for table in grown:
        numbers(table, "s", "least s", "most s")
        assert all(isinstance(cell, float) for cell in table.column("MiB"))


def test_pictures_match_the_tables(grown: list[Table], tmp_path: Path) -> None:
    record.write(pictures.RUN, "measure", grown, folder=tmp_path)
    run = record.read(pictures.RUN, folder=tmp_path)
    first, again = list(pictures.charts_of(run)), list(pictures.charts_of(run))
    assert first == again
    pictures.draw(tmp_path / "pictures", tmp_path)
    for name, svg in first:
        assert (tmp_path / "pictures" / name).read_text(encoding="utf-8") == svg
        assert len(svg) < 60_000
        assert "prefers-color-scheme" in svg
        works = growth.WORKS if "nodes" in name else growth.WORKS[1:]
        assert [work for work in growth.WORKS if work in svg] == list(works)


def test_the_committed_pictures_match_the_recorded_run() -> None:
    """`python -m load.pictures` redraws them."""
    drawn = dict(pictures.charts_of(record.read(pictures.RUN)))
    committed = {path.name: path.read_text(encoding="utf-8") for path in pictures.FOLDER.glob("*")}
    assert {name: seen(svg) for name, svg in committed.items() if name.endswith(".svg")} == {
        name: seen(svg) for name, svg in drawn.items()
    }


def seen(svg: str) -> str:
    """Normalize a picture: coordinates to a tenth of a point, no names of clip paths.

    Those are hashes of numbers whose last digit depends on the processor.
    """
    unnamed = re.sub(r"\bp[0-9a-f]{10}\b", "clip", svg)
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}", unnamed)


@pytest.mark.parametrize(("stores", "families"), [(1, 1), (3, 5)])
def test_a_synthetic_panel_is_coherent(stores: int, families: int) -> None:
    snapshot = synthetic.snapshot_of(stores, families, 120)
    hierarchy = snapshot.hierarchy
    assert len(hierarchy) == 1 + stores + families + stores * families
    np.testing.assert_array_equal(
        hierarchy.aggregate(snapshot.sales[hierarchy.n_upper :]), snapshot.sales
    )
    assert snapshot.covariates["onpromotion"].shape == (hierarchy.n_bottom, 120 + 90)


def test_the_base_size_is_that_of_the_favorita_data() -> None:
    assert len(synthetic.hierarchy_of(synthetic.STORES, synthetic.FAMILIES)) == 1870


# --- tools ------------------------------------------------------------------------------------


def test_peak_memory_includes_freed_memory() -> None:
    size = 64 * memory.MIB

    def work() -> int:
        return int(np.ones(size // 8).sum())

    for _ in range(3):  # memory freed by an earlier run must not hide the peak
        result, most = memory.measure_peak(work)
        assert result == size // 8
        assert 0.9 * size < most < 1.5 * size
    assert memory.measure_peak(lambda: None)[1] < 0.1 * size


def test_a_phase_inside_another_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 4.0, 10.0])
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: next(now))
    watch = stopwatch.Stopwatch()
    with watch.phase("outer"), watch.phase("inner"):
        pass
    assert watch.seconds == {"outer": 7.0, "inner": 3.0}


def test_a_wrapped_function_keeps_its_behaviour(monkeypatch: pytest.MonkeyPatch) -> None:
    class Adder:
        def add(self, a: int, *, b: int) -> int:
            return a + b

    watch = stopwatch.Stopwatch()
    watch.wrap(Adder, "add", "adding")
    assert Adder().add(1, b=2) == 3
    assert watch.seconds.keys() == {"adding"}


# --- the command ------------------------------------------------------------------------------


@pytest.fixture
def app() -> Any:
    import typer

    own = typer.Typer()
    own.command()(command.main)
    return own


def test_the_command_runs_named_benchmarks_and_records_on_request(
    app: Any,
    small: Subject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table(id="one", caption="Of one.", columns=("way", "ms"), rows=(("ours", 1.0),))
    monkeypatch.setattr(command, "BENCHMARKS", {"one": lambda *_: [table], "two": lambda *_: 1 / 0})
    defaults = {**record.write.__kwdefaults__, "folder": tmp_path}  # type: ignore[dict-item]
    monkeypatch.setattr(record.write, "__kwdefaults__", defaults)
    arguments = ["one", "--artifacts", str(small.store.root), "--data", str(small.data)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "ours" in result.output
    assert list(tmp_path.iterdir()) == []
    assert CliRunner().invoke(app, [*arguments, "--record"]).exit_code == 0
    run = record.read("one", folder=tmp_path)
    assert run.tables == (table,)
    assert not re.search(r"/(tmp|work|home|root)/", run.command)


def test_an_unknown_benchmark_is_refused(app: Any) -> None:
    result = CliRunner().invoke(app, ["nothing"])
    assert result.exit_code == 2
    assert "no benchmark nothing" in result.output


def test_without_artifacts_a_temporary_release_is_trained(
    monkeypatch: pytest.MonkeyPatch, trained: Store
) -> None:
    def copy_release(tables: Path, store: Store, recipe: Recipe, **_: object) -> None:
        assert (tables / "train.parquet").exists()
        shutil.copytree(trained.root, store.root)

    monkeypatch.setattr(subject, "train", copy_release)
    with subject.subject_of(None, None, silent) as own:
        root = own.store.root
        assert own.recipe is DEMO
        assert own.size.startswith(f"{len(own.engine.snapshot.hierarchy):,} nodes")
    assert not root.exists()
