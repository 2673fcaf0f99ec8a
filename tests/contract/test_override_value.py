"""The value of overrides: only on days that are sold, that they preceded, and stood on."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from api.forecasts.planning import Planning
from errors import Code
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.override_store import OverrideStore
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of
from tests.support.clock import Clock
from tests.support.overrides import ANNA, NODE, make_override, noon


@pytest.fixture
def first(newest: date) -> date:
    """The first of three days that are sold since: the two before the newest, and this."""
    return newest - timedelta(2)


@pytest.fixture
def wall(first: date) -> Clock[datetime]:
    return Clock(noon(first - timedelta(1)))


@pytest.fixture
def store(database: Engine, wall: Clock[datetime]) -> OverrideStore:
    return OverrideStore(database, wall)


@pytest.fixture
def client(store: OverrideStore, serving_release: LoadedRelease, runners: LocalRunners) -> Client:
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    return client_of(serving, planning=Planning(store))


@pytest.fixture
def sold(snapshot: Snapshot, first: date) -> list[float]:
    """Sales of the node on the three days."""
    row, at = snapshot.hierarchy.index[NODE], snapshot.index_of(first)
    return [float(units) for units in snapshot.sales[row, at : at + 3]]


def test_the_value_is_what_the_errors_became_smaller(
    client: Client, store: OverrideStore, first: date, sold: list[float]
) -> None:
    make_override(store, first, [(units - 10, units - 4) for units in sold])
    make_override(store, first, [(sold[0], sold[0] + 5)], author="Ben")
    document = client.get("/overrides/value").json()
    assert [
        (each["group"], each["overrides"], each["days"], each["value"])
        for each in document["groups"]
    ] == [("Anna", 1, 3, pytest.approx(18)), ("Ben", 1, 1, pytest.approx(-5))]
    total = document["total"]
    assert total["value"] == pytest.approx(13)
    assert total["sold"] == pytest.approx(sum(sold) + sold[0])
    assert total["helped"] == 0.5
    assert total["interval"] is None


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        pytest.param("author", ["Anna"], id="author"),
        pytest.param("level", ["bottom"], id="level"),
        pytest.param("kind", ["up-large"], id="kind"),
        pytest.param("reason", ["event"], id="reason"),
    ],
)
def test_overrides_are_grouped(
    client: Client, store: OverrideStore, first: date, by: str, groups: list[str]
) -> None:
    make_override(store, first, [(100, 200)])
    document = client.get("/overrides/value", by=by).json()
    assert [each["group"] for each in document["groups"]] == groups


def test_days_that_are_not_sold_yet_do_not_count(
    client: Client, store: OverrideStore, newest: date
) -> None:
    make_override(store, newest, [(1, 2), (1, 2), (1, 2)])
    assert client.get("/overrides/value").json()["total"]["days"] == 1
    make_override(store, newest + timedelta(1), [(1, 2)])
    assert client.get("/overrides/value").json()["total"]["overrides"] == 1


def test_an_override_that_is_entered_after_its_day_is_no_forecast_of_it(
    client: Client, store: OverrideStore, wall: Clock[datetime], first: date
) -> None:
    wall.now = noon(first + timedelta(1))
    make_override(store, first, [(1, 2), (1, 2), (1, 2)])
    assert client.get("/overrides/value").json()["total"]["days"] == 2


@pytest.mark.parametrize("expires", [True, False], ids=["expired", "withdrawn"])
def test_an_override_counts_until_it_ends(
    client: Client, store: OverrideStore, wall: Clock[datetime], first: date, expires: bool
) -> None:
    end = noon(first + timedelta(1))
    made = make_override(store, first, [(1, 2)] * 3, expires_at=end if expires else None)
    if not expires:
        wall.now = end
        store.withdraw(made.id, client="Anna", by=ANNA)
    assert client.get("/overrides/value").json()["total"]["days"] == 1


def test_only_the_days_of_a_period_count(
    client: Client, store: OverrideStore, first: date, newest: date
) -> None:
    make_override(store, first, [(1, 2)] * 3)
    days = {"from": str(first + timedelta(1)), "to": str(newest)}
    document = client.get("/overrides/value", **days).json()
    assert (document["first"], document["last"]) == (days["from"], days["to"])
    assert document["total"]["days"] == 2


def test_a_node_that_is_gone_does_not_count(
    client: Client, store: OverrideStore, first: date
) -> None:
    make_override(store, first, [(1, 2)], node="store:999")
    assert client.get("/overrides/value").json()["total"] is None


def test_a_period_that_ends_before_it_begins_is_refused(client: Client, newest: date) -> None:
    days = {"from": str(newest), "to": str(newest - timedelta(1))}
    client.problem(client.get("/overrides/value", **days), Code.INVALID_DATE)
