"""The promotion plan of a day whose promotions were lost because shops were closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from features.data.promotion_plan import MAX_GAP_DAYS, MIN_ACTIVE_DAYS, find_plan_days
from features.data.snapshot import Snapshot
from features.data.specification import FAVORITA
from features.matrix import known_covariates

STORES = np.array([0, 0, 1])
NOW = 60
PROMOTIONS = FAVORITA.covariate("onpromotion")


def items(**changes: float) -> np.ndarray:
    """Return promotions on every day: two series of one store and one of another."""
    return np.full((3, 90), 2.0, dtype=np.float32)


def test_a_day_with_promotions_is_its_own_plan() -> None:
    assert (find_plan_days(items(), STORES) == np.arange(90)).all()


def test_a_store_without_any_promotion_had_the_plan_of_the_week_before() -> None:
    promotions = items()
    promotions[:2, NOW] = 0
    source = find_plan_days(promotions, STORES)
    assert source[0, NOW] == NOW - 7
    source[0, NOW] = NOW
    assert (source == np.arange(90)).all(), "of that store and that day alone"


def test_a_closed_week_before_is_skipped() -> None:
    promotions = items()
    promotions[:2, [NOW - 7, NOW]] = 0
    assert find_plan_days(promotions, STORES)[0, [NOW - 7, NOW]].tolist() == [NOW - 14, NOW - 14]


def test_a_closed_store_repeats_its_last_week_up_to_the_maximum_horizon() -> None:
    promotions = np.full((3, NOW + 200), 2.0, dtype=np.float32)
    promotions[:2, NOW:] = 0
    source = find_plan_days(promotions, STORES)[0]
    assert (source[NOW : NOW + 14] % 7 == np.arange(NOW, NOW + 14) % 7).all()
    assert set(source[NOW : NOW + MAX_GAP_DAYS]) == set(range(NOW - 7, NOW))
    assert source[NOW + MAX_GAP_DAYS] == NOW + MAX_GAP_DAYS


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(
            lambda promotions: promotions[0, NOW : NOW + 1].fill(0), id="one series of it"
        ),
        pytest.param(lambda promotions: promotions[:2, ::3].fill(0), id="now and then without any"),
        pytest.param(lambda promotions: promotions[:2, NOW:].fill(np.nan), id="not known"),
        pytest.param(lambda promotions: promotions[:2, :NOW].fill(0), id="not since long"),
    ],
)
def test_other_days_keep_their_own_plan(alter: Callable[[np.ndarray], None]) -> None:
    promotions = items()
    alter(promotions)
    assert find_plan_days(promotions, STORES)[0, NOW] == NOW


def test_the_threshold_uses_earlier_days() -> None:
    promotions = items()
    promotions[:2, : NOW - MIN_ACTIVE_DAYS] = 0
    promotions[:2, NOW] = 0
    assert find_plan_days(promotions, STORES)[0, NOW] == NOW - 7
    promotions[:2, NOW - MIN_ACTIVE_DAYS] = 0
    assert find_plan_days(promotions, STORES)[0, NOW] == NOW


def test_a_closed_day_of_the_demo_has_promotions_as_a_covariate(snapshot: Snapshot) -> None:
    """The table has none on 25 December: the plan is that of the same weekday before."""
    christmas = snapshot.index_of(snapshot.date_at(0).replace(year=2023, month=12, day=25))
    assert snapshot.covariates["onpromotion"][:, christmas].sum() == 0
    covariates = known_covariates(snapshot, christmas - 1)
    before = snapshot.covariates["onpromotion"][:, christmas - 7]
    assert covariates.values["onpromotion"][:, 0].tolist() == before.tolist()
    assert before.sum() > 0


def test_plans_do_not_depend_on_sales(snapshot: Snapshot) -> None:
    """Otherwise a forecast would know closed days in advance."""
    (covariate,) = snapshot.specification.known_ahead
    days = slice(0, snapshot.n_days)
    unsold = replace(snapshot, sales=np.zeros_like(snapshot.sales))
    planned = snapshot.planned_values(covariate, days)
    np.testing.assert_array_equal(unsold.planned_values(covariate, days), planned)


@pytest.mark.parametrize("width", [1, 3, 90], ids="{} days at a time".format)
def test_plans_of_some_days_are_those_of_all(snapshot: Snapshot, width: int) -> None:
    """They are read from as many days before as they depend on."""
    onpromotion = np.array(snapshot.covariates["onpromotion"])
    for start, gap in ((200, 3), (300, 60), (400, MAX_GAP_DAYS), (600, MAX_GAP_DAYS + 1)):
        onpromotion[:, start : start + gap] = 0
    closed = replace(snapshot, covariates={**snapshot.covariates, "onpromotion": onpromotion})
    (covariate,) = closed.specification.known_ahead
    whole = closed.planned_values(covariate, slice(0, closed.n_days))
    assert (whole != onpromotion[:, : closed.n_days]).any(axis=0).sum() > 150
    for start in range(190, 700, width):
        days = slice(start, start + width)
        np.testing.assert_array_equal(closed.planned_values(covariate, days), whole[:, days])


def test_plans_of_future_days_are_not_replaced(snapshot: Snapshot) -> None:
    """A planned absence of promotions counts too."""
    onpromotion = np.array(snapshot.covariates["onpromotion"])
    onpromotion[:, snapshot.n_days + 2] = 0
    ahead = replace(snapshot, covariates={**snapshot.covariates, "onpromotion": onpromotion})
    days = slice(snapshot.n_days, snapshot.n_days + 5)
    assert np.array_equal(ahead.planned_values(PROMOTIONS, days), onpromotion[:, days])
