"""`mlrf events`: what was given up is listed, and sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cli.main import FAILED
from config.settings import get_settings
from storage.audit import AuditLog
from storage.database import open_database, writing
from storage.key_store import utc_now
from storage.letters import Event, LetterState
from storage.migrations import upgrade
from storage.outbox import Outbox, add_event
from tests.support.command import Run, set_environment
from tests.support.events import add_target


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database of the settings, with two events that were given up."""
    url = f"sqlite:///{tmp_path}/mlrf.db"
    set_environment(monkeypatch, DATABASE_URL=url)
    engine = open_database(url)
    upgrade(engine)
    add_target(engine)
    with writing(engine) as connection:
        for name in ("a", "b"):
            event = Event(
                id=name, kind="mlrf.job.failed", subject=f"job-{name}", at=utc_now(), data={"n": 1}
            )
            add_event(connection, event, now=utc_now())
    outbox = Outbox(engine)
    for letter in outbox.take_due("webhook", "worker", 2):
        outbox.give_up(letter, "worker", failure="answered 500")
    yield engine
    engine.dispose()
    get_settings.cache_clear()


@pytest.mark.usefixtures("engine")
def test_list_shows_what_was_given_up_and_why(run: Run) -> None:
    done = run("events", "list")
    assert done.status == 0
    for text in ("webhook", "mlrf.job.failed", "job-a", "job-b", "answered 500"):
        assert text in done.out


@pytest.mark.usefixtures("engine")
def test_list_prints_json_for_scripts(run: Run) -> None:
    newest, oldest = json.loads(run("events", "list", "--json").out)
    assert (newest["id"], oldest["id"]) == (2, 1)
    assert (oldest["event_id"], oldest["data"], oldest["attempts"]) == ("a", {"n": 1}, 1)
    assert json.loads(run("events", "list", "--state", "waiting", "--json").out) == []


@pytest.mark.parametrize(
    ("arguments", "again"),
    [pytest.param(["2"], ["b"], id="one"), pytest.param(["--all"], ["a", "b"], id="all")],
)
def test_resend_puts_events_back(
    run: Run, engine: Engine, arguments: list[str], again: list[str]
) -> None:
    done = run("events", "resend", *arguments)
    assert done.status == 0
    waiting = Outbox(engine).letters(LetterState.WAITING, 10)
    assert [letter.event.id for letter in waiting] == again[::-1]
    entries = AuditLog(engine).latest(10)
    assert {entry.event.action for entry in entries} == {"event.resend"}
    assert all(entry.event.actor.startswith("cli:") for entry in entries)
    assert len(entries) == len(again)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param([], "name the ids of events, or --all", id="nothing"),
        pytest.param(["1", "--all"], "name the ids of events, or --all", id="both"),
        pytest.param(["99"], "there is no dead letter 99", id="an unknown one"),
    ],
)
def test_what_cannot_be_sent_again_is_one_line(run: Run, arguments: list[str], reason: str) -> None:
    done = run("events", "resend", *arguments)
    assert done.status == FAILED
    assert reason in done.error_line
