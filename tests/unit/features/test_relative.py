"""Trees read sales relative to the usual sales of the day."""

from __future__ import annotations

import numpy as np

from features.contract import Contract, contract_of, feature_set
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.relative import RelativeColumns
from models.bundle import GOLDEN_ROWS_FILE, Bundle

ROWS = np.array([[5, 1.5, 0.25, np.nan], [7, 3, 2, 4]], dtype=np.float32)


def test_levels_are_read_less_the_offset_and_the_rest_as_it_is() -> None:
    relative = RelativeColumns(offset=1, columns=(2, 3))
    read = relative.tree_rows(ROWS)
    np.testing.assert_array_equal(read, [[5, 1.5, -1.25, np.nan], [7, 3, -1, 1]])
    np.testing.assert_array_equal(relative.offsets(ROWS), [1.5, 3])
    assert read.dtype == np.float32
    assert ROWS[1, 2] == 2, "the rows stay as they are"


def test_without_relative_columns_the_score_is_that_of_the_trees_alone() -> None:
    none = RelativeColumns(offset=1, columns=())
    np.testing.assert_array_equal(none.tree_rows(ROWS), ROWS)
    np.testing.assert_array_equal(none.offsets(ROWS), [0, 0])


def test_all_levels_of_sales_but_the_usual_ones_are_relative(contract: Contract) -> None:
    assert {"mean_7", "units_28", "weekday_decayed", "year_level"} <= set(contract.relative)
    others = {"expected", "promo", "std_28", "year_season", "horizon", "family"}
    assert not others & set(contract.relative)
    assert contract.relative == feature_set(FAVORITA).relative


def test_the_offset_is_known_in_every_row(bundle: Bundle) -> None:
    rows = np.load(bundle.path / GOLDEN_ROWS_FILE)
    assert np.isfinite(bundle.contract.relative_columns.offsets(rows)).all()


def test_a_contract_of_an_older_bundle_has_no_relative_columns(snapshot: Snapshot) -> None:
    document = contract_of(snapshot, through=snapshot.newest_origin).model_dump()
    del document["relative"]
    assert Contract.model_validate(document).relative_columns.columns == ()
