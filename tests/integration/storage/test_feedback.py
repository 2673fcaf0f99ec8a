"""Recorded predictions: what was sold instead, corrections with their history, and erasure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from storage.audit import Actor, AuditLog
from storage.feedback import FeedbackStore, Place, RecordedPrediction, StoredPrediction
from tests.support.clock import Clock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA, BEN = Actor("key:anna"), Actor("key:ben")
ROW, OTHER = Place(0, None), Place(1, date(2026, 3, 2))
RECORDED = RecordedPrediction(
    request_id="a-request",
    caller="key:0123456789ab",
    operation="POST /predict",
    bundle="a-bundle",
    snapshot="a-snapshot",
    at=NOW,
    seconds=0.01,
    inputs='{"request":{},"rows":[[1.5,null]]}',
    answer='{"prediction":7.0}',
)


@pytest.fixture
def wall() -> Clock[datetime]:
    return Clock(NOW)


@pytest.fixture
def store(engine: Engine, wall: Clock[datetime]) -> FeedbackStore:
    return FeedbackStore(engine, wall)


def recorded(store: FeedbackStore, **fields: object) -> StoredPrediction:
    """Return a request that is recorded now; keyword arguments override."""
    new = replace(RECORDED, **fields)  # type: ignore[arg-type]
    store.add([new])
    return store.find(new.request_id)[-1]


def test_a_recorded_request_is_stored_as_it_is(store: FeedbackStore) -> None:
    store.add([RECORDED, replace(RECORDED, request_id="another")])
    (stored,) = store.find("a-request")
    names = RecordedPrediction.__dataclass_fields__
    assert {name: getattr(stored, name) for name in names} == {
        name: getattr(RECORDED, name) for name in names
    }
    assert store.find("unknown") == ()


def test_a_long_subject_of_a_caller_is_cut_to_its_column(store: FeedbackStore) -> None:
    assert recorded(store, caller="jwt:" + 300 * "x").caller == "jwt:" + 196 * "x"


def test_a_repeated_report_changes_nothing(store: FeedbackStore) -> None:
    prediction = recorded(store)
    values = [(ROW, 8.0), (OTHER, 3.0)]
    assert store.report(prediction, values, by=ANNA) == 2
    assert store.report(prediction, values, by=BEN) == 0
    reports = store.reports(prediction.id)
    assert {place: [each.value for each in of] for place, of in reports.items()} == {
        ROW: [8.0],
        OTHER: [3.0],
    }


def test_a_correction_keeps_who_reported_what_and_when(
    store: FeedbackStore, wall: Clock[datetime], engine: Engine
) -> None:
    prediction = recorded(store)
    store.report(prediction, [(ROW, 8.0), (OTHER, 3.0)], by=ANNA)
    wall.now += timedelta(1)
    assert store.report(prediction, [(ROW, 9.0), (OTHER, 3.0)], by=BEN) == 1
    history = store.reports(prediction.id)[ROW]
    assert [(each.value, each.actor, each.at) for each in history] == [
        (8.0, "key:anna", NOW),
        (9.0, "key:ben", NOW + timedelta(1)),
    ]
    (entry,) = AuditLog(engine).latest(10)
    event = entry.event
    assert (event.actor, event.action, event.subject) == (
        "key:ben",
        "feedback.correct",
        "a-request",
    )
    assert event.detail == "row 0: 9 instead of 8"


def test_a_value_that_is_corrected_back_is_reported_a_third_time(store: FeedbackStore) -> None:
    prediction = recorded(store)
    changed = [store.report(prediction, [(ROW, value)], by=ANNA) for value in (8.0, 9.0, 8.0)]
    assert changed == [1, 1, 1]
    assert [each.value for each in store.reports(prediction.id)[ROW]] == [8.0, 9.0, 8.0]


def test_a_request_is_erased_after_its_days_and_forgotten_after_twice_as_many(
    store: FeedbackStore, wall: Clock[datetime]
) -> None:
    old = recorded(store, request_id="old")
    store.report(old, [(ROW, 8.0)], by=ANNA)
    wall.now += timedelta(11)
    recorded(store, request_id="new", at=wall.now)
    assert store.erase_expired(10) == 1
    (erased,) = store.find("old")
    assert (erased.erased, erased.inputs, erased.answer, erased.caller) == (True, "", "", "")
    assert store.reports(old.id) == {}
    (new,) = store.find("new")
    assert not new.erased
    assert store.erase_expired(10) == 0
    wall.now += timedelta(11)
    assert store.erase_expired(10) == 2, "one is erased, and the other one deleted"
    assert store.find("old") == ()


def test_reported_requests_are_read_for_one_model_and_from_a_day_on(store: FeedbackStore) -> None:
    wanted = recorded(store)
    others = [
        recorded(store, request_id="other model", bundle="another"),
        recorded(store, request_id="before", at=NOW - timedelta(2)),
        recorded(store, request_id="what-if", operation="POST /whatif"),
    ]
    recorded(store, request_id="not reported")
    for each in (wanted, *others):
        store.report(each, [(ROW, 5.0)], by=ANNA)
        store.report(each, [(ROW, 6.0)], by=BEN)
    read = list(store.reported("a-bundle", NOW - timedelta(1), ["POST /predict"]))
    assert [(each.request_id, actuals[ROW].value) for each, actuals in read] == [("a-request", 6.0)]


def test_reported_requests_are_read_in_several_parts(
    store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.feedback._READ_TOGETHER", 2)
    for number in range(5):
        each = recorded(store, request_id=f"request-{number}")
        if number != 2:
            store.report(each, [(ROW, float(number))], by=ANNA)
    read = store.reported("a-bundle", NOW, ["POST /predict"])
    assert [actuals[ROW].value for _, actuals in read] == [0, 1, 3, 4]
