"""Model rows: one definition, no look-ahead, and unknown values are missing, not zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.contract import UNKNOWN_CODE, Contract, feature_set
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at

FEATURES, NAMES = feature_set(FAVORITA).features, feature_set(FAVORITA).names
ORIGIN = 1000
ALL = np.arange(1, FAVORITA.horizon + 1)
PLANNED = {
    **dict.fromkeys(
        (
            *("promo", "promo_change", "promo_weekday_change", "promo_effect"),
            *("promo_family_effect", "promo_store", "promo_store_change"),
            *("promo_family", "promo_family_change"),
        ),
        0,
    ),
    "promo_before": -1,
    "promo_after": 1,
    "promo_week": 3,
}
"""Features of planned promotions, with the number of days they read after the forecast day."""


def rows_at(
    snapshot: Snapshot, contract: Contract, origin: int, lead: int | None = None
) -> np.ndarray:
    nodes = np.arange(len(snapshot.hierarchy))
    covariates = known_covariates(snapshot, origin, lead=lead)
    rows = MatrixBuilder(snapshot, contract).matrix(
        state_at(snapshot, origin), covariates, nodes, ALL
    )
    return rows.reshape(len(nodes), len(ALL), len(NAMES))


def test_every_feature_has_a_unit_and_a_description() -> None:
    assert len(set(NAMES)) == len(FEATURES)
    assert all(feature.unit and feature.description for feature in FEATURES)


def test_no_row_changes_when_sales_after_the_origin_do(
    snapshot: Snapshot, contract: Contract
) -> None:
    sales = snapshot.sales.copy()
    sales[:, ORIGIN + 1 :] = sales[:, ORIGIN + 1 :] * 5 + 3
    before = rows_at(snapshot, contract, ORIGIN)
    after = rows_at(replace(snapshot, sales=sales), contract, ORIGIN)
    np.testing.assert_array_equal(before, after)


def test_rows_change_when_sales_at_the_origin_do(snapshot: Snapshot, contract: Contract) -> None:
    sales = snapshot.sales.copy()
    sales[:, ORIGIN] = sales[:, ORIGIN] * 5 + 3
    before = rows_at(snapshot, contract, ORIGIN)
    after = rows_at(replace(snapshot, sales=sales), contract, ORIGIN)
    assert (before != after).any(axis=2).all(), "a row does not see the last day of sales"


def test_a_series_has_different_rows_on_different_days(
    snapshot: Snapshot, contract: Contract
) -> None:
    rows = rows_at(snapshot, contract, ORIGIN)
    for series in rows:
        assert len(np.unique(series, axis=0)) == FAVORITA.horizon


@pytest.mark.parametrize("lead", [0, 16, 90])
def test_promotions_that_are_not_planned_are_missing_not_zero(
    snapshot: Snapshot, contract: Contract, lead: int
) -> None:
    rows = rows_at(snapshot, contract, ORIGIN, lead)
    for name, looks in PLANNED.items():
        missing = np.isnan(rows[:, :, NAMES.index(name)])
        known = max(min(lead, FAVORITA.horizon) - looks, 0)
        assert not missing[:, :known].any(), name
        assert missing[:, known:].all(), name


def test_a_past_origin_knows_promotions_no_further_than_the_newest_does(snapshot: Snapshot) -> None:
    known = np.isfinite(known_covariates(snapshot, ORIGIN).values["onpromotion"]).all(axis=0)
    assert known.sum() == snapshot.lead == 16


def test_a_subset_of_nodes_and_days_gives_the_same_bits(
    snapshot: Snapshot, builder: MatrixBuilder, draw: np.random.Generator
) -> None:
    """Serving computes a selection and training samples: rows must not depend on the subset."""
    state, covariates = state_at(snapshot, ORIGIN), known_covariates(snapshot, ORIGIN)
    every = np.arange(len(snapshot.hierarchy))
    full = builder.matrix(state, covariates, every, ALL).reshape(len(every), FAVORITA.horizon, -1)
    nodes = np.sort(draw.choice(every, 11, replace=False))
    days = np.sort(draw.choice(ALL, 7, replace=False))
    part = builder.matrix(state, covariates, nodes, days).reshape(len(nodes), len(days), -1)
    assert part.tobytes() == full[np.ix_(nodes, days - 1)].tobytes()


def test_a_store_unseen_in_training_has_the_unknown_code(
    snapshot: Snapshot, contract: Contract
) -> None:
    categories = {**contract.categories, "store": contract.categories["store"][1:]}
    narrower = contract.model_copy(update={"categories": categories})
    rows = rows_at(snapshot, narrower, ORIGIN)
    gone = snapshot.hierarchy.index[f"store:{contract.categories['store'][0]}"]
    assert (rows[gone, :, NAMES.index("store")] == UNKNOWN_CODE).all()


@pytest.mark.parametrize("horizons", [[0], [91], [1, 200]], ids=str)
def test_a_horizon_out_of_reach_is_refused(
    snapshot: Snapshot, builder: MatrixBuilder, horizons: list[int]
) -> None:
    state, covariates = state_at(snapshot, ORIGIN), known_covariates(snapshot, ORIGIN)
    with pytest.raises(ValueError, match="horizons must be 1 to 90"):
        builder.matrix(state, covariates, np.array([0]), np.array(horizons))


def test_a_contract_of_another_release_is_refused(snapshot: Snapshot, contract: Contract) -> None:
    other = contract.model_copy(update={"names": contract.names[::-1]})
    with pytest.raises(ValueError, match="not those of this release"):
        MatrixBuilder(snapshot, other)


def test_two_bottoms_of_one_store_share_its_columns(snapshot: Snapshot, contract: Contract) -> None:
    rows = rows_at(snapshot, contract, ORIGIN)
    index = snapshot.hierarchy.index
    a, b = index["store:1/family:DAIRY"], index["store:1/family:PRODUCE"]
    for name in ("promo_store", "local_day_off", "city", "traffic_28"):
        column = NAMES.index(name)
        np.testing.assert_array_equal(rows[a, :, column], rows[b, :, column], err_msg=name)


def planned_for_some(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without the plan of one series, and five days of another's."""
    items = snapshot.covariates["onpromotion"].copy()
    items[0, snapshot.n_days :] = np.nan
    items[1, snapshot.n_days + 5 :] = np.nan
    return replace(snapshot, covariates={**snapshot.covariates, "onpromotion": items})


@pytest.mark.parametrize("origin", [ORIGIN, -1], ids=["past", "newest"])
def test_promotions_of_a_series_are_known_as_far_as_its_own_plan(
    snapshot: Snapshot, contract: Contract, origin: int
) -> None:
    some = planned_for_some(snapshot)
    origin = origin % snapshot.n_days
    planned = np.isfinite(known_covariates(some, origin).values["onpromotion"])
    assert planned.sum(axis=1)[:3].tolist() == [0, 5, 16]
    rows = rows_at(some, contract, origin)
    bottom = snapshot.hierarchy.n_upper
    promo = np.isfinite(rows[:, :, NAMES.index("promo")]).sum(axis=1)
    assert promo[bottom : bottom + 3].tolist() == [0, 5, 16]
    assert promo[0] == 0, "the total is unknown where a part is"
    of_store = np.isfinite(rows[:, :, NAMES.index("promo_store")]).sum(axis=1)
    assert of_store[bottom + 2] == 0, "the plan of the store is not that of a part of it"


def test_undelivered_days_leave_no_gap_in_the_features_of_the_past(
    snapshot: Snapshot, contract: Contract
) -> None:
    late = snapshot.hierarchy.summing[:, [0]].toarray()[:, 0] > 0
    sales, items = snapshot.sales.copy(), snapshot.covariates["onpromotion"].copy()
    sales[late, -3:] = np.nan
    items[0, snapshot.n_days - 3 : snapshot.n_days] = np.nan
    some = replace(
        snapshot,
        sales=sales,
        estimated=snapshot.sales,
        covariates={**snapshot.covariates, "onpromotion": items},
    )
    newest = snapshot.newest_origin
    rows, whole = (rows_at(data, contract, newest, 0) for data in (some, snapshot))
    around = [NAMES.index(name) for name in ("promo_before", "promo_week")]
    rest = np.setdiff1d(np.arange(len(NAMES)), around)
    np.testing.assert_array_equal(np.isnan(rows[:, :, rest]), np.isnan(whole[:, :, rest]))
