"""Warnings about scenarios with values that the data do not have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.matrix import known_covariates
from models.scenario import HOLIDAY, Adjustment
from models.scenario_range import ScenarioWarning, WarningCode, find_unseen_values
from tests.support.retailer import FIRST, PLAIN, snapshot_of, with_values

SERIES = 2
"""A bottom series; its prices are from 1.8 to 3 in the data of the tests."""


@pytest.fixture
def snapshot() -> Snapshot:
    snapshot = snapshot_of(PLAIN)
    prices = np.linspace(1.8, 3.0, len(snapshot.dates), dtype=np.float32)
    prices[snapshot.n_days :] = 2.0
    covariates = {**snapshot.covariates}
    covariates["price"] = np.tile(prices, (snapshot.hierarchy.n_bottom, 1))
    covariates["price"][:, snapshot.newest_origin] = 3.0
    return replace(snapshot, covariates=covariates)


def adjust(
    snapshot: Snapshot, covariate: str, value: float | str | None, op: str = "set", row: int = 0
) -> list[ScenarioWarning]:
    """Return the warnings of an adjustment on the first ten days ahead, by default of all."""
    origin = snapshot.newest_origin
    adjustment = Adjustment(covariate, op, value, origin + 1, origin + 10)
    return find_unseen_values(known_covariates(snapshot, origin), row, [adjustment])


def one(snapshot: Snapshot, *adjustment: object, **more: object) -> ScenarioWarning:
    row = snapshot.hierarchy.n_upper + SERIES
    (warning,) = adjust(snapshot, *adjustment, row=row, **more)  # type: ignore[arg-type]
    return warning


@pytest.mark.parametrize(
    ("op", "value"),
    [("set", 1.8), ("set", 3.0), ("add", 0.5), ("multiply", 1.5), ("multiply", 1.0)],
)
def test_values_that_the_series_has_had_are_not_warned_of(
    snapshot: Snapshot, op: str, value: float
) -> None:
    assert adjust(snapshot, "price", value, op) == []


@pytest.mark.parametrize(
    ("op", "value", "code", "price"),
    [
        pytest.param("set", 3.5, WarningCode.OUTSIDE_SEEN, 3.5, id="more than ever"),
        pytest.param("set", 6.0, WarningCode.OUTSIDE_SEEN, 6, id="twice the most"),
        pytest.param("set", 6.5, WarningCode.FAR, 6.5, id="more than twice the most"),
        pytest.param("set", 1.0, WarningCode.OUTSIDE_SEEN, 1, id="less than ever"),
        pytest.param("add", 2.0, WarningCode.OUTSIDE_SEEN, 4, id="added"),
        pytest.param("multiply", 4.0, WarningCode.FAR, 8, id="multiplied"),
    ],
)
def test_other_values_are_warned_of_with_those_that_there_were(
    snapshot: Snapshot, op: str, value: float, code: WarningCode, price: float
) -> None:
    node = snapshot.hierarchy.nodes[snapshot.hierarchy.n_upper + SERIES].id
    assert one(snapshot, "price", value, op=op) == ScenarioWarning(
        code,
        "price",
        f"The value of a series would be {price:g}; from {FIRST} to {snapshot.facts.origin} it "
        "was 1.8 to 3.",
        node=node,
        value=price,
        least=1.8,
        most=3,
    )


def test_the_range_is_that_of_each_series(snapshot: Snapshot) -> None:
    cheap = with_values(snapshot, "price", slice(None), 2.0, 0)
    (warning,) = adjust(cheap, "price", 2.5)
    assert warning.node == cheap.hierarchy.nodes[cheap.hierarchy.n_upper].id
    assert (warning.least, warning.most) == (2, 2)
    assert warning.detail.endswith("it was 2.")


def test_one_warning_counts_the_series_that_it_holds_for(snapshot: Snapshot) -> None:
    (warning,) = adjust(snapshot, "price", 3.5)
    others = snapshot.hierarchy.n_bottom - 1
    assert warning.others == others
    assert warning.detail.endswith(f" The values of {others} more series are as unusual.")


def test_a_plan_that_is_unusual_by_itself_is_not_warned_of(snapshot: Snapshot) -> None:
    days = slice(snapshot.n_days, None)
    planned = with_values(snapshot, "price", days, 9.0, *range(snapshot.hierarchy.n_bottom))
    assert adjust(planned, "price", 1.0, "multiply") == []


def test_a_promotion_of_a_series_that_had_none_is_outside_and_not_far(snapshot: Snapshot) -> None:
    """There is no multiple of nothing."""
    never = with_values(snapshot, "flyer", slice(None), 0, SERIES)
    warning = one(never, "flyer", 1.0)
    assert (warning.code, warning.detail[-9:]) == (WarningCode.OUTSIDE_SEEN, "it was 0.")


def test_a_temperature_is_never_far(snapshot: Snapshot) -> None:
    assert one(snapshot, "warmth", 900.0).code is WarningCode.OUTSIDE_SEEN


def test_a_value_on_days_without_a_plan_is_checked(snapshot: Snapshot) -> None:
    unknown = with_values(snapshot, "price", slice(snapshot.n_days, None), np.nan, SERIES)
    assert one(unknown, "price", 6.5).code is WarningCode.FAR


def test_a_series_without_a_known_value_is_not_warned_of(snapshot: Snapshot) -> None:
    unknown = with_values(snapshot, "price", slice(None), np.nan, SERIES)
    row = snapshot.hierarchy.n_upper + SERIES
    assert adjust(unknown, "price", 6.5, row=row) == []


@pytest.mark.parametrize("name", ["Founders' Day", None])
def test_a_holiday_of_the_past_is_not_warned_of(snapshot: Snapshot, name: str | None) -> None:
    assert adjust(snapshot, HOLIDAY, name) == []


def test_a_holiday_that_only_lies_ahead_is_warned_of(snapshot: Snapshot) -> None:
    ahead = snapshot.date_at(snapshot.n_days + 5)
    first = snapshot.holidays[0].model_copy(update={"date": ahead, "description": "Jubilee"})
    warning = one(replace(snapshot, holidays=(*snapshot.holidays, first)), HOLIDAY, "Jubilee")
    assert (warning.code, warning.covariate) == (WarningCode.OUTSIDE_SEEN, HOLIDAY)
    assert (warning.value, warning.node) == ("Jubilee", None)
    assert warning.detail == (
        f"'Jubilee' was on no day from {FIRST} to {snapshot.facts.origin}, so its effect is not "
        "known."
    )
