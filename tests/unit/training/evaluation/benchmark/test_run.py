"""A benchmark trains on what was known before each window, and goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest

from features.data.tables import Tables
from tests.support.benchmark import FIRST_WINDOW, made_tables
from training.evaluation.backtest_result import Document
from training.evaluation.benchmark import plain
from training.evaluation.benchmark import run as module
from training.evaluation.benchmark.run import Model, run_benchmark
from training.evaluation.benchmark.task import Panel
from training.progress import NullReporter
from training.recipe import Recipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_tables()


def run(
    tables: Tables, folder: Path, recipe: Recipe | None, model: Model = Model.POINTS
) -> Document:
    return run_benchmark(
        tables, folder, model=model, recipe=recipe, threads=1, reporter=NullReporter()
    )


def stored(folder: Path) -> dict[str, np.ndarray]:
    (path,) = (folder / "forecasts").iterdir()
    with np.load(path) as arrays:
        return dict(arrays)


def naive_wape(tables: Tables) -> float:
    panel = Panel.of_tables(tables)
    first = (FIRST_WINDOW.first - panel.first).days
    return panel.score(FIRST_WINDOW, np.tile(panel.sales[:, first - 7 : first], (1, 4))).wape


@pytest.mark.parametrize("model", Model, ids=str)
def test_a_model_is_scored_and_beats_the_last_week(
    tables: Tables, tmp_path: Path, recipe: Recipe, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain, "_TREES", 60)
    result = run(tables, tmp_path, recipe, model)
    window = result["windows"]["1"]
    assert window["first"] == "2016-11-09"
    assert window["wape"] < naive_wape(tables)
    assert 0.5 < window["sum_over_sold"] < 1.5
    assert (window["wql"] is not None) is (model is Model.SERVED)
    if model is Model.SERVED:
        assert window["wql"] < window["wape"], "deciles say more than the point alone"
        assert (np.diff(stored(tmp_path)["deciles"], axis=0) >= 0).all()
    assert result["means"]["wape"] == window["wape"]
    assert orjson.loads((tmp_path / f"{model}-benchmark.json").read_bytes()) == result


def test_sales_after_the_origin_do_not_change_the_forecasts(
    tables: Tables, tmp_path: Path, recipe: Recipe
) -> None:
    after = pl.col("date") > FIRST_WINDOW.origin
    doubled = tables.train.with_columns(
        pl.when(after).then(pl.col("sales") * 2).otherwise(pl.col("sales")).alias("sales")
    )
    run(tables, tmp_path / "as sold", recipe)
    run(replace(tables, train=doubled), tmp_path / "doubled", recipe)
    as_sold, other = stored(tmp_path / "as sold"), stored(tmp_path / "doubled")
    np.testing.assert_array_equal(as_sold["point"], other["point"])


def test_promotions_after_the_origin_do(tables: Tables, tmp_path: Path, recipe: Recipe) -> None:
    after = pl.col("date") > FIRST_WINDOW.origin
    none = tables.train.with_columns(
        pl.when(after).then(0.0).otherwise(pl.col("onpromotion")).alias("onpromotion")
    )
    run(tables, tmp_path / "as planned", recipe)
    run(replace(tables, train=none), tmp_path / "none", recipe)
    as_planned, other = stored(tmp_path / "as planned"), stored(tmp_path / "none")
    assert not np.array_equal(as_planned["point"], other["point"])


def test_a_finished_window_is_not_trained_again(
    tables: Tables, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tables, tmp_path, recipe)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "fit_model", fail)
    assert run(tables, tmp_path, recipe) == first
    other = recipe.model_copy(update={"seed": 7})
    with pytest.raises(AssertionError, match="trained again"):
        run(tables, tmp_path, other)


def test_other_promotions_are_other_data(tables: Tables, tmp_path: Path, recipe: Recipe) -> None:
    none = tables.train.with_columns(onpromotion=pl.lit(0.0))
    run(tables, tmp_path, recipe)
    run(replace(tables, train=none), tmp_path, recipe)
    assert len(list((tmp_path / "forecasts").iterdir())) == 2


def test_a_run_that_is_killed_while_it_writes_leaves_no_half_forecasts(
    tables: Tables, tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez_compressed", fail)
        with pytest.raises(KeyboardInterrupt):
            run(tables, tmp_path, recipe)
    assert run(tables, tmp_path, recipe)["windows"]["1"]["wape"] > 0
