"""Snapshots as they are read: of this release, and of older ones without a specification."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from features.contract import contract_of
from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import (
    HIERARCHY_FILE,
    KIND,
    SPECIFICATION_FILE,
    covariate_file,
    load_snapshot,
)
from features.data.specification import BOTTOM, FAVORITA, TOTAL, Levels
from features.data.tables import read_tables
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at
from storage.artifacts import (
    MANIFEST,
    Artifact,
    ArtifactError,
    Release,
    Store,
    seal,
    staging,
    verify,
)

BY_CITY: Levels = {
    TOTAL: (),
    "store": ("store_nbr",),
    "city": ("city",),
    BOTTOM: ("store_nbr", "family"),
}
HORIZONS = np.array([1, 16, 40, 90])


def write_older(folder: Path, destination: Path, levels: Any) -> Artifact:
    """Write a snapshot in the older form: arrays by other names, levels beside the bottoms."""
    source = verify(folder, kind=KIND)
    own = dict(source.facts)
    own["promotions_known_through"] = own.pop("known_through")
    with staging(destination) as copy:
        for name in source.manifest.files:
            shutil.copyfile(folder / name, copy / name)
        for covariate in ("onpromotion", "transactions"):
            (copy / covariate_file(covariate)).rename(copy / f"{covariate}.npy")
        (copy / SPECIFICATION_FILE).unlink()
        structure = orjson.loads((copy / HIERARCHY_FILE).read_bytes())
        (copy / HIERARCHY_FILE).write_bytes(orjson.dumps({"levels": levels, **structure}))
        # what older snapshots hold besides, and no release reads any more
        np.save(copy / "oil.npy", np.zeros(3))
        (copy / "stores.json").write_bytes(b"[]")
        return seal(copy, kind=KIND, label=source.manifest.label, facts=own)


def rows_of(snapshot: Snapshot) -> np.ndarray:
    """Return rows of all nodes from the newest origin."""
    contract = contract_of(snapshot, through=snapshot.newest_origin)
    state = state_at(snapshot, snapshot.newest_origin)
    covariates = known_covariates(snapshot, snapshot.newest_origin)
    nodes = np.arange(len(snapshot.hierarchy))
    return MatrixBuilder(snapshot, contract).matrix(state, covariates, nodes, HORIZONS)


@pytest.fixture
def served(trained: Store, release: Release) -> Path:
    """Return the folder of the snapshot that serves."""
    return trained.snapshots / release.snapshot


@pytest.fixture(
    params=[FAVORITA.columns_of_level, BY_CITY], ids=["usual levels", "a level of its own"]
)
def current(request: pytest.FixtureRequest, demo_folder: Path, tmp_path: Path) -> Path:
    """Return the folder of a snapshot in the form that is written now."""
    tables = read_tables(demo_folder, specification=FAVORITA.with_levels(request.param))
    return build_snapshot(tables, tmp_path / "new").path


def test_an_older_snapshot_gives_the_same_rows(current: Path, tmp_path: Path) -> None:
    new = load_snapshot(current)
    levels = new.specification.columns_of_level
    old = load_snapshot(write_older(current, tmp_path / "old", levels).path)
    assert old.name != new.name
    assert old.specification == new.specification
    assert list(old.hierarchy.levels) == list(levels)
    assert old.hierarchy.index == new.hierarchy.index
    assert old.facts == new.facts
    assert old.lead == new.lead == 16
    assert rows_of(old).tobytes() == rows_of(new).tobytes()


def test_a_snapshot_states_its_specification(current: Path) -> None:
    snapshot, manifest = load_snapshot(current), orjson.loads((current / MANIFEST).read_bytes())
    assert "levels" not in orjson.loads((current / HIERARCHY_FILE).read_bytes())
    assert "promotions_known_through" not in manifest["facts"]
    stored: Any = orjson.loads((current / SPECIFICATION_FILE).read_bytes())
    assert [level["name"] for level in stored["levels"]] == list(snapshot.hierarchy.levels)


@pytest.mark.parametrize(
    "levels",
    [
        pytest.param({}, id="no level"),
        pytest.param(None, id="none"),
        pytest.param({TOTAL: (), BOTTOM: 3}, id="number of columns"),
        pytest.param({TOTAL: (), "store": ("store_nbr",)}, id="no bottom"),
        pytest.param({TOTAL: (), "x": ("x",), BOTTOM: ("store_nbr", "family")}, id="no column"),
    ],
)
def test_an_older_snapshot_of_impossible_levels_is_refused(
    served: Path, tmp_path: Path, levels: Any
) -> None:
    folder = write_older(served, tmp_path, levels).path
    with pytest.raises(ArtifactError, match="does not hold a snapshot"):
        load_snapshot(folder)


def test_a_covariate_of_another_shape_is_refused(served: Path, tmp_path: Path) -> None:
    source = verify(served, kind=KIND)
    with staging(tmp_path) as copy:
        for name in source.manifest.files:
            shutil.copyfile(served / name, copy / name)
        name = covariate_file("transactions")
        np.save(copy / name, np.load(copy / name)[1:])
        folder = seal(copy, kind=KIND, label="x", facts=source.facts).path
    with pytest.raises(ArtifactError, match=r"covariate-transactions\.npy.* has shape .* instead"):
        load_snapshot(folder)
