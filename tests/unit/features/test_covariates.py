"""Features of covariates of every kind, for a retailer with other series and levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from features.contract import contract_of
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA, Specification
from features.matrix import MatrixBuilder, known_covariates
from features.state import MIN_HISTORY_DAYS, state_at
from tests.support.retailer import (
    BY_REGION,
    ITEMS,
    PLAIN,
    RETAILERS,
    SHOPS,
    snapshot_of,
    with_values,
)

HORIZONS = np.arange(1, FAVORITA.horizon + 1)
CHANGED = 7
"""Days after the origin from which a test alters a covariate."""
EVERY_RETAILER = pytest.mark.parametrize("specification", RETAILERS.values(), ids=RETAILERS)


@dataclass(frozen=True)
class Rows:
    """Feature rows of all nodes from one origin; shape (nodes, 90, features)."""

    snapshot: Snapshot
    names: tuple[str, ...]
    values: np.ndarray

    def feature(self, name: str, node: str | None = None) -> np.ndarray:
        """Return a feature by day, of all nodes by default."""
        values: np.ndarray = self.values[:, :, self.names.index(name)]
        return values if node is None else values[self.snapshot.hierarchy.index[node]]

    @property
    def missing(self) -> set[str]:
        """Features that are missing on any day of any node."""
        columns = np.flatnonzero(np.isnan(self.values).any(axis=(0, 1)))
        return {self.names[column] for column in columns}


def rows_of(snapshot: Snapshot, origin: int | None = None) -> Rows:
    at = snapshot.newest_origin if origin is None else origin
    contract = contract_of(snapshot, through=at)
    rows = MatrixBuilder(snapshot, contract).matrix(
        state_at(snapshot, at),
        known_covariates(snapshot, at),
        np.arange(len(snapshot.hierarchy)),
        HORIZONS,
    )
    shape = (len(snapshot.hierarchy), FAVORITA.horizon, len(contract.names))
    return Rows(snapshot, contract.names, rows.reshape(shape))


def bottoms_on(snapshot: Snapshot, name: str, day: int) -> np.ndarray:
    """Return a covariate of the bottom series some days after the newest origin, as float64."""
    return np.float64(snapshot.covariates[name][:, snapshot.newest_origin + day])


@pytest.fixture(scope="module")
def by_region() -> Snapshot:
    return snapshot_of(BY_REGION)


@pytest.fixture(scope="module")
def rows(by_region: Snapshot) -> Rows:
    return rows_of(by_region)


@EVERY_RETAILER
@pytest.mark.parametrize(
    "origin", [MIN_HISTORY_DAYS - 1, 120, None], ids=["earliest", "early", "newest"]
)
def test_every_feature_that_is_declared_is_computed_and_finite(
    specification: Specification, origin: int | None
) -> None:
    """A price of 0 has no logarithm, and gaps of the past are filled."""
    made = rows_of(snapshot_of(specification), origin)
    assert len(set(made.names)) == made.values.shape[2]
    assert not np.isinf(made.values).any()
    of_covariates = {
        name
        for name in made.names
        if name.startswith(("flyer", "price", "warmth", "visits", "fuel"))
    }
    assert len(of_covariates) >= 3 * 13 + 2
    # only the last days ahead have no day after them
    around = {f"{name}_{of}" for name in ("flyer", "price", "warmth") for of in ("after", "week")}
    assert made.missing & of_covariates == around


@EVERY_RETAILER
def test_features_are_named_by_levels_and_pooled_columns(specification: Specification) -> None:
    names = rows_of(snapshot_of(specification)).names
    pooled = "item" if "item" in specification.series else "total"
    assert {f"price_{pooled}_slope", f"price_{pooled}_effect"} <= set(names)
    assert (
        ("price_region" in names)
        is ("region_event_effect" in names)
        is ("region" in specification.between)
    )
    assert ("item" in names) is ("item" in specification.series)
    assert "region" in names
    assert "flyer_share_112" in names
    assert "price_share_112" not in names
    assert not any(name.startswith(("store", "family", "promo")) for name in names)


def test_a_price_of_a_node_is_the_mean_of_its_series(by_region: Snapshot, rows: Rows) -> None:
    day = 5
    prices = bottoms_on(by_region, "price", day)
    own = rows.feature("price")[:, day - 1]
    assert own[0] == pytest.approx(np.log(prices.mean()), rel=1e-5)
    north = prices[np.array(by_region.hierarchy.bottoms["region"]) == "North"]
    assert 0 < len(north) < len(prices)
    row = by_region.hierarchy.index["region:North"]
    assert own[row] == pytest.approx(np.log(north.mean()), rel=1e-5)
    bottoms = by_region.hierarchy.n_upper
    np.testing.assert_allclose(own[bottoms:], np.log(prices), rtol=1e-4, atol=1e-6)
    of_region = rows.feature("price_region")[:, day - 1]
    below = by_region.hierarchy.ancestor("region") == row
    np.testing.assert_array_equal(of_region[below], own[row])


def test_flyers_of_a_node_are_counted(by_region: Snapshot, rows: Rows) -> None:
    day = 5
    flyers = bottoms_on(by_region, "flyer", day)
    assert 1 < flyers.sum() < len(flyers)
    own = rows.feature("flyer")[:, day - 1]
    assert own[0] == pytest.approx(np.log1p(flyers.sum()))
    np.testing.assert_allclose(own[by_region.hierarchy.n_upper :], np.log1p(flyers))


def test_a_number_is_averaged_and_may_be_negative(by_region: Snapshot, rows: Rows) -> None:
    day = 1 + int(by_region.covariates["warmth"][:, by_region.n_days :].mean(axis=0).argmin())
    warmth = bottoms_on(by_region, "warmth", day)
    assert warmth.mean() < 0
    own = rows.feature("warmth")[:, day - 1]
    assert own[0] == pytest.approx(warmth.mean(), rel=1e-5)
    np.testing.assert_allclose(own[by_region.hierarchy.n_upper :], warmth)


PLANNED = {
    **dict.fromkeys(
        ("", "_change", "_weekday_change", "_effect", "_item_effect", "_region", "_region_change"),
        0,
    ),
    "_before": 1,
    "_after": -1,
    "_week": -3,
}
"""Endings of features of planned values, with the first day missing after that of the value."""


@pytest.mark.parametrize("name", ["flyer", "price", "warmth"])
def test_a_value_ahead_that_is_not_known_is_missing(
    by_region: Snapshot, rows: Rows, name: str
) -> None:
    """For the series, its region and the total; not for other covariates, series and regions."""
    unknown = slice(by_region.newest_origin + CHANGED, None)
    made = rows_of(with_values(by_region, name, unknown, np.nan, 0))
    index = by_region.hierarchy.index
    of_name = {f"{name}{ending}" for ending in PLANNED}
    for node in ("shop:b/item:tea", "region:North", "total"):
        for ending, offset in PLANNED.items():
            if node == "total" and ending.startswith("_region"):
                continue  # the total's ancestor is itself
            missing = np.isnan(made.feature(f"{name}{ending}", node))
            np.testing.assert_array_equal(missing, CHANGED + offset <= HORIZONS, err_msg=ending)
    others = [column for column, each in enumerate(rows.names) if each not in of_name]
    np.testing.assert_array_equal(made.values[:, :, others], rows.values[:, :, others])
    elsewhere = [index[f"shop:10/item:{ITEMS[0]}"], index["region:South"]]
    np.testing.assert_array_equal(made.values[elsewhere], rows.values[elsewhere])


def test_a_covariate_of_a_shop_is_averaged_over_its_series(by_region: Snapshot, rows: Rows) -> None:
    seen = np.float64(by_region.covariates["visits"])
    change = np.log1p(seen[:, -28:].mean(axis=1)) - np.log1p(seen[:, -112:].mean(axis=1))
    numbers = by_region.hierarchy.group_of("shop")
    of_shop = dict(zip(by_region.hierarchy.bottoms["shop"], change[numbers], strict=True))
    assert len(set(of_shop.values())) == len(SHOPS)
    own = rows.feature("visits_28")[:, 0]
    assert own[0] == pytest.approx(change.mean(), rel=1e-4)
    for shop, expected in of_shop.items():
        node = by_region.hierarchy.index[f"shop:{shop}/item:rice"]
        assert own[node] == pytest.approx(expected, rel=1e-4)
    north = np.mean([of_shop["b"], of_shop["a"]])
    assert own[by_region.hierarchy.index["region:North"]] == pytest.approx(north, rel=1e-4)


def test_a_covariate_of_everywhere_is_the_same_in_every_node(
    by_region: Snapshot, rows: Rows
) -> None:
    seen = np.float64(by_region.covariates["fuel"][0])
    change = seen[-28:].mean() - seen[-112:].mean()
    np.testing.assert_allclose(rows.feature("fuel_28"), change, rtol=1e-4)


def test_a_number_that_is_no_longer_known_has_not_changed(by_region: Snapshot) -> None:
    """A mean of no day is no level of 0."""
    recent = slice(by_region.n_days - 28, None)
    assert not rows_of(with_values(by_region, "fuel", recent, np.nan, 0)).feature("fuel_28").any()


@pytest.mark.parametrize("known_since", [0, 40], ids=["from the first day", "lately"])
@pytest.mark.parametrize("days", [MIN_HISTORY_DAYS, 111, 400])
def test_a_constant_price_has_no_effect_however_long_it_is_known(
    days: int, known_since: int
) -> None:
    """Neither days before the data begin nor before the first price look like a change of it."""
    snapshot = snapshot_of(PLAIN, days=days)
    rows = range(snapshot.hierarchy.n_bottom)
    constant = with_values(snapshot, "price", slice(None), 3.0, *rows)
    unknown = slice(days - 40) if known_since else slice(0)
    made = rows_of(with_values(constant, "price", unknown, np.nan, *rows))
    for name in ("slope", "item_slope", "change", "weekday_change", "effect"):
        np.testing.assert_allclose(made.feature(f"price_{name}"), 0, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(made.feature("price_28"), np.log(3), rtol=1e-5)


def test_no_value_after_the_origin_changes_the_past(by_region: Snapshot) -> None:
    """A gap is filled by what was known at the time."""
    origin = 200
    rows = range(by_region.hierarchy.n_bottom)
    before = with_values(by_region, "price", slice(origin + 1), np.nan, *rows)
    after = with_values(before, "price", slice(origin + 1, None), 99.0, *rows)
    first, second = (state_at(snapshot, origin).node for snapshot in (before, after))
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
