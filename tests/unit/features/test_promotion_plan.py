"""The plan of a day on which nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from features.matrix import known_covariates
from features.promotion_plan import ALWAYS, LONGEST, days_of_plan
from features.snapshot import Snapshot

STORES = np.array([0, 0, 1])
NOW = 60


def items(**changes: float) -> np.ndarray:
    """Two series of a store and one of another, which have promotions every day."""
    return np.full((3, 90), 2.0, dtype=np.float32)


def test_a_day_with_promotions_is_its_own_plan() -> None:
    assert (days_of_plan(items(), STORES) == np.arange(90)).all()


def test_a_store_without_any_promotion_had_the_plan_of_the_week_before() -> None:
    given = items()
    given[:2, NOW] = 0
    source = days_of_plan(given, STORES)
    assert source[0, NOW] == NOW - 7
    source[0, NOW] = NOW
    assert (source == np.arange(90)).all(), "of that store and that day alone"


def test_a_week_before_that_was_closed_too_is_passed_over() -> None:
    given = items()
    given[:2, [NOW - 7, NOW]] = 0
    assert days_of_plan(given, STORES)[0, [NOW - 7, NOW]].tolist() == [NOW - 14, NOW - 14]


def test_a_store_that_closes_goes_on_with_its_last_week_as_far_as_a_forecast_reaches() -> None:
    given = np.full((3, NOW + 200), 2.0, dtype=np.float32)
    given[:2, NOW:] = 0
    source = days_of_plan(given, STORES)[0]
    assert (source[NOW : NOW + 14] % 7 == np.arange(NOW, NOW + 14) % 7).all()
    assert set(source[NOW : NOW + LONGEST]) == set(range(NOW - 7, NOW))
    assert source[NOW + LONGEST] == NOW + LONGEST


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda given: given[0, NOW : NOW + 1].fill(0), id="one series of it"),
        pytest.param(lambda given: given[:2, ::3].fill(0), id="now and then without any"),
        pytest.param(lambda given: given[:2, NOW:].fill(np.nan), id="not known"),
        pytest.param(lambda given: given[:2, :NOW].fill(0), id="not since long"),
    ],
)
def test_other_days_are_as_the_table_has_them(alter: Callable[[np.ndarray], None]) -> None:
    given = items()
    alter(given)
    assert days_of_plan(given, STORES)[0, NOW] == NOW


def test_the_threshold_is_that_of_the_days_before() -> None:
    given = items()
    given[:2, : NOW - ALWAYS] = 0
    given[:2, NOW] = 0
    assert days_of_plan(given, STORES)[0, NOW] == NOW - 7
    given[:2, NOW - ALWAYS] = 0
    assert days_of_plan(given, STORES)[0, NOW] == NOW


def test_a_closed_day_of_the_demo_has_promotions_as_a_covariate(snapshot: Snapshot) -> None:
    """25 December has none in the table: what was planned is the same weekday before."""
    christmas = snapshot.index_of(snapshot.date_at(0).replace(year=2023, month=12, day=25))
    assert snapshot.onpromotion[:, christmas].sum() == 0
    covariates = known_covariates(snapshot, christmas - 1)
    before = snapshot.onpromotion[:, christmas - 7]
    assert covariates.onpromotion[:, 0].tolist() == before.tolist()
    assert before.sum() > 0


def test_what_is_planned_is_read_without_sales(snapshot: Snapshot) -> None:
    """Else a forecast would know which days are closed before they come."""
    past = snapshot.onpromotion[:, : snapshot.n_days]
    assert (days_of_plan(past, snapshot._store_of) == snapshot._plan).all()


def test_what_is_planned_for_days_to_come_is_believed(snapshot: Snapshot) -> None:
    """Also that there is to be no promotion."""
    onpromotion = np.array(snapshot.onpromotion)
    onpromotion[:, snapshot.n_days + 2] = 0
    ahead = replace(snapshot, onpromotion=onpromotion)
    days = slice(snapshot.n_days, snapshot.n_days + 5)
    assert np.array_equal(ahead.planned(days), onpromotion[:, days])
