"""GET /outliers and their acknowledgement."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from errors import Code
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster
from models.serving.release import LoadedRelease
from storage.audit import AuditLog
from storage.database import writing
from storage.key_store import utc_now
from storage.outlier_events import NewOutlierEvent, OutlierEventStore, adopt_events
from tests.contract.conftest import Client, FixedServing, LocalRunners, client_of

NODE = "store:3/family:DAIRY"


def event_of(node: str, day: date, **fields: object) -> NewOutlierEvent:
    values: dict[str, object] = {
        "kind": "spike",
        "severity": "warning",
        "value": 2515.0,
        "expected": 538.0,
        "message": f"{node} sold 2,515",
        "replaced": False,
    }
    return NewOutlierEvent(
        node=node,
        series_column="sales",
        first=day,
        last=day,
        **values | fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def planner(
    database: Engine, serving_release: LoadedRelease, runners: LocalRunners, newest: date
) -> Client:
    events = [
        event_of(NODE, newest - timedelta(3)),
        event_of("family:DAIRY", newest, kind="decimal-shift", severity="critical"),
        event_of("store:99", newest - timedelta(20), kind="closed-site", expected=None),
    ]
    with writing(database) as connection:
        adopt_events(connection, "snapshot", events, at=utc_now())
    serving = FixedServing(Forecaster(serving_release, runners, runners))
    return client_of(serving, outliers=OutlierEventStore(database))


def test_outliers_are_listed_with_four_weeks_of_their_node(
    planner: Client, snapshot: Snapshot, newest: date
) -> None:
    answer = planner.get("/outliers").json()
    gone, shift, spike = answer["outliers"]
    assert [each["node"] for each in answer["outliers"]] == ["store:99", "family:DAIRY", NODE]
    assert answer["next"] is None
    days = [date.fromisoformat(each["date"]) for each in spike["days"]]
    assert days == [newest - timedelta(number) for number in range(27, -1, -1)]
    row = snapshot.hierarchy.index[NODE]
    assert [each["units"] for each in spike["days"]] == snapshot.sales[row, -28:].tolist()
    assert [each["used"] for each in spike["days"]] == snapshot.history[row, -28:].tolist()
    assert (shift["severity"], len(shift["days"])) == ("critical", 28)
    assert (gone["expected"], gone["days"]) == (None, []), "the served data do not have it"


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        pytest.param({"kind": "spike"}, ["spike"], id="of a kind"),
        pytest.param({"severity": "critical"}, ["decimal-shift"], id="of a severity"),
        pytest.param({"node": NODE}, ["spike"], id="of a node"),
        pytest.param({"state": "acknowledged"}, [], id="acknowledged"),
        pytest.param({"limit": 1}, ["closed-site"], id="the first page"),
    ],
)
def test_outliers_are_listed_by_a_filter(
    planner: Client, query: dict[str, object], kinds: list[str]
) -> None:
    answer = planner.get("/outliers", **query).json()
    assert [each["kind"] for each in answer["outliers"]] == kinds


def test_outliers_are_listed_by_their_days(planner: Client, newest: date) -> None:
    span = {"from": newest - timedelta(5), "to": newest - timedelta(1)}
    (spike,) = planner.get("/outliers", **span).json()["outliers"]
    assert spike["kind"] == "spike"


def test_the_next_page_follows(planner: Client) -> None:
    first = planner.get("/outliers", limit=2).json()
    second = planner.get("/outliers", limit=2, before=first["next"]).json()
    kinds = [each["kind"] for page in (first, second) for each in page["outliers"]]
    assert kinds == ["closed-site", "decimal-shift", "spike"]


def test_a_person_says_that_it_was_real(planner: Client, database: Engine) -> None:
    (spike,) = planner.get("/outliers", node=NODE).json()["outliers"]
    path = f"/outliers/{spike['id']}/acknowledge"
    answer = planner.post(path, real=True, note="a fair in the street").json()
    assert (answer["real"], answer["note"]) == (True, "a fair in the street")
    assert datetime.fromisoformat(answer["acknowledged_at"]) <= utc_now()
    assert planner.post(path, real=False).json() == answer, "the first one stays"
    (listed,) = planner.get("/outliers", state="acknowledged").json()["outliers"]
    assert listed == answer
    assert len(planner.get("/outliers", state="open").json()["outliers"]) == 2
    assert [each.event.action for each in AuditLog(database).latest(9)] == ["outlier.acknowledge"]


@pytest.mark.parametrize("number", ["99", "0", "x"])
def test_an_unknown_outlier_is_not_found(planner: Client, number: str) -> None:
    response = planner.post(f"/outliers/{number}/acknowledge", real=True)
    planner.problem(response, Code.NOT_FOUND)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param({"kind": "odd"}, Code.INVALID_REQUEST, id="no kind"),
        pytest.param({"node": "store:99"}, Code.INVALID_NODE, id="no node"),
        pytest.param({"from": "soon"}, Code.INVALID_DATE, id="no date"),
        pytest.param({"limit": 201}, Code.INVALID_REQUEST, id="too many"),
    ],
)
def test_a_wrong_query_is_refused(planner: Client, query: dict[str, object], code: Code) -> None:
    planner.problem(planner.get("/outliers", **query), code)


def test_a_database_that_fails_is_a_problem(planner: Client, database: Engine) -> None:
    with writing(database) as connection:
        connection.exec_driver_sql("drop table outlier_events")
    planner.problem(planner.get("/outliers"), Code.MONITORING_UNAVAILABLE)
    path = "/outliers/1/acknowledge"
    planner.problem(planner.post(path, real=True), Code.MONITORING_UNAVAILABLE)
