"""Administration of events over the contract: listing them, and sending them again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from errors import Code
from storage.audit import Actor
from storage.database import open_database, writing
from storage.key_store import utc_now
from storage.letters import Event, LetterState
from storage.outbox import Outbox, add_event
from tests.contract.administered import admin as admin  # a fixture
from tests.contract.administered import compose as compose  # a fixture
from tests.contract.composed import KeyClient
from tests.support.events import add_target


@pytest.fixture
def database(admin: KeyClient, tmp_path: Path) -> Iterator[Engine]:
    """The database of the server, whose events go to a target that nothing sends to."""
    engine = open_database(f"sqlite:///{tmp_path}/mlrf.db")
    add_target(engine)
    with writing(engine) as connection:
        for name in ("a", "b", "c"):
            event = Event(
                id=name, kind="mlrf.job.failed", subject=f"job-{name}", at=utc_now(), data={}
            )
            add_event(connection, event, now=utc_now())
    yield engine
    engine.dispose()


@pytest.fixture
def dead(database: Engine) -> list[int]:
    """The ids of two events that were given up; a third one waits."""
    outbox = Outbox(database)
    letters = outbox.take_due("webhook", "worker", 2)
    for letter in letters:
        outbox.give_up(letter, "worker", failure="answered 500")
    return [letter.number for letter in letters]


def test_events_that_were_given_up_are_listed_with_the_reason(
    admin: KeyClient, dead: list[int]
) -> None:
    answer = admin.get("/admin/events").json()
    assert [event["id"] for event in answer["events"]] == dead[::-1]
    assert answer["next"] is None
    event = answer["events"][1]
    assert (event["target"], event["state"]) == ("webhook", "dead")
    assert (event["event_id"], event["type"], event["subject"]) == ("a", "mlrf.job.failed", "job-a")
    assert (event["attempts"], event["failure"]) == (1, "answered 500")
    assert event["due_at"] is None
    assert event["ended_at"] is not None


@pytest.mark.parametrize("state", list(LetterState))
def test_events_of_each_state_are_listed(
    admin: KeyClient, dead: list[int], state: LetterState
) -> None:
    answer = admin.get("/admin/events", state=state).json()
    numbers = {LetterState.WAITING: 1, LetterState.SENT: 0, LetterState.DEAD: 2}
    assert [event["state"] for event in answer["events"]] == [state] * numbers[state]


def test_events_are_listed_in_pages(admin: KeyClient, dead: list[int]) -> None:
    first = admin.get("/admin/events", limit=1).json()
    second = admin.get("/admin/events", limit=1, before=first["next"]).json()
    assert [page["events"][0]["id"] for page in (first, second)] == dead[::-1]


def test_an_event_that_was_given_up_is_sent_again_and_that_is_audited(
    admin: KeyClient, dead: list[int]
) -> None:
    answer = admin.post(f"/admin/events/{dead[0]}/resend").json()
    assert (answer["id"], answer["state"], answer["event_id"]) == (dead[0], "waiting", "a")
    (entry,) = admin.get("/admin/audit").json()["entries"]
    assert (entry["action"], entry["subject"]) == ("event.resend", str(dead[0]))
    assert entry["actor"] == "env"
    assert entry["request_id"]
    admin.problem(admin.post(f"/admin/events/{dead[0]}/resend"), Code.NOT_FOUND)


@pytest.mark.parametrize("name", ["99", "0", "-1", "x", "9" * 19, "9" * 60, "٣"])
def test_an_event_that_there_is_not_is_not_sent_again(
    admin: KeyClient, dead: list[int], name: str
) -> None:
    admin.problem(admin.post(f"/admin/events/{name}/resend"), Code.NOT_FOUND)


def test_an_event_whose_target_no_server_has_is_not_sent_again(
    admin: KeyClient, dead: list[int], database: Engine
) -> None:
    with writing(database) as connection:
        connection.execute(text("delete from event_targets"))
    problem = admin.problem(admin.post(f"/admin/events/{dead[0]}/resend"), Code.CONFLICT)
    assert problem["detail"].startswith("No server sends to webhook at present")
    assert len(admin.get("/admin/events").json()["events"]) == 2


def test_a_database_that_fails_is_a_problem(admin: KeyClient, database: Engine) -> None:
    with writing(database) as connection:
        connection.execute(text("drop table event_dead_letters"))
    admin.problem(admin.get("/admin/events"), Code.MONITORING_UNAVAILABLE)


def test_sending_again_is_refused_without_an_actor_of_the_administration(
    admin: KeyClient, dead: list[int], database: Engine
) -> None:
    made = admin.post("/admin/keys", client="shop").json()
    refused = admin.request(
        "POST", f"/admin/events/{dead[0]}/resend", headers={"X-API-Key": made["key"]}
    )
    admin.problem(refused, Code.FORBIDDEN)
    assert Outbox(database).resend(dead[0], by=Actor("anna")).number == dead[0]
