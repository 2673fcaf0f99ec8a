"""Anything that a scoring notices is recorded once, with the events that tell it to others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import orjson
import pytest
from sqlalchemy import Engine, select

from features.data.snapshot_files import load_snapshot
from lifecycle.jobs import now
from lifecycle.monitoring.job import score_and_watch
from lifecycle.monitoring.watch import Watched, watch
from storage.artifacts import Store
from storage.database import reading, writing
from storage.drift_events import Detector, EventFilter, list_events
from storage.outbox import Outbox
from storage.performance import Performance, replace_day
from storage.release_changes import ReleaseState
from storage.rollouts import add_rollout, find_rollout, write_report
from storage.tables import EVENT_OUTBOX, PERFORMANCE_SUMS

DAYS = 28


def sums(**values: float) -> dict[str, float]:
    return dict.fromkeys(PERFORMANCE_SUMS, 0.0) | {"known": 1.0, "judged": 1.0} | values


def write_days(
    engine: Engine, store: Store, days: int, *, absolute: float, naive: float, bundle: str = ""
) -> None:
    """Write scored days of the total up to the newest one of the data."""
    origin = load_snapshot(store.snapshots / store.current().snapshot).facts.origin
    with writing(engine) as connection:
        for number in range(days):
            day = origin - timedelta(days - 1 - number)
            wrong = absolute * (1 + 0.05 * (number % 3))
            values = sums(sold=100, forecast=100 + wrong, absolute=wrong, naive_absolute=naive)
            row = Performance(day=day, level="total", node="", days_ahead="1-7", sums=values)
            name = bundle or store.current().bundle
            replace_day(connection, name, day, [row], inputs="x", at=now())


def published(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        rows = connection.execute(select(EVENT_OUTBOX).order_by(EVENT_OUTBOX.c.id)).mappings()
        return [(row["kind"], orjson.loads(row["data"]).get("group", "")) for row in rows]


@pytest.fixture
def judge(engine: Engine, store: Store) -> Callable[[], Watched]:
    Outbox(engine).register("webhook", "https://hooks.example/x")
    return lambda: watch(store, engine, today=date(2024, 7, 1))


def test_forecasts_worse_than_last_weeks_weekday_say_so(
    engine: Engine, store: Store, judge: Callable[[], Watched]
) -> None:
    write_days(engine, store, DAYS, absolute=30, naive=10)
    watched = judge()
    (event,) = (each for each in watched.opened if each.detector is Detector.WORSE_THAN_NAIVE)
    assert (event.subject, event.reference) == ("total", pytest.approx(0.1))
    assert "last week's same weekday by 10.0%" in event.message
    assert ("mlrf.accuracy.worse", "total") in published(engine)


def test_forecasts_that_are_better_say_nothing(
    engine: Engine, store: Store, judge: Callable[[], Watched]
) -> None:
    write_days(engine, store, DAYS, absolute=5, naive=10)
    assert not [each for each in judge().opened if each.detector is Detector.WORSE_THAN_NAIVE]


def test_few_days_say_nothing(engine: Engine, store: Store, judge: Callable[[], Watched]) -> None:
    write_days(engine, store, 6, absolute=30, naive=10)
    assert not [each for each in judge().opened if each.detector is Detector.WORSE_THAN_NAIVE]


def test_a_judgement_that_is_repeated_changes_nothing(
    engine: Engine, store: Store, judge: Callable[[], Watched]
) -> None:
    write_days(engine, store, DAYS, absolute=30, naive=10)
    judge()
    before = published(engine)
    again = judge()
    assert not again.opened
    assert not again.outliers
    assert published(engine) == before


def test_forecasts_that_have_recovered_end_the_event(
    engine: Engine, store: Store, judge: Callable[[], Watched]
) -> None:
    write_days(engine, store, DAYS, absolute=30, naive=10)
    judge()
    write_days(engine, store, DAYS, absolute=5, naive=10)
    with reading(engine) as connection:
        bundle = store.current().bundle
        (event,) = list_events(
            connection, EventFilter(bundle=bundle, detector=Detector.WORSE_THAN_NAIVE)
        )
    for day in range(1, 6):  # newer days, which are as good
        origin = load_snapshot(store.snapshots / store.current().snapshot).facts.origin
        later = origin + timedelta(day)
        values = sums(sold=100, forecast=105, absolute=5, naive_absolute=10)
        row = Performance(day=later, level="total", node="", days_ahead="1-7", sums=values)
        with writing(engine) as connection:
            replace_day(connection, bundle, later, [row], inputs="x", at=now())
        judge()
    with reading(engine) as connection:
        (after,) = list_events(
            connection, EventFilter(bundle=bundle, detector=Detector.WORSE_THAN_NAIVE)
        )
    assert after.id == event.id
    assert after.closed is not None
    assert published(engine).count(("mlrf.accuracy.recovered", "total")) == 1


def test_a_scoring_judges_too(engine: Engine, store: Store) -> None:
    outcome = score_and_watch(store, engine)
    assert outcome.watched.has_reference
    described = outcome.describe()
    assert described["days"]
    assert orjson.loads(orjson.dumps(described)) == described


def test_live_errors_of_a_challenger_are_in_the_report_of_its_trial(
    engine: Engine, store: Store, judge: Callable[[], Watched]
) -> None:
    write_days(engine, store, DAYS, absolute=10, naive=20)
    write_days(engine, store, 9, absolute=15, naive=20, bundle="challenger")
    report = {"moved": {}, "recent": {}}
    with writing(engine) as connection:
        rollout = add_rollout(
            connection, "challenger", ReleaseState.SHADOW, share=0, automatic=False, at=now()
        )
        write_report(connection, rollout.id, report)
    judge()
    with reading(engine) as connection:
        after = find_rollout(connection)
    assert after is not None
    assert after.report is not None
    live = after.report["live"]
    assert live["days"] == 9
    assert live["change"] == pytest.approx(0.5)
    assert live["low"] > 0.2
