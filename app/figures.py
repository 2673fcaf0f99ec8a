"""Metrics of what is served: the release and its figures, its live accuracy, and jobs.

They are the same for all workers of a store and a database, and change a few times a day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

import anyio.to_thread
import structlog
from sqlalchemy import Engine

from lifecycle.job_ends import newest_ends
from lifecycle.monitoring.live_accuracy import (
    ALL_DAYS,
    LiveAccuracy,
    LiveFigures,
    read_live_accuracy,
)
from models.serving.release import LoadedRelease
from models.serving.watcher import ReleaseWatcher
from storage.artifacts import Store
from storage.database import reading
from storage.drift_events import EventFilter, Severity, list_events
from storage.errors import StorageError
from storage.performance import newest_scored
from telemetry import metrics

FIGURES_SECONDS = 15.0
"""Interval at which the figures of jobs, drift and live accuracy are looked at."""

LIVE_DAYS = 28
"""Days of the calendar that the live figures cover."""

Cells = Mapping[tuple[str, str], Mapping[str, float | None]]
"""Figures by level and name of the days ahead, then by measure."""

_MOST_EVENTS = 1000
_MEASURES = ("rmsle", "wape", "bias", "coverage_80", "coverage_95")

_log = structlog.get_logger(__name__)


def show_release(release: LoadedRelease) -> None:
    """Set the metrics of a release that a worker serves from now on."""
    engine = release.engine
    snapshot = engine.snapshot
    metrics.set_active_release(engine.bundle.name, snapshot.name, snapshot.facts.origin)
    metrics.UNSEEN_SERIES.set(float(engine.unseen_series.sum()))
    for covariate, share in engine.missing_covariates().items():
        metrics.MISSING_COVARIATES.set(share, covariate)
    for (level, measure), value in backtest_figures(engine.bundle.metrics).items():
        metrics.MODEL_BACKTEST.set(value, level, measure)


def cells_of(recorded: Mapping[str, Any]) -> Cells:
    """Return the figures that a bundle has recorded, by level and days ahead."""
    quality = recorded.get("quality", {}).get("levels", {})
    return {
        (level, days): {**cell, **quality.get(level, {}).get(days, {})}
        for level, buckets in recorded["calibration"]["levels"].items()
        for days, cell in buckets.items()
    }


def backtest_figures(recorded: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the figures that a bundle has recorded by level and measure.

    They are means over the days ahead; WRMSSE is recorded as one.
    """
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (level, _), cell in cells_of(recorded).items():
        for measure in _MEASURES:
            if (value := cell.get(measure)) is not None:
                values[level, measure].append(value)
    for level, by_rule in recorded.get("quality", {}).get("wrmsse", {}).items():
        if by_rule.get("model") is not None:
            values[level, "wrmsse"].append(by_rule["model"])
    return {key: fmean(each) for key, each in values.items()}


class FigureReporter:
    """Reporter of the figures that other processes write: into the store, and the database.

    Args:
        watcher: has the release whose figures they are.
    """

    def __init__(
        self, watcher: ReleaseWatcher[LoadedRelease], store: Store, database: Engine
    ) -> None:
        self._watcher = watcher
        self._store = store
        self._database = database
        self._measured: tuple[str, date] | None = None
        self._last_warning = ""

    async def observe(self) -> None:
        """Set the metrics; log a failure of the database once."""
        try:
            await anyio.to_thread.run_sync(self._observe, abandon_on_cancel=True)
        except StorageError as error:
            if str(error) != self._last_warning:
                _log.warning("figures_not_read", reason=str(error))
            self._last_warning = str(error)
        else:
            self._last_warning = ""

    def _observe(self) -> None:
        for end in newest_ends(self._store):
            metrics.JOB_LAST.set(end.at.timestamp(), end.kind, end.outcome)
            metrics.JOB_LAST_SECONDS.set(end.seconds, end.kind, end.outcome)
        release = self._watcher.serving
        if release is None:
            return
        bundle = release.engine.bundle.name
        with reading(self._database) as connection:
            wanted = EventFilter(bundle=bundle, is_open=True)
            events = list_events(connection, wanted, limit=_MOST_EVENTS)
            newest = newest_scored(connection, bundle)
        for severity in Severity:
            number = sum(event.severity is severity for event in events)
            metrics.DRIFT_EVENTS.set(number, severity)
        if newest is not None and (bundle, newest) != self._measured:
            live = read_live_accuracy(self._database, bundle, LIVE_DAYS)
            self._show_accuracy(live, cells_of(release.engine.bundle.metrics))
            self._measured = bundle, newest

    def _show_accuracy(self, live: LiveAccuracy, recorded: Cells) -> None:
        of_all = [each for each in live.figures if each.days_ahead == ALL_DAYS]
        for figures in of_all:
            by_measure = {
                "wape": figures.wape.value,
                "bias": figures.bias.value,
                "rmsle": figures.rmsle,
                "naive_wape": figures.naive_wape,
                **{f"coverage_{share}": each.value for share, each in figures.coverage.items()},
            }
            for measure, value in by_measure.items():
                if value is not None:
                    metrics.LIVE_ACCURACY.set(value, figures.level, measure)
        for (level, measure), value in expected_figures(live.figures, recorded).items():
            metrics.LIVE_EXPECTED.set(value, level, measure)
        metrics.LIVE_ACCURACY_DAYS.set(max((each.days for each in of_all), default=0))


def expected_figures(live: Sequence[LiveFigures], recorded: Cells) -> dict[tuple[str, str], float]:
    """Return what a bundle's own figures say for the days ahead that were served.

    A bundle that has served for a week is judged by forecasts of up to seven days only, which err
    less than those of its backtest, so each bucket counts as much as it was served.
    """
    weights: dict[tuple[str, str], float] = defaultdict(float)
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for figures in live:
        cell = recorded.get((figures.level, figures.days_ahead), {})
        for measure in ("wape", "bias", "coverage_80", "coverage_95"):
            value = cell.get(measure)
            if value is not None:
                weight = figures.values if measure.startswith("coverage") else figures.sold
                weights[figures.level, measure] += weight
                sums[figures.level, measure] += weight * value
    return {key: sums[key] / weight for key, weight in weights.items() if weight}
