"""Judge the drift of a release: its scored forecasts, and the data that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from lifecycle.monitoring.daily import DailySums
from lifecycle.monitoring.findings import update_from_figures, update_from_spans
from lifecycle.monitoring.input_drift import find_input_drift, find_stale_data
from lifecycle.monitoring.performance_drift import find_performance_drift
from models.engine import ForecastEngine
from storage.drift_events import Detector, DriftEvent

OF_ERRORS = frozenset(
    (
        *(Detector.LOSS, Detector.IMPROVEMENT, Detector.TOO_HIGH, Detector.TOO_LOW),
        *(Detector.COVERAGE_80, Detector.COVERAGE_95, Detector.DAY_ERROR),
    )
)
"""Tests of scored forecasts; the others are of the newest data."""


@dataclass(frozen=True)
class DriftJudgement:
    """Result of judging a release.

    Attributes:
        changes: events that are new (their `id` is 0) or have changed, as they are now.
        has_reference: whether the bundle has a reference; without one only the age of the data
            is judged.
    """

    changes: tuple[DriftEvent, ...]
    has_reference: bool


def judge_drift(
    engine: ForecastEngine,
    daily: DailySums | None,
    events: Sequence[DriftEvent],
    *,
    today: date,
) -> DriftJudgement:
    """Judge the forecasts and inputs of a release; nothing is stored.

    Judged again with the same data, nothing changes.

    Args:
        engine: the bundle and the newest snapshot.
        daily: sums over the scored forecasts of the bundle, of all days so far; None if there are
            none.
        events: of the bundle: all that are open, and those that were noticed on a day of `daily`.
        today: day by which the age of the data is judged.
    """
    name, snapshot = engine.bundle.name, engine.snapshot
    reference = engine.bundle.read_drift_reference()
    stale = [event for event in events if event.detector is Detector.STALE_DATA]
    changes = update_from_figures(name, find_stale_data(snapshot, today), _open(stale), today)
    if reference is None:
        return DriftJudgement(tuple(changes), has_reference=False)
    if daily is not None and len(daily.days):
        of_errors = [event for event in events if event.detector in OF_ERRORS]
        last = daily.days[-1].astype("datetime64[D]").item()
        findings = find_performance_drift(reference, daily, snapshot)
        changes += update_from_spans(name, findings, of_errors, last)
    of_inputs = [
        event
        for event in events
        if event.detector not in OF_ERRORS and event.detector is not Detector.STALE_DATA
    ]
    figures = find_input_drift(reference, engine)
    changes += update_from_figures(name, figures, _open(of_inputs), snapshot.facts.origin)
    return DriftJudgement(tuple(changes), has_reference=True)


def _open(events: Sequence[DriftEvent]) -> list[DriftEvent]:
    return [event for event in events if event.closed is None]
