"""GET /year-before: a forecast against the year before, like for like."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from errors import Code
from features.data.snapshot import Snapshot
from models.serving.release import LoadedRelease
from tests.contract.conftest import Client

OPENING = 60
"""Days before the newest one on which the store has first sold."""


@pytest.fixture
def new_store(
    client_with: Callable[..., Client], serving_release: LoadedRelease, snapshot: Snapshot
) -> Client:
    """A server of a retailer whose store 1 opened two months ago."""
    hierarchy = snapshot.hierarchy
    series = hierarchy.summing[[hierarchy.index["store:1"]]].indices
    sales = snapshot.sales[hierarchy.n_upper :].copy()
    sales[series, :-OPENING] = 0
    sales[series, -OPENING] = 1
    engine = copy(serving_release.engine)
    engine.snapshot = replace(snapshot, sales=hierarchy.aggregate(sales), estimated=None)
    return client_with(release=replace(serving_release, engine=engine))


def test_a_forecast_is_compared_with_the_same_weekdays_52_weeks_before(
    client: Client, snapshot: Snapshot, newest: date
) -> None:
    answer = client.get("/year-before", node="store:1", horizon=7).json()
    assert (answer["node"], answer["level"]) == ("store:1", "store")
    assert answer["first"] == (newest + timedelta(1)).isoformat()
    assert answer["last"] == (newest + timedelta(7)).isoformat()
    assert answer["previous_first"] == (newest - timedelta(363)).isoformat()
    assert answer["previous_last"] == (newest - timedelta(357)).isoformat()
    row, start = snapshot.hierarchy.index["store:1"], snapshot.n_days - 364
    whole = answer["whole"]
    assert whole["reference"] == pytest.approx(snapshot.sales[row, start : start + 7].sum())
    sums = client.post("/forecast", node="store:1", horizon=7, period="horizon").json()
    assert whole["forecast"] == pytest.approx(sums["periods"][0]["prediction"])
    assert whole["change"] == pytest.approx(whole["forecast"] / whole["reference"] - 1)


def test_a_new_store_is_told_apart_and_named(new_store: Client, newest: date) -> None:
    answer = new_store.get("/year-before").json()
    whole, comparable, new = answer["whole"], answer["comparable"], answer["new"]
    assert comparable["change"] < whole["change"]
    for name in ("forecast", "reference", "units"):
        assert whole[name] == pytest.approx(comparable[name] + new[name])
    assert answer["new_share"] == pytest.approx(new["units"] / whole["reference"])
    first = answer["new_nodes"][0]
    assert (first["node"], first["reference"]) == ("store:1", 0)
    assert first["first_sale"] == (newest - timedelta(OPENING - 1)).isoformat()


def test_a_new_store_has_nothing_to_be_compared_with(new_store: Client) -> None:
    answer = new_store.get("/year-before", node="store:1").json()
    assert answer["whole"]["change"] is None
    assert answer["new_share"] is None
    assert answer["comparable"]["forecast"] == 0


def test_a_new_store_is_a_new_series_and_the_growth_of_no_family(new_store: Client) -> None:
    answer = new_store.get("/exceptions", kind="new-series").json()
    assert "store:1" in {each["node"] for each in answer["exceptions"]}
    entries = new_store.get("/exceptions", kind="last-year", limit=500).json()["exceptions"]
    for entry in entries:
        assert np.sign(entry["comparable"]["units"]) == np.sign(entry["units"])
        assert abs(entry["comparable"]["change"]) >= 0.2


def test_a_year_before_the_data_is_not_known(client: Client, snapshot: Snapshot) -> None:
    first = snapshot.facts.first_date + timedelta(100)
    answer = client.get("/year-before", date=first.isoformat()).json()
    for name in ("previous_first", "previous_last", "whole", "comparable", "new", "new_share"):
        assert answer[name] is None
    assert answer["new_nodes"] == []


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        pytest.param({"node": "store:none"}, Code.INVALID_NODE, "node", id="no such node"),
        pytest.param({"horizon": 91}, Code.INVALID_HORIZON, "horizon", id="too far"),
        pytest.param({"date": "2031-01-01"}, Code.INVALID_DATE, "date", id="too late"),
    ],
)
def test_an_invalid_query_is_refused(
    client: Client, query: dict[str, Any], code: Code, pointer: str
) -> None:
    problem = client.problem(client.get("/year-before", **query), code)
    assert problem["errors"][0]["pointer"] == pointer
