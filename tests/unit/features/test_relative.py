"""Trees read sales relative to the usual sales of the day."""

from __future__ import annotations

import numpy as np

from features.contract import Contract, contract_of, feature_set
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.relative import RelativeColumns
from models.bundle import GOLDEN_ROWS_FILE, Bundle

ROWS = np.array([[5, 1.5, 0.25, np.nan], [7, 3, 2, 4]], dtype=np.float32)


def test_levels_are_read_less_their_reference_and_the_rest_as_it_is() -> None:
    relative = RelativeColumns(offset=1, references=((2, 1), (3, 0)))
    read = relative.tree_rows(ROWS)
    np.testing.assert_array_equal(read, [[5, 1.5, -1.25, np.nan], [7, 3, -1, -3]])
    np.testing.assert_array_equal(relative.offsets(ROWS), [1.5, 3])
    assert read.dtype == np.float32
    assert ROWS[1, 2] == 2, "the rows stay as they are"


def test_without_relative_columns_the_score_is_that_of_the_trees_alone() -> None:
    none = RelativeColumns(offset=1, references=())
    np.testing.assert_array_equal(none.tree_rows(ROWS), ROWS)
    np.testing.assert_array_equal(none.offsets(ROWS), [0, 0])
    assert none.initial_scores(ROWS) is None


def test_levels_are_read_less_the_usual_level_of_their_own_kind(contract: Contract) -> None:
    of_weeks = {"mean_7", "units_28", "recent_3", "year_week", "year_level"}
    of_days = {"weekday_decayed", "weekday_last", "weekday_units_8", "year_value"}
    assert {contract.relative[name] for name in of_weeks} == {"mean_28"}
    assert {contract.relative[name] for name in of_days} == {"expected"}
    others = {"expected", "mean_28", "promo", "std_28", "year_season", "horizon", "family"}
    assert not others & set(contract.relative)
    assert contract.relative == feature_set(FAVORITA).relative


def test_references_are_known_in_every_row(bundle: Bundle) -> None:
    rows = np.load(bundle.path / GOLDEN_ROWS_FILE)
    relative = bundle.contract.relative_columns
    columns = {relative.offset, *(reference for _, reference in relative.references)}
    assert np.isfinite(rows[:, sorted(columns)]).all()


def test_a_contract_has_no_relative_columns_unless_they_are_asked_for(snapshot: Snapshot) -> None:
    contract = contract_of(snapshot, through=snapshot.newest_origin)
    older = contract.model_dump(exclude={"relative"})
    assert Contract.model_validate(older).relative_columns.references == ()
    assert Contract.model_validate(older) == contract
