"""A bundle is a function of data, lock and recipe."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.specification import BOTTOM, FAVORITA
from lifecycle.refresh import refresh
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store
from training.evaluation.response import measure_response
from training.forecast_file import forecast_file
from training.pipeline import train
from training.recipe import Recipe

pytestmark = pytest.mark.slow


def test_training_twice_gives_the_same_bundle_and_snapshot(
    trained: Store, demo_folder: Path, recipe: Recipe, tmp_path: Path
) -> None:
    again = train(demo_folder, Store(tmp_path), recipe, threads=1)
    assert again == trained.current()


def test_another_recipe_gives_another_bundle_of_the_same_snapshot(
    trained: Store, demo_folder: Path, recipe: Recipe, tmp_path: Path
) -> None:
    fewer = recipe.model_copy(update={"seed": recipe.seed + 1})
    other = train(demo_folder, Store(tmp_path), fewer, threads=1)
    assert other.snapshot == trained.current().snapshot
    assert other.bundle != trained.current().bundle


def test_a_new_model_is_compared_with_the_one_that_serves_on_the_days_since(
    demo_folder: Path, recipe: Recipe, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    shutil.copytree(demo_folder, older)
    sales = pl.read_parquet(older / "train.parquet")
    known = sales.filter(pl.col("date") <= date(2024, 3, 31))
    known.write_parquet(older / "train.parquet")
    (older / "test.parquet").unlink()
    store = Store(tmp_path / "artifacts")
    serving = train(older, store, recipe, threads=1)
    champion = load_bundle(store.bundles / serving.bundle)
    release = train(demo_folder, store, recipe, threads=1, champion=champion)
    verdict = store.read_build(release.bundle)["verdict"]
    assert verdict["champion"] == champion.name
    assert verdict["outcome"] in ("better", "equal", "worse")
    assert verdict["origins"]["first"] >= "2024-03-31"
    assert verdict["origins"]["n"] == 12
    assert release == train(demo_folder, Store(tmp_path / "other"), recipe, threads=1), (
        "a bundle does not depend on what serves"
    )


def test_the_bundle_has_the_response_of_its_forecasts_to_promotions(engine: ForecastEngine) -> None:
    """Of the model that is served, from the newest origin."""
    response = measure_response(engine, engine.snapshot.newest_origin)
    assert response is not None
    assert engine.bundle.metrics["response"] == response


def test_a_failed_training_leaves_the_serving_release_in_place(
    own_store: Store, tmp_path: Path, recipe: Recipe
) -> None:
    before = own_store.current()
    with pytest.raises(ValueError, match="is not a folder"):
        train(tmp_path / "nowhere", own_store, recipe, threads=1)
    assert own_store.current() == before


def test_stored_forecasts_equal_those_of_the_engine(
    trained: Store, release: Release, engine: ForecastEngine
) -> None:
    stored = load_release(trained, release).forecasts
    computed = engine.forecast(engine.snapshot.newest_origin)
    np.testing.assert_array_equal(stored.mean, computed.values)


def test_sums_add_up_at_every_level_and_date(engine: ForecastEngine) -> None:
    values = engine.forecast(engine.snapshot.newest_origin - 200).values
    hierarchy = engine.snapshot.hierarchy
    bottoms = values[hierarchy.n_upper :]
    np.testing.assert_allclose(values, hierarchy.summing @ bottoms, rtol=1e-9)
    for level in ("store", "family"):
        np.testing.assert_allclose(
            values[hierarchy.slices[level]].sum(axis=0), values[0], rtol=1e-9
        )
    assert (values >= 0).all()


def test_a_series_that_never_sold_is_forecast_as_zero(engine: ForecastEngine) -> None:
    snapshot = engine.snapshot
    never = np.flatnonzero(snapshot.first_sale == snapshot.n_days)
    assert len(never), "the demo data hold one such series"
    assert (engine.forecast(snapshot.newest_origin).values[never] == 0).all()


def test_forecasts_beat_seasonal_naive(snapshot: Snapshot, engine: ForecastEngine) -> None:
    """In sample, but with a small model: far from it means that rows or targets are wrong."""
    origin, days = snapshot.newest_origin - 28, np.arange(1, 29)
    bottoms = slice(snapshot.hierarchy.n_upper, None)
    actual = np.log1p(snapshot.sales[bottoms, origin + 1 : origin + 29])
    ours = np.log1p(engine.forecast(origin, days).values[bottoms])
    naive = np.log1p(snapshot.sales[bottoms, origin - 6 + (days - 1) % 7])
    assert ((ours - actual) ** 2).mean() < ((naive - actual) ** 2).mean()


def test_a_model_with_other_results_is_refused(
    own_store: Store, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "models.model.SegmentedModel.predict", lambda self, rows: np.ones(len(rows), np.float32)
    )
    with pytest.raises(ArtifactError, match="does not reproduce its golden rows") as caught:
        load_bundle(own_store.bundles / bundle.name)
    assert caught.value.path.name == bundle.name


@pytest.fixture(scope="module")
def by_city(demo_folder: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return the artifacts of a model trained with a city level."""
    levels = dict(FAVORITA.columns_of_level)
    bottom = levels.pop(BOTTOM)
    with_city = FAVORITA.with_levels({**levels, "city": ("city",), BOTTOM: bottom})
    store = Store(tmp_path_factory.mktemp("by-city"))
    train(demo_folder, store, recipe, threads=1, specification=with_city)
    return store


def test_forecasts_have_the_levels_of_the_model(
    by_city: Store, demo_folder: Path, tmp_path: Path
) -> None:
    before = by_city.current()
    out = tmp_path / "forecast.csv"
    written = forecast_file(demo_folder, by_city, out, levels=True)
    assert written.release == before, "the same tables and levels make the same snapshot"
    nodes = set(pl.read_csv(out)["node"])
    assert any(node.startswith("city:") for node in nodes)


def test_a_reload_keeps_the_levels_of_the_model(by_city: Store, demo_folder: Path) -> None:
    before = by_city.current()
    assert refresh(by_city, demo_folder) == (before, before)
    levels = load_snapshot(by_city.snapshots / before.snapshot).hierarchy.levels
    assert list(levels) == ["total", "store", "family", "city", "bottom"]
