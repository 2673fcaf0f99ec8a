"""Degraded states: data that are too old (but for the demo) or from the future."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from api.health import newest_expected
from app.health import HealthMonitor
from features.data.snapshot import SnapshotFacts

MAX_AGE = 7


def details(origin: date, *, demo: bool = False) -> list[str]:
    """Return the degradation reasons of a server whose newest sales are of that day."""
    facts = SnapshotFacts(
        first_date=date(2021, 1, 1), origin=origin, known_through=origin, demo=demo
    )
    serving = SimpleNamespace(engine=SimpleNamespace(snapshot=SimpleNamespace(facts=facts)))
    watcher: Any = SimpleNamespace(serving=serving, degraded=(), stalled="")
    keys: Any = SimpleNamespace(unavailable=False)
    reasons = HealthMonitor(watcher, None, keys, MAX_AGE).reasons()
    assert {reason.name for reason in reasons} <= {"data"}
    return [reason.detail for reason in reasons]


@pytest.mark.parametrize("demo", [False, True])
@pytest.mark.parametrize("age", [0, MAX_AGE, MAX_AGE + 1, 900])
def test_old_data_degrade_a_server_but_not_those_of_the_demo(age: int, demo: bool) -> None:
    actual = details(newest_expected() - timedelta(age), demo=demo)
    if age <= MAX_AGE or demo:
        assert actual == []
    else:
        (detail,) = actual
        assert f"{age} days before the newest expected day" in detail


@pytest.mark.parametrize("demo", [False, True])
@pytest.mark.parametrize("days_ahead", [1, 27_000])
def test_data_of_the_future_degrade_any_server(days_ahead: int, demo: bool) -> None:
    (detail,) = details(datetime.now(UTC).date() + timedelta(days_ahead), demo=demo)
    assert "which is in the future" in detail


def test_data_of_today_degrade_nothing() -> None:
    assert details(datetime.now(UTC).date()) == []
