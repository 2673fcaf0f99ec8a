"""Drift events in the database: stored as they are, changed in place, filtered and paged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.database import reading, writing
from storage.drift_events import (
    Detector,
    DriftEvent,
    DriftHistory,
    EventFilter,
    Severity,
    apply_changes,
    list_events,
)


def new_event(**fields: Any) -> DriftEvent:
    """Return an event that is not stored; keyword arguments override."""
    values: dict[str, Any] = {
        "bundle": "2024-06-30-a",
        "detector": Detector.LOSS,
        "subject": "store:Zwölf €",
        "bucket": "8-16",
        "severity": Severity.WARNING,
        "figure": 1 / 3,
        "reference": 0.25,
        "since": date(2024, 7, 1),
        "opened": date(2024, 7, 9),
        "judged": date(2024, 7, 10),
        "message": "Errors are larger.",
        "look": "/accuracy",
    }
    return DriftEvent(**(values | fields))


@pytest.fixture
def stored(engine: Engine) -> list[DriftEvent]:
    events = [
        new_event(),
        new_event(detector=Detector.FEATURES, severity=Severity.INFO, subject="level"),
        new_event(bundle="another", closed=date(2024, 7, 20)),
    ]
    with writing(engine) as connection:
        return apply_changes(connection, events)


def test_an_event_is_read_as_it_was_stored(engine: Engine, stored: list[DriftEvent]) -> None:
    assert DriftHistory(engine).find(stored[0].id) == stored[0]
    assert replace(stored[0], id=0) == new_event()


def test_a_changed_event_keeps_its_number(engine: Engine, stored: list[DriftEvent]) -> None:
    changed = replace(
        stored[0], severity=Severity.CRITICAL, quiet=date(2024, 7, 12), closed=date(2024, 7, 15)
    )
    with writing(engine) as connection:
        assert apply_changes(connection, [changed]) == [changed]
    with reading(engine) as connection:
        assert list_events(connection, EventFilter()) == [stored[2], stored[1], changed]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        pytest.param(EventFilter(), [2, 1, 0], id="all, the newest first"),
        pytest.param(EventFilter(is_open=True), [1, 0], id="open"),
        pytest.param(EventFilter(is_open=False), [2], id="over"),
        pytest.param(EventFilter(detector=Detector.FEATURES), [1], id="test"),
        pytest.param(EventFilter(severity=Severity.WARNING), [2, 0], id="severity"),
        pytest.param(EventFilter(subject="level"), [1], id="subject"),
        pytest.param(EventFilter(bundle="another"), [2], id="bundle"),
        pytest.param(EventFilter(since=date(2024, 7, 10)), [1, 0], id="since, with the open ones"),
    ],
)
def test_events_are_filtered(
    engine: Engine, stored: list[DriftEvent], wanted: EventFilter, numbers: list[int]
) -> None:
    with reading(engine) as connection:
        assert list_events(connection, wanted) == [stored[number] for number in numbers]


def test_pages_follow_each_other(engine: Engine, stored: list[DriftEvent]) -> None:
    history = DriftHistory(engine)
    first = history.list(EventFilter(), 2, None)
    assert [*first, *history.list(EventFilter(), 2, first[-1].id)] == stored[::-1]


def test_no_event_has_a_number_that_was_not_given(engine: Engine) -> None:
    assert DriftHistory(engine).find(7) is None


def test_texts_are_cut_to_their_columns(engine: Engine) -> None:
    with writing(engine) as connection:
        (event,) = apply_changes(connection, [new_event(message="x" * 2000)])
    stored = DriftHistory(engine).find(event.id)
    assert stored is not None
    assert stored.message == "x" * 1000
