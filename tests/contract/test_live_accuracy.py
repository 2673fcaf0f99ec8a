"""GET /accuracy with a window: forecasts that were served, compared with the sales."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from errors import Code
from features.data.specification import BOTTOM
from lifecycle.monitoring.records import Monitoring
from models.adaptation import Adaptation, Cell
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.database import open_database, writing
from storage.performance import Performance, replace_day
from storage.tables import PERFORMANCE_SUMS
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of

LAST = date(2024, 7, 10)
DAYS = 10
NOW = datetime(2024, 7, 11, tzinfo=UTC)


def performance(day: date, level: str, node: str, days_ahead: str, wrong: float) -> Performance:
    sums = dict.fromkeys(PERFORMANCE_SUMS, 0.0) | {
        "known": 4,
        "sold": 100,
        "forecast": 100 + wrong,
        "absolute": wrong,
        "squared_logs": 1,
        "naive_absolute": 40,
        "base_absolute": 20,
        "judged": 4,
        "within_80": 3,
        "within_95": 4,
        "interval_score": 8,
    }
    return Performance(day=day, level=level, node=node, days_ahead=days_ahead, sums=sums)


@pytest.fixture
def records(database: Engine, serving_release: LoadedRelease) -> Engine:
    """Ten days of the total and of a store; the error of the total grows by a unit a day."""
    with writing(database) as connection:
        for number in range(DAYS):
            day = LAST - timedelta(DAYS - 1 - number)
            rows = [
                performance(day, "total", "", "1-7", 10 + number),
                performance(day, "total", "", "8-16", 30),
                performance(day, "store", "store:1", "1-7", 25),
                performance(day, BOTTOM, "store:1", "1-7", 50),
            ]
            name = serving_release.engine.bundle.name
            replace_day(connection, name, day, rows, inputs="x", at=NOW)
    return database


@pytest.fixture
def reader(records: Engine, serving_release: LoadedRelease, runners: LocalRunners) -> Client:
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    return client_of(serving, monitoring=Monitoring(records))


def figures(reader: Client, query: str) -> dict[tuple[str, str | None, str], dict[str, Any]]:
    response = reader.request("GET", f"/accuracy?{query}")
    assert response.status_code == 200, response.text
    return {
        (each["level"], each["node"], each["days_ahead"]): each
        for each in response.json()["live"]["figures"]
    }


def test_without_a_window_nothing_live_is_read(reader: Client) -> None:
    assert reader.get("/accuracy").json()["live"] is None


def test_figures_are_ratios_of_the_sums_of_the_window(reader: Client) -> None:
    live = reader.request("GET", "/accuracy?window=4").json()["live"]
    assert (live["first"], live["last"]) == ("2024-07-07", "2024-07-10")
    near = figures(reader, "window=4")["total", None, "1-7"]
    assert near["wape"]["value"] == pytest.approx((16 + 17 + 18 + 19) / 400)
    assert near["bias"]["value"] == pytest.approx(0.175)
    assert near["rmsle"] == pytest.approx(0.5)
    assert near["coverage"]["80%"]["value"] == 0.75
    assert near["wis"] == 2
    assert near["steps"]["seasonal_naive"] == 0.4
    assert near["steps"]["base"] == 0.2
    assert (near["days"], near["values"], near["units_sold"]) == (4, 16, 400)


def test_all_days_ahead_are_summed_too(reader: Client) -> None:
    together = figures(reader, "window=10")["total", None, "all"]
    assert together["wape"]["value"] == pytest.approx((145 + 300) / 2000)


def test_an_interval_holds_the_value_and_few_days_have_none(reader: Client) -> None:
    wape = figures(reader, "window=10")["total", None, "1-7"]["wape"]
    assert wape["low"] < wape["value"] < wape["high"]
    assert figures(reader, "window=3")["total", None, "1-7"]["wape"]["low"] is None


def test_the_record_of_the_bundle_is_beside_whole_levels(
    reader: Client, serving_release: LoadedRelease
) -> None:
    recorded = figures(reader, "window=10")["total", None, "1-7"]["recorded"]
    metrics = serving_release.engine.bundle.metrics
    assert recorded["wape"] == metrics["calibration"]["levels"]["total"]["1-7"]["wape"]


def test_a_level_is_listed_node_by_node(reader: Client) -> None:
    listed = figures(reader, "window=10&level=store")
    assert {key[:2] for key in listed} == {("store", "store:1")}
    assert listed["store", "store:1", "1-7"]["wape"]["value"] == 0.25
    assert listed["store", "store:1", "1-7"]["recorded"] is None


def test_a_node_has_figures_of_its_own_and_of_the_series_below(reader: Client) -> None:
    listed = figures(reader, "window=10&node=store:1")
    assert {key[:2] for key in listed} == {("store", "store:1"), (BOTTOM, "store:1")}
    assert listed[BOTTOM, "store:1", "1-7"]["wape"]["value"] == 0.5


def test_each_day_is_listed_on_request(reader: Client) -> None:
    assert reader.request("GET", "/accuracy?window=4").json()["live"]["daily"] == []
    live = reader.request("GET", "/accuracy?window=4&daily=true").json()["live"]
    days = [each for each in live["daily"] if each["level"] == "total"]
    assert [each["date"] for each in days] == [f"2024-07-{day:02}" for day in (7, 8, 9, 10)]
    assert days[0]["wape"] == pytest.approx((16 + 30) / 200)
    assert days[0]["coverage"] == {"80%": 0.75, "95%": 1.0}


def test_intervals_that_are_not_adapted_have_no_adaptation(reader: Client) -> None:
    assert reader.request("GET", "/accuracy?window=4").json()["live"]["adaptation"] is None


def test_the_adaptation_of_the_intervals_is_part_of_the_answer(
    records: Engine, serving_release: LoadedRelease, runners: LocalRunners
) -> None:
    cells = {Cell(BOTTOM, "high", "1-7"): 1.25, Cell("total", "", "8-16"): 0.5}
    adaptation = Adaptation(serving_release.engine.bundle.name, LAST, cells, "a-b-0123")
    adapted = replace(serving_release, adaptation=adaptation)
    reader = client_of(
        FixedServing(Forecaster(adapted, runners, runners)), monitoring=Monitoring(records)
    )
    live = reader.request("GET", "/accuracy?window=4").json()["live"]
    assert live["adaptation"] == {
        "digest": "0123",
        "through": LAST.isoformat(),
        "factors": [
            {"level": BOTTOM, "volume": "high", "days_ahead": "1-7", "factor": 1.25},
            {"level": "total", "volume": None, "days_ahead": "8-16", "factor": 0.5},
        ],
    }
    other = reader.request("GET", "/accuracy?window=4&bundle=another").json()["live"]
    assert other["adaptation"] is None


def test_a_model_that_served_nothing_has_no_days(reader: Client) -> None:
    live = reader.request("GET", "/accuracy?window=7&bundle=another").json()["live"]
    assert (live["bundle"], live["first"], live["figures"]) == ("another", None, [])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("window=0", Code.INVALID_REQUEST, id="no day"),
        pytest.param("window=401", Code.INVALID_REQUEST, id="more days than are kept"),
        pytest.param("level=store", Code.INVALID_REQUEST, id="a level without a window"),
        pytest.param("window=7&level=bottom", Code.INVALID_REQUEST, id="the series"),
        pytest.param("window=7&level=nothing", Code.INVALID_REQUEST, id="no such level"),
        pytest.param("window=7&node=store:99", Code.INVALID_NODE, id="no such node"),
        pytest.param("window=7&level=store&node=store:1", Code.INVALID_REQUEST, id="both"),
    ],
)
def test_a_wrong_query_is_refused(reader: Client, query: str, code: Code) -> None:
    reader.problem(reader.request("GET", f"/accuracy?{query}"), code)


def test_without_a_database_only_the_live_part_is_refused(
    serving_release: LoadedRelease, runners: LocalRunners
) -> None:
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    reader = client_of(serving, monitoring=Monitoring(open_database("sqlite:////proc/no/such.db")))
    assert reader.get("/accuracy").status_code == 200
    reader.problem(reader.request("GET", "/accuracy?window=7"), Code.MONITORING_UNAVAILABLE)
