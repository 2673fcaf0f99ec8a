"""Judgement of what serves after its forecasts were compared: outliers, drift, and their events.

What is new is recorded together with the events that tell it to others, in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, Engine

from lifecycle.monitoring.daily import arrange_daily
from lifecycle.monitoring.drift import judge_drift
from lifecycle.monitoring.events import (
    AccuracyChanged,
    DriftChanged,
    EventKind,
    OutlierDetected,
    publish,
)
from lifecycle.monitoring.findings import update_from_figures
from lifecycle.monitoring.live_accuracy import compare_wape, measure
from lifecycle.monitoring.naive import WINDOW_DAYS, find_worse_than_naive
from lifecycle.monitoring.outliers import adopt_outliers
from lifecycle.monitoring.scoring import SCORED_DAYS
from lifecycle.monitoring.validation import LEAST_DAYS
from models.serving.release import load_engine
from storage.artifacts import Store
from storage.database import reading, writing
from storage.drift_events import Detector, DriftEvent, EventFilter, apply_changes, list_events
from storage.outlier_events import StoredOutlierEvent
from storage.performance import Performance, newest_scored, read_performance
from storage.rollouts import find_rollout, write_report


@dataclass(frozen=True)
class Watched:
    """Outcome of a judgement.

    Attributes:
        outliers: that are new.
        opened, closed: drifts.
        has_reference: whether the bundle has a reference to judge drift by.
    """

    outliers: Sequence[StoredOutlierEvent]
    opened: Sequence[DriftEvent]
    closed: Sequence[DriftEvent]
    has_reference: bool


def watch(store: Store, database: Engine, *, today: date) -> Watched:
    """Judge the release that serves, and record what is new.

    Repeated with the same data, it changes nothing. The caller sees to it that no other process
    does so at the same time.

    Args:
        today: day by which the age of the data is judged.

    Raises:
        ArtifactError: nothing is served, or it is damaged.
        StorageError: the database fails.
    """
    release = store.current()
    engine = load_engine(store, release)
    rows = _read_rows(database, release.bundle)
    daily = arrange_daily(rows, engine.snapshot.hierarchy)
    first = min((each.day for each in rows), default=today)
    with reading(database) as connection:
        known = list_events(connection, EventFilter(bundle=release.bundle, since=first))
    naive = [each for each in known if each.detector is Detector.WORSE_THAN_NAIVE]
    others = [each for each in known if each.detector is not Detector.WORSE_THAN_NAIVE]
    judged = judge_drift(engine, daily, others, today=today)  # seconds, so in no transaction
    changes = [*judged.changes, *_judge_beside_naive(release.bundle, rows, naive)]
    with writing(database) as connection:
        outliers = adopt_outliers(connection, store.snapshots / release.snapshot)
        for outlier in outliers:
            _publish_outlier(connection, outlier)
        stored = apply_changes(connection, changes)
        opened = [each for each, of in zip(stored, changes, strict=True) if of.id == 0]
        closed = [each for each in stored if each.closed is not None]
        for event in opened:
            _publish_drift(connection, event, is_over=False)
        for event in closed:
            _publish_drift(connection, event, is_over=True)
        _compare_challenger(connection, rows)
    return Watched(outliers, opened, closed, judged.has_reference)


def _read_rows(database: Engine, bundle: str) -> list[Performance]:
    """Return the sums of all days of a bundle, of levels and single nodes."""
    with reading(database) as connection:
        return _read_all(connection, bundle, node=None)


def _read_all(connection: Connection, bundle: str, *, node: str | None) -> list[Performance]:
    last = newest_scored(connection, bundle)
    if last is None:
        return []
    first = last - timedelta(SCORED_DAYS)
    return read_performance(connection, bundle, first, last, node=node)


def _compare_challenger(connection: Connection, rows: Sequence[Performance]) -> None:
    """Add to the report of the trial how the live errors of the challenger compare, if known.

    Servers end the trial by it (see `lifecycle.evidence`).
    """
    rollout = find_rollout(connection)
    if rollout is None or rollout.report is None:
        return
    theirs = _read_all(connection, rollout.bundle, node="")
    own = [each for each in rows if not each.node]
    shared = {each.day for each in own} & {each.day for each in theirs}
    if len(shared) < LEAST_DAYS:
        return
    change = compare_wape(
        [each for each in own if each.day in shared],
        [each for each in theirs if each.day in shared],
    )
    live = {
        "days": len(shared),
        "change": change.value,
        "low": change.low,
        "high": change.high,
    }
    write_report(connection, rollout.id, {**rollout.report, "live": live})


def _judge_beside_naive(
    bundle: str, rows: Sequence[Performance], known: Sequence[DriftEvent]
) -> list[DriftEvent]:
    """Return new and changed events of levels that are no better than last week's weekday."""
    if not rows:
        return []
    last = max(each.day for each in rows)
    newest = [each for each in rows if not each.node and each.day > last - timedelta(WINDOW_DAYS)]
    findings = find_worse_than_naive(measure(newest), last)
    still_open = [each for each in known if each.closed is None]
    return update_from_figures(bundle, findings, still_open, last)


def _publish_outlier(connection: Connection, outlier: StoredOutlierEvent) -> None:
    data = OutlierDetected(
        outlier=outlier.id,
        kind=outlier.kind,
        severity=outlier.severity,
        first=outlier.first,
        last=outlier.last,
        snapshot=outlier.snapshot,
    )
    publish(connection, EventKind.OUTLIER_DETECTED, outlier.node, data, fact=str(outlier.id))


def _publish_drift(connection: Connection, event: DriftEvent, *, is_over: bool) -> None:
    if event.detector is Detector.WORSE_THAN_NAIVE:
        kind = EventKind.ACCURACY_RECOVERED if is_over else EventKind.ACCURACY_WORSE
        accuracy = AccuracyChanged(
            measure="WAPE",
            group=event.subject,
            first=event.judged - timedelta(WINDOW_DAYS - 1),
            last=event.judged,
            value=event.figure,
            threshold=event.reference,
        )
        publish(connection, kind, event.subject, accuracy, fact=str(event.id))
        return
    data = DriftChanged(
        drift=event.id,
        detector=event.detector.value,
        severity=event.severity.value,
        group=event.subject,
        bucket=event.bucket or None,
        value=event.figure,
        reference=event.reference,
        since=event.since,
        until=event.closed,
    )
    kind = EventKind.DRIFT_CLOSED if is_over else EventKind.DRIFT_OPENED
    publish(connection, kind, event.subject, data, fact=str(event.id))
