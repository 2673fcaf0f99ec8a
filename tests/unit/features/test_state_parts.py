"""The state and the rows of parts are those of the whole, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from examples.writer import write_example
from features.contract import contract_of
from features.data.build import build_snapshot
from features.data.series_part import Part
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import read_tables
from features.matrix import MatrixBuilder, Plans, known_covariates
from features.state import PastState, state_at
from features.state_parts import UpperPast, pool_responses
from tests.support.retailer import RETAILERS, snapshot_of
from tests.support.shops import announce_series, write_shops

BLOCKS = ("node", "weekday", "monthday", "ahead")
SOURCES = {
    "closed days and past-only covariates": "shops",
    "announced series": "announced",
    "weeks": "weeks",
    "series that are hard to forecast": "odd",
    **{f"gaps, {name}": name for name in RETAILERS},
}


@pytest.fixture(scope="module", params=SOURCES.values(), ids=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    if request.param in RETAILERS:
        return snapshot_of(RETAILERS[request.param], days=1_200)
    if request.param == "odd":
        odd: Snapshot = request.getfixturevalue("odd_snapshot")
        return odd
    folder = tmp_path_factory.mktemp("parts") / "tables"
    if request.param == "weeks":
        write_example("hypermarkets", folder, scale=0.3)
    else:
        write_shops(folder)
    if request.param == "announced":
        announce_series(folder)
    return load_snapshot(build_snapshot(read_tables(folder), folder / "built").path)


def parts_of(
    snapshot: Snapshot, origin: int, parts: list[Part], lead: int | None, file: Path
) -> list[tuple[PastState, Plans]]:
    """Return the states and plans of parts, as workers make them who read what all share."""
    file.write_bytes(UpperPast.at(snapshot, origin, parts, lead=lead).to_bytes())
    past = UpperPast.load(snapshot, file)
    pooled = pool_responses(snapshot, [past.responses_of(part) for part in parts])
    return [(past.state_of(part, pooled), past.plans_of(part)) for part in parts]


def assert_same(
    of_part: Mapping[str, np.ndarray], whole: Mapping[str, np.ndarray], nodes: np.ndarray
) -> None:
    assert of_part.keys() == whole.keys()
    for name, values in whole.items():
        assert of_part[name].dtype == values.dtype
        assert of_part[name].tobytes() == values[nodes].tobytes(), name


@pytest.mark.parametrize("count", [1, 2, 5], ids="{} parts".format)
@pytest.mark.parametrize(
    ("back", "lead"),
    [
        pytest.param(0, None, id="the newest origin"),
        pytest.param(60, None, id="a past origin"),
        pytest.param(60, 5, id="a past origin, few days known"),
    ],
)
def test_state_plans_and_rows_of_parts_are_those_of_the_whole(
    source: Snapshot, back: int, lead: int | None, count: int, tmp_path: Path
) -> None:
    origin, hierarchy = source.newest_origin - back, source.hierarchy
    parts = source.split(-(-hierarchy.n_bottom // count))
    builder = MatrixBuilder(source, contract_of(source, through=source.newest_origin))
    horizons = np.arange(1, source.horizon + 1)
    whole, known = state_at(source, origin), known_covariates(source, origin, lead=lead)
    every = np.arange(len(hierarchy))
    rows = builder.matrix(whole, known, every, horizons).reshape(len(every), len(horizons), -1)
    made = parts_of(source, origin, parts, lead, tmp_path / "upper.npz")
    for part, (state, plans) in zip(parts, made, strict=True):
        nodes = np.concatenate((every[: hierarchy.n_upper], every[part.nodes(hierarchy.n_upper)]))
        for block in BLOCKS:
            assert_same(getattr(state, block), getattr(whole, block), nodes)
        assert_same({"sold": state.sold}, {"sold": whole.sold}, nodes)
        assert_same(plans.planned, known.planned, nodes)
        of_part = builder.matrix(state, plans, nodes, horizons)
        assert of_part.tobytes() == rows[nodes].tobytes()
        last = builder.matrix(state, plans, nodes[-1:], horizons)  # also a row by itself
        assert last.tobytes() == rows[nodes[-1]].tobytes()


def test_slopes_are_pooled_over_all_parts(snapshot: Snapshot, tmp_path: Path) -> None:
    """Those of one part alone would be others."""
    origin, parts = snapshot.newest_origin, snapshot.split(1)
    past = UpperPast.at(snapshot, origin, parts)
    responses = [past.responses_of(part) for part in parts]
    (name,) = (covariate.name for covariate in snapshot.specification.known_ahead)
    both = pool_responses(snapshot, responses)[name]
    assert (both != pool_responses(snapshot, [responses[0]] * len(parts))[name]).any()
