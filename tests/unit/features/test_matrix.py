"""Model rows: one definition, no look-ahead, and unknown values are missing, not zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.contract import UNKNOWN_CODE, Contract, feature_set
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.matrix import Covariates, MatrixBuilder, known_covariates
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


# --- scenarios --------------------------------------------------------------------------------

SHARED = {
    "store": ("promo_store", "promo_store_change"),
    "family": ("promo_family", "promo_family_change"),
}
"""Features of the plan of a whole node, by its level."""
SERIES = "store:1/family:DAIRY"
DAYS = slice(2, 6)


def below(snapshot: Snapshot, node: str) -> np.ndarray:
    """Return the numbers of the series below a node."""
    summing = snapshot.hierarchy.summing
    row = snapshot.hierarchy.index[node]
    return np.sort(summing.indices[summing.indptr[row] : summing.indptr[row + 1]])


def promoted(covariates: Covariates, node: str, days: slice = DAYS) -> Covariates:
    """Return the covariates with ten items more for every series below a node."""
    series = below(covariates.snapshot, node)
    values = covariates.values["onpromotion"][series, days] + 10
    return covariates.altered("onpromotion", series, days, values)


def rows_of(builder: MatrixBuilder, covariates: Covariates) -> np.ndarray:
    """Return the rows of all nodes on the first ten days."""
    nodes, days = np.arange(len(covariates.snapshot.hierarchy)), ALL[:10]
    state = state_at(covariates.snapshot, covariates.origin)
    return builder.matrix(state, covariates, nodes, days).reshape(len(nodes), len(days), -1)


def columns_that_differ(before: np.ndarray, after: np.ndarray) -> set[str]:
    differ = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return {NAMES[column] for column in np.flatnonzero(differ.any(axis=(0, 1)))}


@pytest.mark.parametrize(
    ("node", "altered"),
    [
        pytest.param(SERIES, set(), id="series"),
        pytest.param("store:1", {"store"}, id="store"),
        pytest.param("family:DAIRY", {"family"}, id="family"),
        pytest.param("total", {"store", "family"}, id="all"),
    ],
)
def test_a_scenario_alters_the_plans_of_whole_nodes_that_it_covers_and_no_others(
    snapshot: Snapshot, builder: MatrixBuilder, node: str, altered: set[str]
) -> None:
    known = known_covariates(snapshot, ORIGIN)
    scenario = promoted(known, node)
    before, after = rows_of(builder, known), rows_of(builder, scenario)
    series = snapshot.hierarchy.n_upper + below(snapshot, node)
    differing = columns_that_differ(before[series], after[series])
    assert {"promo", "promo_change"} <= differing
    for level, names in SHARED.items():
        assert differing.issuperset(names) == (level in altered), level
        assert differing.isdisjoint(names) == (level not in altered), level
    others = np.setdiff1d(np.arange(snapshot.hierarchy.n_upper, len(before)), series)
    np.testing.assert_array_equal(before[others], after[others])
    assert set(scenario.levels_as_planned) == SHARED.keys() - altered


def test_a_node_reads_its_own_plan_and_that_of_wider_nodes_as_it_was(
    snapshot: Snapshot, builder: MatrixBuilder
) -> None:
    """The row of a store has one plan of the store; that of all stores is not the store's."""
    known = known_covariates(snapshot, ORIGIN)
    before, after = rows_of(builder, known), rows_of(builder, promoted(known, SERIES))
    store = snapshot.hierarchy.index["store:1"]
    own, shared = (NAMES.index(name) for name in ("promo", "promo_store"))
    assert (after[store, DAYS, own] > before[store, DAYS, own]).all()
    np.testing.assert_array_equal(after[store, :, shared], after[store, :, own])
    assert columns_that_differ(before[[store]], after[[store]]).isdisjoint(SHARED["family"])


def test_a_scenario_of_all_series_of_a_store_one_by_one_is_one_of_the_store(
    snapshot: Snapshot, builder: MatrixBuilder
) -> None:
    one_by_one = known = known_covariates(snapshot, ORIGIN)
    for series in below(snapshot, "store:1"):
        node = snapshot.hierarchy.nodes[snapshot.hierarchy.n_upper + series].id
        one_by_one = promoted(one_by_one, node)
    at_once = promoted(known, "store:1")
    np.testing.assert_array_equal(rows_of(builder, one_by_one), rows_of(builder, at_once))
    assert one_by_one.levels_as_planned == at_once.levels_as_planned == ("family",)


def test_a_store_is_covered_on_days_on_which_all_of_its_series_are(
    snapshot: Snapshot, builder: MatrixBuilder
) -> None:
    known = known_covariates(snapshot, ORIGIN)
    longer = promoted(promoted(known, "store:1", slice(2, 4)), SERIES, slice(4, 6))
    before, after = (
        rows_of(builder, each)[snapshot.hierarchy.index[SERIES], :, NAMES.index("promo_store")]
        for each in (known, longer)
    )
    assert np.flatnonzero(before != after).tolist() == [2, 3]
    assert longer.levels_as_planned == ("store", "family")


def test_a_node_of_one_series_is_covered_with_it(snapshot: Snapshot) -> None:
    hierarchy = snapshot.hierarchy
    store = [number for number, each in enumerate(hierarchy.bottoms["store_nbr"]) if each == "1"]
    of_one = Hierarchy(
        {column: [values[store[0]]] for column, values in hierarchy.bottoms.items()},
        snapshot.specification,
    )
    items = snapshot.covariates["onpromotion"][[store[0]]]
    only = replace(
        snapshot,
        hierarchy=of_one,
        sales=of_one.aggregate(snapshot.sales[[hierarchy.n_upper + store[0]]]),
        covariates={"onpromotion": items},
    )
    known = known_covariates(only, ORIGIN)
    assert promoted(known, of_one.nodes[-1].id).levels_as_planned == ()


@pytest.mark.parametrize("level", list(SHARED))
def test_scenarios_apart_are_those_of_each_node_alone(
    snapshot: Snapshot, builder: MatrixBuilder, level: str
) -> None:
    known = known_covariates(snapshot, ORIGIN)
    together = rows_of(builder, promoted(replace(known, apart=level), "total"))
    for node in range(*snapshot.hierarchy.slices[level].indices(len(snapshot.hierarchy))):
        name = snapshot.hierarchy.nodes[node].id
        series = snapshot.hierarchy.n_upper + below(snapshot, name)
        of_node = rows_of(builder, promoted(known, name))
        np.testing.assert_array_equal(together[series], of_node[series])
