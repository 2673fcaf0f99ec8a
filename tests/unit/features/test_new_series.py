"""Series that are announced do not change what the model reads of the others."""

from __future__ import annotations

import numpy as np
import pytest

from features.contract import contract_of
from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import read_tables
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at
from tests.support.shops import NEW_DEPARTMENT, NEW_SHOP, announce_series, write_shops

HORIZONS = np.array([1, 2, 9, 10, 11, 27, 28, 60])


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("without")
    tables = read_tables(write_shops(folder / "tables"))
    return load_snapshot(build_snapshot(tables, folder / "snapshot").path)


@pytest.fixture(scope="module")
def announced(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("announced")
    tables = read_tables(announce_series(write_shops(folder / "tables")))
    return load_snapshot(build_snapshot(tables, folder / "snapshot").path)


def rows_of(snapshot: Snapshot, back: int, nodes: list[str]) -> np.ndarray:
    """Return the rows of nodes from an origin some days before the newest."""
    origin = snapshot.newest_origin - back
    contract = contract_of(snapshot, through=snapshot.newest_origin)
    rows = np.array([snapshot.hierarchy.index[node] for node in nodes])
    state, known = state_at(snapshot, origin), known_covariates(snapshot, origin)
    return MatrixBuilder(snapshot, contract).matrix(state, known, rows, HORIZONS)


@pytest.mark.parametrize("back", [0, 100])
def test_rows_of_other_series_are_the_same_bit_by_bit(
    without: Snapshot, announced: Snapshot, back: int
) -> None:
    nodes = [node.id for node in without.hierarchy.nodes]
    np.testing.assert_array_equal(
        rows_of(announced, back, nodes), rows_of(without, back, nodes), strict=True
    )


def test_the_model_does_not_learn_their_names(without: Snapshot, announced: Snapshot) -> None:
    of_both = [contract_of(each, through=each.newest_origin) for each in (without, announced)]
    assert of_both[0].categories == of_both[1].categories
    assert NEW_SHOP in announced.hierarchy.bottoms["shop"]
    assert NEW_DEPARTMENT in announced.hierarchy.bottoms["department"]


def test_a_scenario_of_a_department_covers_it_although_a_series_is_announced(
    announced: Snapshot,
) -> None:
    """Announced series do not count in a department that sells, so nothing of it is left out."""
    hierarchy, known = announced.hierarchy, known_covariates(announced, announced.newest_origin)
    (name,) = (column.name for column in announced.specification.known_ahead[:1])
    department = hierarchy.bottoms["department"][0]
    of_it = np.array(hierarchy.bottoms["department"]) == department
    new = announced.announced[hierarchy.n_upper :]
    assert (of_it & new).any()
    sold = np.flatnonzero(of_it & ~new)
    scenario = known.altered(name, sold, slice(0, 5), np.ones((len(sold), 5), dtype=np.float32))
    assert "department" not in scenario.levels_as_planned
    one = known.altered(name, sold[:1], slice(0, 5), np.ones((1, 5), dtype=np.float32))
    assert "department" in one.levels_as_planned
