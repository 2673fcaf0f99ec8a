"""GET /drift: what the tests of errors and inputs have noticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from errors import Code
from storage.database import open_database, writing
from storage.drift_events import Detector, DriftEvent, Severity, apply_changes
from tests.contract.administered import Compose
from tests.contract.administered import compose as compose  # a fixture
from tests.contract.composed import KeyClient

EVENT = DriftEvent(
    bundle="2024-06-30-a",
    detector=Detector.TOO_LOW,
    subject="store:10",
    bucket="8-16",
    severity=Severity.CRITICAL,
    figure=-0.27,
    reference=0.01,
    since=date(2024, 7, 1),
    opened=date(2024, 7, 9),
    judged=date(2024, 7, 12),
    message="store:10, 8-16 days ahead: forecasts are 27.0% too low.",
    look="/historical?node=store:10",
)
CLOSED = replace(
    EVENT,
    detector=Detector.STALE_DATA,
    subject="data",
    bucket="",
    severity=Severity.WARNING,
    closed=date(2024, 7, 11),
)


@pytest.fixture
def client(compose: Compose, tmp_path: Path) -> KeyClient:
    """A server whose database has an open and a closed event."""
    composed = compose()
    database = open_database(f"sqlite:///{tmp_path}/mlrf.db")
    with writing(database) as connection:
        apply_changes(connection, [EVENT, CLOSED])
    database.dispose()
    return composed


def test_events_are_listed_newest_first(client: KeyClient) -> None:
    answer = client.get("/drift").json()
    assert [event["detector"] for event in answer["events"]] == ["stale_data", "too_low"]
    assert answer["next"] is None


def test_an_event_has_figure_reference_days_and_where_to_look(client: KeyClient) -> None:
    assert client.get("/drift/1").json() == {
        "id": 1,
        "state": "open",
        "detector": "too_low",
        "severity": "critical",
        "subject": "store:10",
        "bucket": "8-16",
        "figure": -0.27,
        "reference": 0.01,
        "since": "2024-07-01",
        "opened": "2024-07-09",
        "judged": "2024-07-12",
        "closed": None,
        "message": EVENT.message,
        "look": EVENT.look,
        "model_version": "2024-06-30-a",
    }


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("state=open", [1]),
        ("state=closed", [2]),
        ("detector=stale_data", [2]),
        ("severity=critical", [1]),
        ("subject=store:10", [1]),
        ("model_version=other", []),
        ("since=2024-07-10", [1]),
    ],
)
def test_events_are_filtered(client: KeyClient, query: str, numbers: list[int]) -> None:
    events = client.get("/drift", **dict([query.split("=")])).json()["events"]
    assert [event["id"] for event in events] == numbers


def test_pages_are_followed_by_the_number_of_the_last_event(client: KeyClient) -> None:
    first = client.get("/drift", limit=1).json()
    assert [event["id"] for event in first["events"]] == [first["next"]] == [2]
    second = client.get("/drift", limit=1, before=first["next"]).json()
    assert ([event["id"] for event in second["events"]], second["next"]) == ([1], None)


@pytest.mark.parametrize("query", ["state=ajar", "detector=x", "severity=bad", "limit=0", "x=1"])
def test_a_wrong_query_is_refused(client: KeyClient, query: str) -> None:
    response = client.get("/drift", **dict([query.split("=")]))
    assert (response.status_code, response.json()["code"]) == (400, Code.INVALID_REQUEST.name)


@pytest.mark.parametrize("number", ["3", "0", "-1", "one", "9" * 30])
def test_an_unknown_event_is_not_found(client: KeyClient, number: str) -> None:
    response = client.get(f"/drift/{number}")
    assert (response.status_code, response.json()["code"]) == (404, Code.NOT_FOUND.name)


def test_a_database_that_fails_is_said(client: KeyClient, tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/mlrf.db")
    with writing(database) as connection:
        connection.exec_driver_sql("drop table drift_events")
    database.dispose()
    response = client.get("/drift")
    assert (response.status_code, response.json()["code"]) == (503, "MONITORING_UNAVAILABLE")
