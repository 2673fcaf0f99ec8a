"""A history of months trains a model, and says what it cannot know."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from examples.writer import write_example
from models.serving.release import LoadedRelease, load_release
from storage.artifacts import Store
from training.pipeline import train
from training.recipe import Recipe

pytestmark = pytest.mark.slow

DAYS = 160


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> LoadedRelease:
    folder = tmp_path_factory.mktemp("short") / "tables"
    write_example("items", folder, scale=0.2)
    sales = pl.read_csv(folder / "sales.csv")
    first = sales["date"].unique().sort()[-DAYS]
    sales.filter(pl.col("date") >= first).write_csv(folder / "sales.csv")
    store = Store(folder / "artifacts")
    return load_release(store, train(folder, store, recipe, threads=1))


def test_forecasts_reach_the_whole_horizon(release: LoadedRelease) -> None:
    mean = release.forecasts.mean
    assert mean.shape[1] == 90
    assert np.isfinite(mean).all()
    assert (mean[0] > 0).all()


def test_the_quality_says_how_far_errors_are_known(release: LoadedRelease) -> None:
    quality = release.engine.bundle.metrics["quality"]
    (warning,) = [each for each in quality["warnings"] if "The history is short" in each]
    (known,) = re.findall(r"errors more than (\d+) days ahead are not known", warning)
    assert DAYS // 4 < int(known) < 90


def test_far_days_have_the_intervals_of_the_last_known_ones(release: LoadedRelease) -> None:
    nodes, days = np.array([0]), np.array([58, 75, 90])
    mean = np.full((1, 3), 1_000.0)
    sold = np.ones(1, dtype=np.bool_)
    lower, upper = release.intervals.bounds(nodes, mean, days, 80, sold=sold)
    widths = (upper - lower)[0]
    assert widths[2] >= 0.9 * widths[0] > 0  # of errors of other lengths of the same origins
    assert widths[1] == pytest.approx(widths[2], rel=0.2)


def test_sums_of_days_have_intervals(release: LoadedRelease) -> None:
    assert release.intervals.has_paths
