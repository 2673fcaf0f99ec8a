"""What many tests need: the demo data, and a small but real serving pair trained on them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from artifacts import Pair, Store
from features.contract import Contract, contract_of
from features.matrix import MatrixBuilder
from features.snapshot import Snapshot, load_snapshot
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine
from training.demo import write_demo
from training.pipeline import train
from training.recipe import Member, Recipe, Segment

_SMALL_TREES = {
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "learning_rate": 0.2,
}
SMALL = Recipe(
    segments=tuple(
        Segment(
            last_horizon=last,
            years=3,
            origin_step=7,
            max_rows=15_000,
            members=(
                Member(target="log", weight=0.7, trees=25, parameters=_SMALL_TREES),
                Member(target="mean", weight=0.3, trees=15, parameters=_SMALL_TREES),
            ),
        )
        for last in (16, 90)
    )
)
"""A recipe that trains in a second."""


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
    """Artifacts with a serving pair. Tests that alter them take `own_store`."""
    store = Store(shared_folder / "artifacts")
    with FileLock(shared_folder / "artifacts.lock"):
        if not store.pointer.exists():
            train(demo_folder, store, recipe, threads=1)
    return store


@pytest.fixture
def own_store(trained: Store, tmp_path: Path) -> Store:
    """A copy of the artifacts that the test may damage."""
    return Store(Path(shutil.copytree(trained.root, tmp_path / "artifacts")))


@pytest.fixture(scope="session")
def pair(trained: Store) -> Pair:
    return trained.current()


@pytest.fixture(scope="session")
def snapshot(trained: Store, pair: Pair) -> Snapshot:
    return load_snapshot(trained.snapshots / pair.snapshot)


@pytest.fixture(scope="session")
def bundle(trained: Store, pair: Pair) -> Bundle:
    return load_bundle(trained.bundles / pair.bundle)


@pytest.fixture(scope="session")
def engine(bundle: Bundle, snapshot: Snapshot) -> ForecastEngine:
    return ForecastEngine(bundle, snapshot)


@pytest.fixture(scope="session")
def contract(snapshot: Snapshot) -> Contract:
    return contract_of(snapshot, through=snapshot.newest_origin)


@pytest.fixture(scope="session")
def builder(snapshot: Snapshot, contract: Contract) -> MatrixBuilder:
    return MatrixBuilder(snapshot, contract)


@pytest.fixture
def draw() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(20240630)
