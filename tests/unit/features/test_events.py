"""Features from unusual days of the past for the days ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.events import UnusualDays, measure_open_share
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at
from features.tail import Tail
from features.usual import site_nodes

STORE = "store:1"
CLOSED = date(2024, 3, 5)
"""A day after the origin, no holiday, on which shops were closed in earlier years."""
ORIGIN = date(2024, 2, 20)


def without_sales(snapshot: Snapshot, *days: date, store: str | None = None) -> Snapshot:
    """Return the snapshot with no sales on some days, in one store or in all."""
    hierarchy = snapshot.hierarchy
    bottoms = snapshot.sales[hierarchy.n_upper :].copy()
    of_store = hierarchy.ancestor("store")[hierarchy.n_upper :]
    rows = slice(None) if store is None else of_store == hierarchy.index[store]
    for day in days:
        bottoms[rows, snapshot.index_of(day)] = 0
    return replace(snapshot, sales=hierarchy.aggregate(bottoms))


def with_sales_times(snapshot: Snapshot, factor: float, *days: date) -> Snapshot:
    """Return the snapshot with a multiple of the sales of some days."""
    bottoms = snapshot.sales[snapshot.hierarchy.n_upper :].copy()
    bottoms[:, [snapshot.index_of(day) for day in days]] *= factor
    return replace(snapshot, sales=snapshot.hierarchy.aggregate(bottoms))


def date_open(snapshot: Snapshot, node: str) -> float:
    values = measure_open_share(snapshot, snapshot.index_of(ORIGIN))
    row = snapshot.hierarchy.index[node]
    (site,) = site_nodes(snapshot, slice(row, row + 1))
    return float(values[site, (CLOSED - ORIGIN).days - 1])


@pytest.mark.parametrize("node", ["total", STORE, f"{STORE}/family:GROCERY I", "family:DAIRY"])
def test_a_date_with_closed_shops_is_recognized(snapshot: Snapshot, node: str) -> None:
    assert date_open(snapshot, node) == pytest.approx(1, abs=0.15)
    every_year = [CLOSED.replace(year=year) for year in (2021, 2022, 2023)]
    assert date_open(without_sales(snapshot, *every_year), node) == 0
    assert date_open(without_sales(snapshot, every_year[0]), node) == pytest.approx(2 / 3, abs=0.15)


def test_one_store_may_open_when_others_close(snapshot: Snapshot) -> None:
    every_year = [CLOSED.replace(year=year) for year in (2021, 2022, 2023)]
    some = without_sales(snapshot, *every_year, store=STORE)
    assert date_open(some, f"{STORE}/family:DAIRY") == 0
    assert date_open(some, "store:2/family:DAIRY") == date_open(snapshot, "store:2/family:DAIRY")
    assert 0 < date_open(some, "family:DAIRY") < date_open(snapshot, "family:DAIRY")


def test_29_february_uses_1_march_of_other_years(snapshot: Snapshot) -> None:
    day = snapshot.index_of(date(2024, 2, 29)) - snapshot.index_of(ORIGIN) - 1
    some = without_sales(snapshot, *(date(year, 3, 1) for year in (2021, 2022, 2023)))
    values = measure_open_share(some, some.index_of(ORIGIN))
    assert (values[0, [day, day + 1]] == 0).all()


def test_a_date_before_the_data_is_missing(snapshot: Snapshot) -> None:
    assert np.isnan(measure_open_share(snapshot, 200)).all()


def test_every_node_has_the_holiday_effect_on_the_total(
    snapshot: Snapshot, builder: MatrixBuilder
) -> None:
    origin = snapshot.index_of(date(2024, 4, 20))
    state, holiday = state_at(snapshot, origin), np.array([11])  # the first of May
    nodes = np.array([0, snapshot.hierarchy.index[STORE], len(snapshot.hierarchy) - 1])
    rows = builder.matrix(state, known_covariates(snapshot, origin), nodes, holiday)
    for name in ("event_effect", "event_level"):
        column = rows[:, builder.contract.names.index(f"total_{name}")]
        assert np.isfinite(column).all()
        assert (column == state.ahead[name][0, holiday - 1]).all()


DAYS, DAY = 120, 60
USUAL = np.log1p(100.0)


def unusual_days(series: np.ndarray, *, age: int = DAYS) -> UnusualDays:
    """Return the days of one series, of which only `DAY` is not ordinary."""
    ordinary = np.arange(DAYS) != DAY
    return UnusualDays(Tail(series[None], np.array([age])), ordinary)


def sold(before: float, day: float, after: float) -> np.ndarray:
    """Return log1p units before, on and after `DAY`."""
    return np.concatenate((np.full(DAY, before), [day], np.full(DAYS - DAY - 1, after)))


@pytest.mark.parametrize("measure", ["effect", "level"])
@pytest.mark.parametrize(
    ("before", "after", "usual"),
    [
        pytest.param(USUAL, USUAL, USUAL, id="the same before and after"),
        pytest.param(USUAL, USUAL + 0.4, USUAL + 0.2, id="growth: the mean of both sides"),
        pytest.param(USUAL, 0, USUAL, id="delisted after it: the days before"),
        pytest.param(0, USUAL, USUAL, id="listed on it: the days after"),
    ],
)
def test_an_effect_is_not_that_of_a_break(
    measure: str, before: float, after: float, usual: float
) -> None:
    days = unusual_days(sold(before, USUAL + 0.5, after))
    value = getattr(days, measure)(np.array([DAY]))[0, 0]
    assert value == pytest.approx(USUAL + 0.5 - usual, abs=0.01)


@pytest.mark.parametrize("measure", ["effect", "level"])
def test_a_day_before_the_first_sale_has_no_effect_rather_than_none_of_it(measure: str) -> None:
    series = sold(0, 0, USUAL)
    at = np.array([DAY])
    assert np.isnan(getattr(unusual_days(series, age=DAYS - DAY - 1), measure)(at)).all()
    assert np.isfinite(getattr(unusual_days(series, age=DAYS), measure)(at)).all()


DATE = date(2024, 3, 6)
"""A plain day, and so is the date in the two years before."""


def date_effect(snapshot: Snapshot, node: str, day: date = DATE) -> float:
    state = state_at(snapshot, snapshot.index_of(ORIGIN))
    return float(
        state.ahead["date_effect"][snapshot.hierarchy.index[node], (day - ORIGIN).days - 1]
    )


@pytest.mark.parametrize("node", ["total", STORE, f"{STORE}/family:DAIRY"])
def test_the_same_date_of_past_years_is_compared_with_the_days_around_it(
    snapshot: Snapshot, node: str
) -> None:
    years = [DATE.replace(year=year) for year in (2022, 2023)]
    raised = with_sales_times(snapshot, 3, *years)
    gain = date_effect(raised, node) - date_effect(snapshot, node)
    assert gain == pytest.approx(np.log(3), abs=0.1)
    beside = DATE + timedelta(1)
    assert date_effect(raised, node, beside) == date_effect(snapshot, node, beside)


def test_a_named_day_of_a_past_year_gives_its_date_no_effect(snapshot: Snapshot) -> None:
    """The effect of a name is measured by itself."""
    christmas = date(2023, 12, 25)
    state = state_at(snapshot, snapshot.index_of(date(2023, 12, 10)))
    assert np.isnan(state.ahead["date_effect"][:, (christmas - date(2023, 12, 10)).days - 1]).all()
