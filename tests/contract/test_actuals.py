"""POST /actuals: sales that are reported ahead of the tables."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from errors import Code
from lifecycle.monitoring.records import Monitoring
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.actuals import ActualStore
from storage.database import open_database
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of

NODE = "store:1/family:DAIRY"


@pytest.fixture
def till(serving_release: LoadedRelease, runners: LocalRunners, database: Engine) -> Client:
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    return client_of(serving, monitoring=Monitoring(database))


def row(day: date, units: Any = 4.5, **series: Any) -> dict[str, Any]:
    return {"date": day.isoformat(), "units": units, **(series or {"node": NODE})}


def counts(answer: dict[str, Any]) -> tuple[int, int, int, int]:
    return tuple(  # type: ignore[return-value]
        answer[name] for name in ("added", "corrected", "unchanged", "superseded")
    )


def test_a_report_can_be_sent_again_and_corrected(
    till: Client, database: Engine, newest: date
) -> None:
    day = newest + timedelta(1)
    report = {"actuals": [row(day), row(newest + timedelta(2))]}
    assert counts(till.post("/actuals", **report).json()) == (2, 0, 0, 0)
    assert counts(till.post("/actuals", **report).json()) == (0, 0, 2, 0)
    assert counts(till.post("/actuals", actuals=[row(day, 6)]).json()) == (0, 1, 0, 0)
    assert ActualStore(database).read(day, day) == {day: {NODE: 6.0}}


@pytest.mark.parametrize(
    "series",
    [
        pytest.param({"node": NODE}, id="by its id"),
        pytest.param({"series": {"store_nbr": 1, "family": "DAIRY"}}, id="by its columns"),
        pytest.param({"store_nbr": 1, "family": "DAIRY"}, id="by store and family"),
    ],
)
def test_a_series_is_named_as_anywhere(
    till: Client, database: Engine, newest: date, series: dict[str, Any]
) -> None:
    day = newest + timedelta(1)
    assert till.post("/actuals", actuals=[row(day, **series)]).status_code == 200
    assert list(ActualStore(database).read(day, day)[day]) == [NODE]


def test_a_table_is_taken_too(till: Client, database: Engine, newest: date) -> None:
    day = newest + timedelta(1)
    table = f"date,store_nbr,family,units\n{day},1,DAIRY,12\n{day},2,DAIRY,0.5\n"
    response = till.request("POST", "/actuals", content=table, headers={"content-type": "text/csv"})
    assert counts(response.json()) == (2, 0, 0, 0)
    assert ActualStore(database).read(day, day) == {day: {NODE: 12.0, "store:2/family:DAIRY": 0.5}}


def test_a_row_of_a_day_that_the_tables_have_is_told(till: Client, newest: date) -> None:
    assert counts(till.post("/actuals", actuals=[row(newest)]).json()) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        pytest.param({"units": -1}, Code.INVALID_REQUEST, "/units", id="negative units"),
        pytest.param({"units": "many"}, Code.INVALID_REQUEST, "/units", id="a word"),
        pytest.param({"date": "1.7.2024"}, Code.INVALID_DATE, "/date", id="another form of date"),
        pytest.param({"date": "2034-01-01"}, Code.INVALID_DATE, "/date", id="a day far ahead"),
        pytest.param({"node": "store:9/family:DAIRY"}, Code.INVALID_NODE, "/node", id="no series"),
        pytest.param({"node": "store:1"}, Code.INVALID_NODE, "/node", id="a sum of series"),
        pytest.param({"price": 3}, Code.INVALID_REQUEST, "/price", id="an unknown member"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place_and_nothing_is_taken(
    till: Client, database: Engine, newest: date, change: dict[str, Any], code: Code, pointer: str
) -> None:
    day = newest + timedelta(1)
    response = till.post("/actuals", actuals=[row(day), {**row(day), **change}])
    problem = till.problem(response, code)
    assert [each["pointer"] for each in problem["errors"]] == [f"/actuals/1{pointer}"]
    assert ActualStore(database).read(day, day) == {}


def test_all_faults_are_told_at_once(till: Client, newest: date) -> None:
    day = newest + timedelta(1)
    rows = [row(day, node="nobody"), row(day), row(day, units=-1), row(day, 9)]
    problem = till.problem(till.post("/actuals", actuals=rows), Code.INVALID_REQUEST)
    assert [each["pointer"] for each in problem["errors"]] == [
        "/actuals/0/node",
        "/actuals/2/units",
        "/actuals/3/units",  # another value of the row before
    ]


def test_too_many_rows_are_refused(till: Client, newest: date) -> None:
    lines = [f"{newest},1,DAIRY,{number}" for number in range(10_001)]
    table = "\n".join(["date,store_nbr,family,units", *lines])
    response = till.request("POST", "/actuals", content=table, headers={"content-type": "text/csv"})
    till.problem(response, Code.BATCH_TOO_LARGE)


def test_without_a_database_a_report_is_refused(
    serving_release: LoadedRelease, runners: LocalRunners, newest: date
) -> None:
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    broken = Monitoring(open_database("sqlite:////proc/no/such.db"))
    till = client_of(serving, monitoring=broken)
    response = till.post("/actuals", actuals=[row(newest + timedelta(1))])
    till.problem(response, Code.MONITORING_UNAVAILABLE)
