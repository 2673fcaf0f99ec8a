"""Events of releases and jobs, recorded with what happened, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from config.rollout import RolloutPlan
from lifecycle.jobs import Job, JobEnd, JobKind, JobProgress, State
from lifecycle.monitoring.events import (
    DATA,
    MAX_TEXT,
    DriftChanged,
    EventKind,
    OutlierDetected,
    publish,
    publish_job_end,
)
from lifecycle.rollouts import Rollouts
from storage.artifacts import ArtifactError, Release
from storage.audit import Actor
from storage.database import writing
from storage.keys import mint_key
from storage.letters import Event
from storage.rollouts import Counts, Evidence, Role
from tests.support.events import add_target, waiting
from tests.support.registry import ANNA, APRIL, MARCH, World

AT = datetime(2026, 11, 21, 7, 31, tzinfo=UTC)


@pytest.fixture
def march(world: World) -> Release:
    """The active release, adopted before there is a target of events."""
    march = world.add(MARCH)
    world.store.promote(march)
    world.registry.adopt()
    add_target(world.engine)
    return march


@pytest.fixture
def april(world: World, march: Release) -> Release:
    """A candidate."""
    return world.add(APRIL)


def events(engine: Engine) -> list[Event]:
    return [letter.event for letter in waiting(engine)]


# --- releases -----------------------------------------------------------------------------------


def test_a_promotion_and_a_rollback_are_events(
    world: World, march: Release, april: Release
) -> None:
    world.registry.promote(april.bundle, by=ANNA, reason="smaller errors")
    world.registry.rollback(by=ANNA, reason="odd totals")
    promoted, back = events(world.engine)
    assert (promoted.kind, promoted.subject) == ("mlrf.release.activated", april.bundle)
    assert promoted.data == {
        "bundle": april.bundle,
        "snapshot": april.snapshot,
        "previous_bundle": march.bundle,
        "previous_snapshot": march.snapshot,
        "reason": "smaller errors",
    }
    assert (back.kind, back.subject) == ("mlrf.release.rolled_back", march.bundle)
    assert back.data["previous_bundle"] == april.bundle
    assert back.data["reason"] == "odd totals"
    assert back.at > promoted.at


def test_a_release_that_was_served_without_asking_is_one_event(
    world: World, march: Release, april: Release
) -> None:
    """A training in a pod without a database writes CURRENT; every worker then adopts it."""
    world.store.promote(april)
    for _ in range(3):
        world.registry.adopt()
    (event,) = events(world.engine)
    assert (event.kind, event.subject) == ("mlrf.release.activated", april.bundle)
    assert event.data["previous_bundle"] == march.bundle


def test_newer_data_of_the_same_model_are_an_event(world: World, march: Release) -> None:
    newer = replace(march, snapshot=world.add_snapshot(APRIL))
    world.store.promote(newer)
    world.registry.adopt()
    (event,) = events(world.engine)
    assert event.data == {
        "bundle": march.bundle,
        "snapshot": newer.snapshot,
        "previous_bundle": march.bundle,
        "previous_snapshot": march.snapshot,
        "reason": "newer data",
    }


def test_a_candidate_that_is_found_or_retired_is_no_event(world: World, april: Release) -> None:
    world.registry.retire(april.bundle, by=ANNA)
    assert events(world.engine) == []


def test_a_promotion_that_fails_leaves_no_event(
    world: World, april: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CURRENT could not be written, so the database forgets the change and its event."""

    def fail(release: Release) -> None:
        raise ArtifactError(world.store.root, "cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(world.store.__class__, "promote", lambda store, release: fail(release))
        with pytest.raises(ArtifactError):
            world.registry.promote(april.bundle, by=ANNA)
    assert events(world.engine) == []


@pytest.mark.parametrize("by_itself", [True, False], ids=["aborted", "stopped by a person"])
def test_a_trial_that_is_aborted_is_an_event_and_one_that_is_stopped_is_none(
    world: World, april: Release, by_itself: bool
) -> None:
    plan = RolloutPlan(shares=(0.1, 1.0), answers=50, seconds=300)
    rollouts = Rollouts(world.registry, world.engine, plan, clock=world.tick)
    rollout = rollouts.begin_canary(APRIL, by=ANNA)
    if by_itself:
        failed = Evidence(Role.CANARY, "GET /forecast", 0.1, Counts(50, 50, 0.0, 1.0, 0.0))
        rollouts.add_evidence(rollout, "worker", [failed])
        decision = rollouts.decide()
        (event,) = events(world.engine)
        assert (event.kind, event.subject) == ("mlrf.release.aborted", april.bundle)
        assert decision == f"aborted: {event.data['reason']}"
    else:
        rollouts.stop(by=ANNA)
        assert events(world.engine) == []


def test_a_reason_holds_no_key_and_not_the_name_of_who_gave_it(
    world: World, april: Release
) -> None:
    key = mint_key().text
    world.registry.promote(april.bundle, by=Actor("cli:berta"), reason=f"with {key} " + "x" * 900)
    (event,) = events(world.engine)
    assert key not in event.data["reason"]
    assert len(event.data["reason"]) <= MAX_TEXT
    assert "berta" not in str(event)


# --- jobs ---------------------------------------------------------------------------------------


def job_of(state: State, **result: Any) -> Job:
    return Job(
        id="35663b4b35663b4b",
        kind=JobKind.RELOAD,
        request={"source": "may"},
        by="anna",
        queued_at=AT,
        started_at=AT,
        state=state,
        progress=JobProgress(phase="reading the tables"),
        outcome=JobEnd(
            state=state, finished_at=AT, detail="train.csv, row 3: wrong", result=result
        ),
    )


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_the_end_of_a_job_is_one_event_however_often_it_is_reported(
    engine: Engine, state: State
) -> None:
    add_target(engine)
    for _ in range(2):
        with writing(engine) as connection:
            publish_job_end(connection, job_of(state, bundle="b", snapshot="s", rows=7))
    (event,) = events(engine)
    assert (event.kind, event.subject, event.at) == (f"mlrf.job.{state}", "35663b4b35663b4b", AT)
    assert event.data == {
        "job": "35663b4b35663b4b",
        "kind": "reload",
        "queued_at": "2026-11-21T07:31:00Z",
        "started_at": "2026-11-21T07:31:00Z",
        "finished_at": "2026-11-21T07:31:00Z",
        "phase": "reading the tables",
        "bundle": "b",
        "snapshot": "s",
    }, "neither its source, nor who asked, nor values of tables in the reason of a failure"


def test_a_job_that_has_not_ended_is_no_event(engine: Engine) -> None:
    add_target(engine)
    running = job_of(State.RUNNING).model_copy(update={"outcome": None})
    with writing(engine) as connection:
        publish_job_end(connection, running)
    assert events(engine) == []


def test_a_job_from_before_the_target_was_set_up_is_no_event(engine: Engine) -> None:
    add_target(engine, since=AT + timedelta(seconds=1))
    with writing(engine) as connection:
        publish_job_end(connection, job_of(State.SUCCEEDED))
    assert events(engine) == []


# --- publishing ---------------------------------------------------------------------------------

DRIFT = DriftChanged(
    drift=3,
    detector="residuals",
    severity="warning",
    group="store",
    bucket="1-7",
    value=0.31,
    reference=0.2,
    since=date(2026, 11, 1),
)


def test_a_fact_is_sent_once_and_what_is_no_fact_each_time(engine: Engine) -> None:
    add_target(engine)
    for _ in range(2):
        with writing(engine) as connection:
            publish(connection, EventKind.DRIFT_OPENED, "store", DRIFT, fact="3")
            publish(connection, EventKind.DRIFT_OPENED, "store", DRIFT, fact="4")
            publish(connection, EventKind.DRIFT_CLOSED, "store", DRIFT, fact="3")
            publish(connection, EventKind.DRIFT_OPENED, "family", DRIFT)
    assert len({event.id for event in events(engine)}) == len(events(engine)) == 5


def test_data_of_another_kind_are_refused(engine: Engine) -> None:
    with writing(engine) as connection, pytest.raises(TypeError, match="has data of JobEnded"):
        publish(connection, EventKind.JOB_FAILED, "store", DRIFT)


def test_every_kind_has_data() -> None:
    assert set(DATA) == set(EventKind)
    assert DATA[EventKind.OUTLIER_DETECTED] is OutlierDetected
