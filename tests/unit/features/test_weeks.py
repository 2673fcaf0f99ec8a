"""Features of weekly data, and of horizons of more than a year."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from examples.writer import write_example
from features.contract import contract_of, feature_set
from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.step import Step
from features.data.tables import read_tables
from features.feature import Group
from features.matrix import MatrixBuilder, known_covariates
from features.state import PastState, first_origin, state_at

HORIZON = 60


@pytest.fixture(scope="module")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("weeks") / "tables"
    write_example("hypermarkets", folder, scale=0.3)
    stated = folder / "retailer.yaml"
    text = stated.read_text(encoding="utf-8").replace("horizon: 39 ", f"horizon: {HORIZON} ")
    stated.write_text(text, encoding="utf-8")
    return load_snapshot(build_snapshot(read_tables(folder), folder / "built").path)


def arrays(state: PastState) -> dict[str, np.ndarray]:
    return {**state.node, **state.weekday, **state.monthday, **state.ahead}


def test_windows_are_whole_weeks(weekly: Snapshot) -> None:
    state, logs = state_at(weekly, weekly.newest_origin), np.log1p(weekly.history)
    assert state.node["mean_28"] == pytest.approx(logs[:, -4:].mean(axis=1), rel=1e-5)
    assert state.node["mean_364"] == pytest.approx(logs[:, -52:].mean(axis=1), rel=1e-5)
    assert state.node["age"].max() == 7 * weekly.n_days
    assert state.ahead["year_value"][:, 0] == pytest.approx(logs[:, -52], rel=1e-5)


@pytest.mark.parametrize("ahead", [1, 5])
def test_nothing_after_the_origin_changes_the_state(weekly: Snapshot, ahead: int) -> None:
    origin = weekly.newest_origin - 10
    sales = weekly.history.copy()
    sales[:, origin + ahead] *= 3
    other = replace(weekly, sales=sales, estimated=sales)
    before, after = arrays(state_at(weekly, origin)), arrays(state_at(other, origin))
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_beyond_a_year_no_feature_reads_the_year_before(weekly: Snapshot) -> None:
    """The same week of the year before is not known yet."""
    ahead = state_at(weekly, weekly.newest_origin).ahead
    for name in ("year_value", "year_season", "year_effect"):
        assert ahead[name].shape[1] == HORIZON
        assert np.isnan(ahead[name][:, Step.WEEK.year :]).all(), name
    assert np.isfinite(ahead["year_value"][:, :50]).all()
    assert np.isfinite(ahead["year2_season"][:, Step.WEEK.year :]).any()


def test_the_earliest_origin_has_eight_weeks(weekly: Snapshot) -> None:
    earliest = first_origin(weekly.step)
    assert earliest == 7
    assert state_at(weekly, earliest).node["mean_28"].shape == (len(weekly.hierarchy),)
    with pytest.raises(ValueError, match="origin 6 is not between 7 and"):
        state_at(weekly, earliest - 1)


def test_an_attribute_that_is_a_number_is_coded_in_its_order(weekly: Snapshot) -> None:
    contract = contract_of(weekly, through=weekly.newest_origin)
    assert contract.categories["Size"] == ("50000", "100000", "140000")
    assert contract.categories["Type"] == ("A", "B", "C")


def test_rows_have_the_features_that_weeks_have(weekly: Snapshot) -> None:
    features = feature_set(weekly.specification)
    contract = contract_of(weekly, through=weekly.newest_origin)
    origin = weekly.newest_origin
    rows = MatrixBuilder(weekly, contract).matrix(
        state_at(weekly, origin),
        known_covariates(weekly, origin),
        np.arange(3),
        np.array([1, HORIZON]),
    )
    assert rows.shape == (6, len(features.names))
    assert Group.WEEKDAY not in features.columns_of_group
    assert {"mean_28", "month", "holiday", "IsHoliday"} <= set(features.names)
    assert not {"weekday", "recent_3", "monthday_effect", "date_open"} & set(features.names)
