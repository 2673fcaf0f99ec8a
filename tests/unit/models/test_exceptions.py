"""Deviations of nodes from the past, and the choice of those that are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from features.data.closures import CLOSED, OPEN
from features.data.snapshot import Snapshot
from models.exceptions import (
    RECENT_DAYS,
    Deviation,
    DeviationKind,
    Outlook,
    band_origin,
    fair_selection,
    find_last_year,
    find_new_series,
    find_outside_band,
    find_promotions,
    find_recent,
    find_stockouts,
    promotions_of,
)
from tests.support.retailer import BY_REGION, snapshot_of, with_values

STEPS = 28
YEAR = 364


@pytest.fixture
def snapshot() -> Snapshot:
    return snapshot_of(BY_REGION)


def with_sales(snapshot: Snapshot, bottom: int, days: slice, units: Any) -> Snapshot:
    """Return the snapshot with other sales of a series, which count in the nodes above it."""
    sales = snapshot.sales[snapshot.hierarchy.n_upper :].copy()
    sales[bottom, days] = units
    return replace(snapshot, sales=snapshot.hierarchy.aggregate(sales))


def outlook(snapshot: Snapshot, mean: np.ndarray | None = None, rows: Any = None) -> Outlook:
    """Return the days ahead; the forecast is that of the last four same weekdays."""
    count = len(snapshot.hierarchy)
    if mean is None:
        recent = np.nan_to_num(snapshot.sales[:, -RECENT_DAYS:])
        mean = np.tile(recent.reshape(count, 4, 7).mean(axis=1), STEPS // 7)
    return Outlook(snapshot, mean, np.arange(count) if rows is None else np.array(rows))


def row_of(snapshot: Snapshot, bottom: int) -> int:
    return snapshot.hierarchy.n_upper + bottom


# --- forecasts and the past -------------------------------------------------------------------


def test_a_forecast_is_compared_with_the_same_weekdays_a_year_before(snapshot: Snapshot) -> None:
    start = snapshot.n_days - YEAR
    before = snapshot.sales[:, start : start + STEPS]
    mean = before.copy()
    row = row_of(snapshot, 2)
    mean[row] *= 1.5
    (deviation,) = find_last_year(outlook(snapshot, mean))
    assert (deviation.kind, deviation.row) == (DeviationKind.LAST_YEAR, row)
    assert (deviation.first, deviation.last) == (snapshot.n_days, snapshot.n_days + STEPS - 1)
    assert deviation.reference == pytest.approx(before[row].sum())
    assert deviation.units == pytest.approx(0.5 * before[row].sum())
    assert deviation.change == pytest.approx(0.5)


def test_a_node_that_sold_for_less_than_a_year_has_no_year_before(snapshot: Snapshot) -> None:
    late = with_sales(snapshot, 2, slice(snapshot.n_days - YEAR + 1), 0)
    doubled = outlook(late, 2 * outlook(late).mean)
    rows = {deviation.row for deviation in find_last_year(doubled)}
    assert row_of(late, 2) not in rows
    assert row_of(late, 3) in rows


def test_data_of_less_than_a_year_have_no_year_before() -> None:
    short = snapshot_of(BY_REGION, days=YEAR - 1)
    assert find_last_year(outlook(short, 3 * outlook(short).mean)) == []


def test_a_horizon_of_more_than_a_year_is_compared_for_52_weeks(snapshot: Snapshot) -> None:
    mean = np.tile(2 * outlook(snapshot).mean[:, :7], 60)
    deviations = find_last_year(outlook(snapshot, mean))
    assert {each.last for each in deviations} == {snapshot.n_days + YEAR - 1}


def test_a_forecast_is_compared_with_the_recent_same_weekdays(snapshot: Snapshot) -> None:
    usual = outlook(snapshot).mean
    assert find_recent(outlook(snapshot)) == []
    mean = usual.copy()
    row = row_of(snapshot, 1)
    mean[row] /= 2
    (deviation,) = find_recent(outlook(snapshot, mean[:, :10]))
    assert deviation.row == row
    assert deviation.reference == pytest.approx(usual[row, :10].sum())
    assert deviation.change == pytest.approx(-0.5)


def test_days_that_are_not_delivered_are_left_out_of_the_recent_past(snapshot: Snapshot) -> None:
    late = with_sales(snapshot, 0, slice(-7, None), np.nan)
    mean = 2 * outlook(snapshot).mean
    row = row_of(late, 0)
    (deviation,) = find_recent(outlook(late, mean, [row]))
    weeks = late.sales[row, -28:-7].reshape(3, 7)
    assert deviation.reference == pytest.approx(4 * weeks.mean(axis=0).sum())


def test_a_series_that_has_just_begun_is_new_and_has_no_recent_past(snapshot: Snapshot) -> None:
    young = with_sales(snapshot, 0, slice(-RECENT_DAYS + 1), 0)
    row = row_of(young, 0)
    doubled = outlook(young, 2 * outlook(young).mean)
    assert row not in {each.row for each in find_recent(doubled)}
    (deviation,) = find_new_series(doubled)
    assert deviation.row == row
    assert deviation.reference == young.sales[row, -STEPS:].sum()
    assert deviation.forecast == doubled.mean[row].sum()


@pytest.mark.parametrize(
    ("days", "listed"),
    [
        pytest.param(RECENT_DAYS, True, id="four weeks ago"),
        pytest.param(YEAR - 1, True, id="less than a year ago"),
        pytest.param(YEAR, False, id="a year ago"),
    ],
)
def test_a_series_without_a_year_before_is_new(snapshot: Snapshot, days: int, listed: bool) -> None:
    young = with_sales(snapshot, 0, slice(-days), 0)
    deviations = find_new_series(outlook(young, np.ones((len(snapshot.hierarchy), STEPS))))
    assert [each.row for each in deviations] == ([row_of(young, 0)] if listed else [])


def test_a_series_that_began_months_ago_is_listed_only_if_it_sells_enough(
    snapshot: Snapshot,
) -> None:
    young = with_sales(snapshot, 0, slice(-RECENT_DAYS), 0)
    mean = outlook(young).mean.copy()
    mean[row_of(young, 0)] = 1e-6
    assert find_new_series(outlook(young, mean)) == []


def test_a_new_shop_is_listed_in_the_place_of_its_series(snapshot: Snapshot) -> None:
    """Both series of the region South are new, so the region is."""
    young = snapshot
    south = np.flatnonzero(np.array(snapshot.hierarchy.bottoms["region"]) == "South")
    for bottom in south.tolist():
        young = with_sales(young, bottom, slice(-RECENT_DAYS + 1), 0)
    (deviation,) = find_new_series(outlook(young))
    assert young.hierarchy.nodes[deviation.row].id == "region:South"
    bottoms = [row_of(young, bottom) for bottom in south.tolist()]
    assert {each.row for each in find_new_series(outlook(young, rows=bottoms))} == set(bottoms)


def with_new(snapshot: Snapshot, first_day: int) -> tuple[Snapshot, int]:
    """Return the snapshot with a series that begins on a day and sells much, and its region."""
    huge = np.zeros(snapshot.n_days)
    huge[first_day:] = 10 * snapshot.sales[0].mean()
    new = with_sales(snapshot, 0, slice(None), huge)
    region = new.hierarchy.index[f"region:{new.hierarchy.bottoms['region'][0]}"]
    return new, region


def test_growth_that_is_only_that_of_new_series_is_no_exception(snapshot: Snapshot) -> None:
    year_ago, last_week = snapshot.n_days - YEAR, snapshot.n_days - 7
    new, region = with_new(snapshot, year_ago + 60)
    before = new.sales[:, year_ago : year_ago + STEPS]
    mean = before + 0
    ahead = outlook(with_new(snapshot, 0)[0]).mean
    hierarchy = new.hierarchy
    mean[hierarchy.n_upper] = ahead[hierarchy.n_upper]
    mean = hierarchy.aggregate(mean[hierarchy.n_upper :])
    assert mean[region].sum() > 2 * before[region].sum()
    assert find_last_year(outlook(new, mean)) == []
    fresh, _ = with_new(snapshot, last_week)
    assert find_recent(outlook(fresh, hierarchy.aggregate(ahead[hierarchy.n_upper :]))) == []


def test_growth_beside_new_series_is_compared_like_for_like(snapshot: Snapshot) -> None:
    year_ago = snapshot.n_days - YEAR
    new, region = with_new(snapshot, year_ago + 60)
    hierarchy, upper = new.hierarchy, new.hierarchy.n_upper
    before = new.sales[:, year_ago : year_ago + STEPS]
    mean = 1.5 * before
    mean[upper] = new.sales[upper, -STEPS:]
    deviations = find_last_year(outlook(new, hierarchy.aggregate(mean[upper:])))
    (deviation,) = [each for each in deviations if each.row == region]
    assert deviation.comparable is not None
    forecast, reference = deviation.comparable
    assert reference == pytest.approx(before[region].sum())
    assert forecast == pytest.approx(1.5 * reference)
    assert deviation.change is not None
    assert deviation.change > 1


def test_an_announced_series_is_new_and_has_sold_nothing(snapshot: Snapshot) -> None:
    never = with_sales(snapshot, 3, slice(None), 0)
    begins = np.zeros(never.hierarchy.n_bottom, dtype=np.int64)
    begins[3] = 5
    mean = outlook(snapshot).mean
    assert find_new_series(outlook(never, mean)) == []
    (deviation,) = find_new_series(outlook(replace(never, begins=begins), mean))
    assert (deviation.row, deviation.reference, deviation.change) == (row_of(never, 3), 0, None)


@pytest.mark.parametrize(
    ("factor", "listed"),
    [
        pytest.param(1.19, False, id="less than a fifth"),
        pytest.param(1.21, True, id="more than a fifth"),
        pytest.param(0.79, True, id="a fifth less"),
    ],
)
def test_a_small_change_is_not_listed(snapshot: Snapshot, factor: float, listed: bool) -> None:
    mean = outlook(snapshot).mean.copy()
    mean[row_of(snapshot, 1)] *= factor
    assert bool(find_recent(outlook(snapshot, mean))) is listed


def test_few_units_are_not_listed_for_their_share_alone(snapshot: Snapshot) -> None:
    small = with_sales(snapshot, 1, slice(None), 0.01)
    mean = outlook(small).mean.copy()
    mean[row_of(small, 1)] *= 3
    assert find_recent(outlook(small, mean)) == []


# --- stockouts --------------------------------------------------------------------------------


@pytest.fixture
def steady(snapshot: Snapshot) -> Snapshot:
    """A series that sells 10 units on six days of the week and 20 on the seventh."""
    weeks = np.tile([10.0] * 6 + [20.0], 100)[: snapshot.n_days]
    return with_sales(snapshot, 0, slice(None), weeks)


def test_a_series_that_sells_nothing_for_days_is_listed(steady: Snapshot) -> None:
    empty = with_sales(steady, 0, slice(-4, None), 0)
    (deviation,) = find_stockouts(outlook(empty))
    expected = steady.sales[row_of(steady, 0), -4:].sum()
    assert (deviation.row, deviation.days) == (row_of(empty, 0), 4)
    assert (deviation.first, deviation.last) == (empty.n_days - 4, empty.n_days - 1)
    assert (deviation.forecast, deviation.reference) == (pytest.approx(expected), 0)


@pytest.mark.parametrize(
    ("days", "listed"),
    [
        pytest.param(2, False, id="two days"),
        pytest.param(3, True, id="three days"),
        pytest.param(28, True, id="four weeks"),
        pytest.param(29, False, id="longer, so gone"),
    ],
)
def test_the_length_of_a_stockout_decides(steady: Snapshot, days: int, listed: bool) -> None:
    empty = with_sales(steady, 0, slice(-days, None), 0)
    assert bool(find_stockouts(outlook(empty))) is listed


def test_a_stockout_ends_with_the_last_delivered_day(steady: Snapshot) -> None:
    empty = with_sales(with_sales(steady, 0, slice(-6, None), 0), 0, slice(-2, None), np.nan)
    (deviation,) = find_stockouts(outlook(empty))
    assert (deviation.first, deviation.last) == (empty.n_days - 6, empty.n_days - 3)
    assert deviation.days == 4


def test_days_that_are_not_delivered_are_no_stockout(steady: Snapshot) -> None:
    late = with_sales(steady, 0, slice(-6, None), np.nan)
    assert find_stockouts(outlook(late)) == []


def test_closed_days_are_no_stockout(steady: Snapshot) -> None:
    status = np.full((steady.hierarchy.n_bottom, len(steady.dates)), OPEN, dtype=np.uint8)
    status[0, steady.n_days - 6 : steady.n_days - 1] = CLOSED
    empty = with_sales(steady, 0, slice(-6, None), 0)
    assert find_stockouts(outlook(replace(empty, status=status))) == []


def test_a_series_that_sells_little_is_no_stockout(steady: Snapshot) -> None:
    """It would sell 9 units in these days: none is not improbable enough."""
    units = np.tile([0.5, 1.5], steady.n_days)[: steady.n_days]
    little = with_sales(with_sales(steady, 0, slice(None), units), 0, slice(-9, None), 0)
    assert find_stockouts(outlook(little)) == []


def test_a_series_that_sells_much_on_few_days_is_no_stockout(steady: Snapshot) -> None:
    bulk = np.tile([100.0, 0, 0, 0, 0, 0, 0], 100)[: steady.n_days]
    rare = with_sales(with_sales(steady, 0, slice(None), bulk), 0, slice(-15, None), 0)
    assert find_stockouts(outlook(rare)) == []


def test_only_series_are_out_of_stock(steady: Snapshot) -> None:
    empty = with_sales(steady, 0, slice(-4, None), 0)
    assert find_stockouts(outlook(empty, rows=range(empty.hierarchy.n_upper))) == []


# --- promotions -------------------------------------------------------------------------------


@pytest.fixture
def unpromoted(snapshot: Snapshot) -> Snapshot:
    rows = range(snapshot.hierarchy.n_bottom)
    return with_values(snapshot, "flyer", slice(None), 0, *rows)


def test_counts_and_flags_that_are_known_ahead_are_promotions(snapshot: Snapshot) -> None:
    assert [covariate.name for covariate in promotions_of(snapshot)] == ["flyer"]


def test_more_promoted_days_than_before_are_listed(unpromoted: Snapshot) -> None:
    days = slice(unpromoted.n_days, unpromoted.n_days + 7)
    promoted = with_values(unpromoted, "flyer", days, 1, 2)
    (deviation,) = find_promotions(outlook(promoted))
    assert (deviation.row, deviation.covariate) == (row_of(promoted, 2), "flyer")
    assert deviation.shares == (0, pytest.approx(0.25))


def test_fewer_promoted_days_than_before_are_listed(unpromoted: Snapshot) -> None:
    days = slice(unpromoted.n_days - 14, unpromoted.n_days)
    (deviation,) = find_promotions(outlook(with_values(unpromoted, "flyer", days, 1, 2)))
    assert deviation.shares == (pytest.approx(0.5), 0)


def test_only_days_whose_promotions_are_known_are_compared(unpromoted: Snapshot) -> None:
    ahead = unpromoted.n_days
    promoted = with_values(unpromoted, "flyer", slice(ahead, ahead + 5), 1, 2)
    partly = with_values(promoted, "flyer", slice(ahead + 10, None), np.nan, 2)
    (deviation,) = find_promotions(outlook(partly, rows=[row_of(partly, 2)]))
    assert deviation.last == ahead + 9
    assert deviation.shares == (0, pytest.approx(0.5))
    assert deviation.forecast == pytest.approx(outlook(partly).mean[deviation.row, :10].sum())


def test_a_node_is_compared_for_as_long_as_all_of_its_plans_are_known(
    unpromoted: Snapshot,
) -> None:
    """Later days would be those of the series with the longer plan alone."""
    ahead, every = unpromoted.n_days, range(unpromoted.hierarchy.n_bottom)
    promoted = with_values(unpromoted, "flyer", slice(ahead, ahead + 5), 1, *every)
    partly = with_values(promoted, "flyer", slice(ahead + 10, None), np.nan, 2)
    (total,) = find_promotions(outlook(partly, rows=[0]))
    assert (total.last, total.shares) == (ahead + 9, (0, pytest.approx(0.5)))


def test_a_node_without_a_plan_is_not_listed(unpromoted: Snapshot) -> None:
    past = slice(unpromoted.n_days - 14, unpromoted.n_days)
    promoted = with_values(unpromoted, "flyer", past, 1, 2)
    unknown = with_values(promoted, "flyer", slice(promoted.n_days, None), np.nan, 2)
    assert find_promotions(outlook(unknown, rows=[row_of(unknown, 2)])) == []


# --- intervals --------------------------------------------------------------------------------


class HalfToDouble:
    """Intervals from half to twice the forecast of a sum."""

    def bounds_of_sums(self, nodes: Any, mean: np.ndarray, *_: Any, **__: Any) -> Any:
        total = mean.sum(axis=1, keepdims=True)
        return [(0.5 * total, 2 * total)]


def outside(snapshot: Snapshot, factor: float, **more: Any) -> list[Deviation]:
    """Return the series outside of its interval if it was forecast at a part of its sales."""
    origin = band_origin(snapshot)
    assert origin is not None
    mean = np.nan_to_num(snapshot.sales[:, -RECENT_DAYS:]).copy()
    mean[row_of(snapshot, 0)] *= factor
    intervals: Any = HalfToDouble()
    return find_outside_band(outlook(snapshot, **more), intervals, origin, mean, in_sample=True)


def test_sales_outside_of_their_interval_are_listed(snapshot: Snapshot) -> None:
    (deviation,) = outside(snapshot, 0.4)
    sold = snapshot.sales[row_of(snapshot, 0), -RECENT_DAYS:].sum()
    assert (deviation.row, deviation.in_sample) == (row_of(snapshot, 0), True)
    assert (deviation.first, deviation.last) == (snapshot.n_days - 28, snapshot.n_days - 1)
    assert deviation.reference == sold
    assert deviation.bounds == (pytest.approx(0.2 * sold), pytest.approx(0.8 * sold))


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.9])
def test_sales_within_their_interval_are_not_listed(snapshot: Snapshot, factor: float) -> None:
    assert outside(snapshot, factor) == []


def test_sales_are_compared_up_to_the_last_day_that_is_delivered(snapshot: Snapshot) -> None:
    late = with_sales(snapshot, 0, slice(-5, None), np.nan)
    deviations = {each.row: each for each in outside(late, 0.4)}
    assert deviations.keys() == {row_of(late, 0)}
    assert deviations[row_of(late, 0)].last == late.n_days - 6


def test_a_series_without_sales_at_the_origin_is_not_compared(snapshot: Snapshot) -> None:
    assert outside(with_sales(snapshot, 0, slice(-RECENT_DAYS), 0), 0.4) == []


def test_data_that_are_too_short_have_no_past_forecast() -> None:
    assert band_origin(snapshot_of(BY_REGION, days=56 + RECENT_DAYS - 1)) is None
    assert band_origin(snapshot_of(BY_REGION, days=56 + RECENT_DAYS)) == 55


# --- the choice -------------------------------------------------------------------------------


def deviation(kind: DeviationKind, units: float, row: int = 0) -> Deviation:
    return Deviation(kind=kind, row=row, first=0, last=0, forecast=units, reference=0)


MANY = [deviation(DeviationKind.RECENT, 1000 + row, row) for row in range(100)]
FEW = [deviation(DeviationKind.STOCKOUT, -units) for units in (20.0, 30.0)]


def test_the_largest_come_first_whatever_their_sign() -> None:
    chosen = fair_selection([*FEW, deviation(DeviationKind.RECENT, 25)], 3)
    assert [each.units for each in chosen] == [-30, 25, -20]


def test_a_kind_of_many_leaves_room_for_one_of_few() -> None:
    chosen = fair_selection([*MANY, *FEW], 6)
    assert [each.kind for each in chosen] == [DeviationKind.RECENT] * 4 + [
        DeviationKind.STOCKOUT
    ] * 2
    assert [each.units for each in chosen[:4]] == [1099, 1098, 1097, 1096]


def test_a_single_place_goes_to_the_largest() -> None:
    assert [each.units for each in fair_selection([*FEW, *MANY], 1)] == [1099]


def test_the_choice_does_not_depend_on_the_order() -> None:
    same = [deviation(DeviationKind.RECENT, 5, row) for row in range(9)]
    assert fair_selection(same, 4) == fair_selection(same[::-1], 4) == same[:4]
