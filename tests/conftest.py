"""Shared fixtures: the demo data, and a small but real serving release trained on them."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import polars as pl
import pytest
from filelock import FileLock

from errors import Problem
from features.contract import Contract, contract_of
from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import read_tables
from features.matrix import MatrixBuilder
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine
from storage.artifacts import Release, Store
from tests.support.clock import Clock
from training.demo.generator import write_demo
from training.pipeline import train
from training.recipe import Member, Recipe, Segment

# a deadline would fail on a machine that does something else as well
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

_SMALL_TREES = {
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "learning_rate": 0.2,
}
_NEAR = Member(name="near", trees=25, parameters=_SMALL_TREES)
_VOLUME = Member(name="volume", volume_power=0.6, trees=15, parameters=_SMALL_TREES)
_FAR = Member(name="far", target="mean", trees=20, parameters=_SMALL_TREES)
SMALL = Recipe(
    segments=tuple(
        Segment(
            last_horizon=last,
            years=3,
            origin_step=21,
            max_rows=5_000,
            members=members,
            blend=weights,
        )
        for last, members, weights in (
            (16, (_NEAR, _VOLUME), {"near": 0.4, "volume": 0.4, "far": 0.2}),
            (90, (_FAR,), {"far": 0.7, "volume": 0.3}),
        )
    ),
    relative=True,
)
"""A recipe of few trees and few origins, which trains in seconds."""


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of one test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def demo_folder(shared_folder: Path) -> Path:
    """The demo tables, as Parquet."""
    folder = shared_folder / "demo"
    with FileLock(shared_folder / "demo.lock"):
        if not folder.exists():
            shutil.move(write_demo(shared_folder / "demo-new"), folder)
    return folder


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return SMALL


@pytest.fixture(scope="session")
def trained(shared_folder: Path, demo_folder: Path, recipe: Recipe) -> Store:
    """Artifacts with a serving release; a test that alters them takes `own_store`."""
    store = Store(shared_folder / "artifacts")
    with FileLock(shared_folder / "storage.artifacts.lock"):
        if not store.pointer.exists():
            train(demo_folder, store, recipe, threads=1)
    return store


@pytest.fixture
def own_store(trained: Store, tmp_path: Path) -> Store:
    """A copy of the artifacts that the test may damage."""
    return copy_store(trained, tmp_path)


@pytest.fixture(scope="module")
def module_store(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A copy of the artifacts for servers that write there: those with a `DATA_DIR`."""
    return copy_store(trained, tmp_path_factory.mktemp("store"))


def copy_store(store: Store, folder: Path) -> Store:
    return Store(Path(shutil.copytree(store.root, folder / "artifacts")))


@pytest.fixture(scope="session")
def release(trained: Store) -> Release:
    return trained.current()


@pytest.fixture(scope="session")
def snapshot(trained: Store, release: Release) -> Snapshot:
    return load_snapshot(trained.snapshots / release.snapshot)


@pytest.fixture(scope="session")
def bundle(trained: Store, release: Release) -> Bundle:
    return load_bundle(trained.bundles / release.bundle)


@pytest.fixture(scope="session")
def engine(bundle: Bundle, snapshot: Snapshot) -> ForecastEngine:
    return ForecastEngine(bundle, snapshot)


@pytest.fixture(scope="session")
def contract(snapshot: Snapshot) -> Contract:
    return contract_of(snapshot, through=snapshot.newest_origin, relative=True)


@pytest.fixture(scope="session")
def builder(snapshot: Snapshot, contract: Contract) -> MatrixBuilder:
    return MatrixBuilder(snapshot, contract)


@pytest.fixture(scope="session")
def odd_folder(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Newer tables of the demo's retailer, with every kind of series that is hard to forecast.

    Of stores that the demo's model knows, 21 opens on 5 June and 3 is closed from 13 May on; of
    those it has not seen, 77 opens on 10 June as a copy of store 1, 79 has sold a year as a copy
    of store 2, and 78 is in the stores table only. Store 2 has rows for DAIRY every other week,
    and sells TOYS in no store but is listed for it.
    """
    folder = Path(shutil.copytree(demo_folder, tmp_path_factory.mktemp("odd") / "tables"))
    train = pl.read_parquet(folder / "train.parquet").drop("id")
    day, store, family = pl.col("date"), pl.col("store_nbr"), pl.col("family")
    of_store = {
        number: train.filter(store == like, day >= opened).with_columns(
            store_nbr=pl.lit(number, dtype=pl.Int64)
        )
        for number, like, opened in (
            (77, 1, pl.date(2024, 6, 10)),
            (79, 2, pl.date(2023, 6, 30)),
        )
    }
    toys = train.filter(store == 2, family == "BOOKS").with_columns(
        family=pl.lit("TOYS"), sales=pl.lit(0.0)
    )
    absent = (
        ((store == 21) & (day < pl.date(2024, 6, 5)))
        | ((store == 3) & (day >= pl.date(2024, 5, 13)))
        | ((store == 2) & (family == "DAIRY") & (day.dt.week() % 2 == 0))
    )
    pl.concat((train.filter(~absent), *of_store.values(), toys)).write_parquet(
        folder / "train.parquet"
    )
    stores = pl.read_parquet(folder / "stores.parquet")
    new = [
        stores.filter(store == 1).with_columns(store_nbr=pl.lit(number, dtype=pl.Int64))
        for number in (77, 78, 79)
    ]
    pl.concat((stores, *new)).write_parquet(folder / "stores.parquet")
    return folder


@pytest.fixture(scope="session")
def odd_snapshot(odd_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    artifact = build_snapshot(read_tables(odd_folder), tmp_path_factory.mktemp("odd-snapshot"))
    return load_snapshot(artifact.path)


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(1000.0)


@pytest.fixture
def draw() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(20240630)


@pytest.fixture
def uncollected_problems() -> Iterator[Callable[[], int]]:
    """Count the problems of this test that only a garbage collection would free.

    The collector is disabled meanwhile.
    """

    def count_problems() -> int:
        return sum(isinstance(value, Problem) for value in gc.get_objects())

    gc.collect()
    before = count_problems()
    gc.disable()
    yield lambda: count_problems() - before
    gc.enable()
