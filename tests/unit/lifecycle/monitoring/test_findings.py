"""Events that follow from findings: opened once, updated, closed, never doubled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from lifecycle.monitoring.findings import (
    QUIET_DAYS,
    Finding,
    update_from_figures,
    update_from_spans,
)
from storage.drift_events import Detector, DriftEvent, Severity

DAY = date(2024, 7, 9)


def finding(**fields: Any) -> Finding:
    values: dict[str, Any] = {
        "detector": Detector.LOSS,
        "subject": "store:1",
        "severity": Severity.WARNING,
        "figure": 0.4,
        "reference": 0.2,
        "since": DAY - timedelta(5),
        "opened": DAY,
        "message": "Errors are larger.",
        "look": "/accuracy",
    }
    return Finding(**(values | fields))


def stored(events: Sequence[DriftEvent]) -> list[DriftEvent]:
    return [replace(event, id=number) for number, event in enumerate(events, start=1)]


def test_a_finding_becomes_one_event_however_often_it_is_judged() -> None:
    opened = stored(update_from_spans("b", [finding()], [], DAY))
    assert [event.opened for event in opened] == [DAY]
    (again,) = update_from_spans("b", [finding(figure=0.5)], opened, DAY + timedelta(1))
    assert (again.id, again.figure, again.judged) == (1, 0.5, DAY + timedelta(1))


def test_a_drift_that_is_over_closes_its_event_and_stays_as_it_was() -> None:
    opened = stored(update_from_spans("b", [finding()], [], DAY))
    over = finding(closed=DAY + timedelta(20))
    (closed,) = update_from_spans("b", [over], opened, DAY + timedelta(25))
    assert (closed.id, closed.closed) == (1, DAY + timedelta(20))
    assert update_from_spans("b", [over], [closed], DAY + timedelta(40)) == []


def test_a_drift_that_came_and_went_between_two_judgements_is_recorded() -> None:
    over = finding(closed=DAY + timedelta(20))
    (event,) = update_from_spans("b", [over], [], DAY + timedelta(60))
    assert event.closed == DAY + timedelta(20)


def test_a_day_of_opening_that_corrected_sales_have_moved_makes_no_second_event() -> None:
    opened = stored(update_from_spans("b", [finding()], [], DAY))
    (event,) = update_from_spans("b", [finding(opened=DAY + timedelta(1))], opened, DAY)
    assert (event.id, event.opened) == (1, DAY)


def test_an_event_that_corrected_sales_no_longer_show_is_closed() -> None:
    opened = stored(update_from_spans("b", [finding()], [], DAY))
    (event,) = update_from_spans("b", [], opened, DAY + timedelta(3))
    assert event.closed == DAY + timedelta(3)


def test_a_figure_opens_at_its_limit_and_not_below() -> None:
    assert update_from_figures("b", [finding(ratio=0.99)], [], DAY) == []
    assert len(update_from_figures("b", [finding(ratio=1.0)], [], DAY)) == 1


def test_a_figure_between_its_limits_keeps_an_event_open() -> None:
    opened = stored(update_from_figures("b", [finding(ratio=1.2)], [], DAY))
    (event,) = update_from_figures("b", [finding(ratio=0.8)], opened, DAY + timedelta(30))
    assert (event.closed, event.quiet, event.opened) == (None, None, DAY)


def test_a_figure_below_both_limits_closes_an_event_after_quiet_days() -> None:
    events = stored(update_from_figures("b", [finding(ratio=1.2)], [], DAY))
    for day in range(1, QUIET_DAYS + 1):
        events = update_from_figures("b", [], events, DAY + timedelta(day))
        assert events[0].closed is None
    (event,) = update_from_figures("b", [], events, DAY + timedelta(QUIET_DAYS + 1))
    assert event.closed == DAY + timedelta(QUIET_DAYS + 1)


def test_quiet_days_start_anew_after_a_figure_that_is_high_again() -> None:
    events = stored(update_from_figures("b", [finding(ratio=1.2)], [], DAY))
    events = update_from_figures("b", [], events, DAY + timedelta(1))
    events = update_from_figures("b", [finding(ratio=0.9)], events, DAY + timedelta(2))
    events = update_from_figures("b", [], events, DAY + timedelta(4))
    assert (events[0].quiet, events[0].closed) == (DAY + timedelta(4), None)
