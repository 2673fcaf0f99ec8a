"""Features from unusual days of the past for the days ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.events import measure_open_share
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at

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


def date_open(snapshot: Snapshot, node: str) -> float:
    values = measure_open_share(snapshot, snapshot.index_of(ORIGIN))["date_open"]
    return float(values[snapshot.hierarchy.index[node], (CLOSED - ORIGIN).days - 1])


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
    values = measure_open_share(some, some.index_of(ORIGIN))["date_open"]
    assert (values[0, [day, day + 1]] == 0).all()


def test_a_date_before_the_data_is_missing(snapshot: Snapshot) -> None:
    assert np.isnan(measure_open_share(snapshot, 200)["date_open"]).all()


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
