"""Rolling origins: refit before each window, forecast it, compare, and write a report folder.

Everything learnt comes from before a window's origin. Results are written window by window, and
an interrupted run goes on where it stopped: a result is taken up again only if data, recipe,
features, window and the bundle it was compared with are those it was made with.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from artifacts import ArtifactError
from features.build import build_snapshot
from features.contract import FEATURES_VERSION, NAMES
from features.findings import OnReport
from features.reading.layout import STANDARD, TableLayout
from features.snapshot import MAX_HORIZON, Snapshot, load_snapshot
from features.state import MIN_HISTORY_DAYS
from features.tables import read_tables
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine
from training.backtest_result import (
    OURS,
    PREVIOUS,
    RESULT_FILE,
    Document,
    load_document,
    write_document,
)
from training.baselines import BASELINES
from training.calibration import KNOTS, Errors, chronological_blocks, collect, weekly_origins
from training.clock import Clock, Reporter
from training.coverage import interval_scores
from training.fitting_backend import LocalBackend
from training.history import TooLittleHistoryError, first_day
from training.pipeline import CALIBRATION_ORIGINS, bundle_of, fit_model
from training.recipe import Recipe
from training.report import REPORT_FILE, write_report
from training.scores import incoherence, point_scores
from training.windows import TUNING, BacktestWindow, windows_of

EVALUATION_ORIGINS = 20


def backtest(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    short: int = 5,
    long: int = 3,
    threads: int,
    reporter: Reporter,
    previous: Bundle | None = None,
    layout: TableLayout = STANDARD,
    on_report: OnReport = lambda report: None,
) -> Document:
    """Run every window over a folder of tables, and keep all of it in `folder`.

    Args:
        short, long: windows of 16 and of 90 days.
        previous: the model that serves now; scored on the windows that it has not seen.
        layout: how the text of the tables is written.
        on_report: called with what the check of the tables found, unless there is an error.

    Raises:
        DataError: a table is wrong.
        TooLittleHistoryError: there is not enough for the windows.
    """
    clock = Clock(reporter)
    with clock.step("build snapshot"):
        tables = read_tables(data, layout)
        on_report(tables.report)
        artifact = build_snapshot(tables, folder / "snapshots")
        snapshot = load_snapshot(artifact.path)
    run = Backtest(snapshot, recipe, folder, threads=threads, clock=clock, previous=previous)
    return run.run(windows_of(snapshot, short=short, long=long))


class Backtest:
    """One run over a snapshot, kept in a folder."""

    def __init__(
        self,
        snapshot: Snapshot,
        recipe: Recipe,
        folder: Path,
        *,
        threads: int,
        clock: Clock,
        previous: Bundle | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.recipe = recipe
        self.folder = folder
        self._threads = threads
        self._clock = clock
        self._previous = _bound(previous, snapshot)
        self._key = self._key_of(recipe)
        self._engines: dict[tuple[int, str], ForecastEngine] = {}

    def _key_of(self, recipe: Recipe) -> str:
        """What a result depends on, so that a run after a change does not take up the old ones."""
        features = [FEATURES_VERSION, *NAMES]
        return _digest([self.snapshot.name, recipe.model_dump(mode="json"), features])[:12]

    def run(self, chosen: Sequence[BacktestWindow]) -> Document:
        """Score the windows and the intervals, and write the document and its report.

        Raises:
            TooLittleHistoryError: there is not enough for one of the fits; said before the first.
        """
        snapshot = self.snapshot
        self._check_history(chosen)
        windows = [self._window(window) for window in chosen]
        result = {
            "snapshot": snapshot.name,
            "facts": snapshot.facts.model_dump(mode="json"),
            "nodes": {
                level: rows.stop - rows.start for level, rows in snapshot.hierarchy.slices.items()
            },
            "recipe": self.recipe.model_dump(mode="json"),
            "windows": windows,
            "means": means(windows),
            "intervals": self._resumed("intervals", self._intervals),
        }
        document = write_document(self.folder / RESULT_FILE, result)
        with self._clock.step("report"):
            write_report(document, self.folder / REPORT_FILE)
        return document

    def _check_history(self, chosen: Sequence[BacktestWindow]) -> None:
        earlier, _ = self._interval_origins()
        first = min(int(earlier.min()), *(window.origin for window in chosen))
        begin, days = first_day(self.snapshot), self.snapshot.n_days
        if first < begin + MIN_HISTORY_DAYS:
            raise TooLittleHistoryError(
                f"the backtest needs {days + MIN_HISTORY_DAYS - first} days of sales, "
                f"not {days - begin}"
            )

    def _window(self, window: BacktestWindow) -> Document:
        name = window.name(self.snapshot)
        if self._has_not_seen(window):
            assert self._previous is not None
            name = f"{name}-{_digest(self._previous.bundle.name)[:12]}"
        # the same days may have had another role in a run with other windows
        return self._resumed(name, partial(self._score, window)) | {"role": window.role}

    def _resumed(self, name: str, compute: Callable[[], Document]) -> Document:
        path = self.folder / "results" / f"{name}-{self._key}.json"
        return load_document(path) if path.exists() else write_document(path, compute())

    def _engine(self, last_target: int, recipe: Recipe | None = None) -> ForecastEngine:
        """A model of the days up to `last_target`, fitted once and kept as a bundle.

        Args:
            recipe: if not the one that is judged.
        """
        recipe = recipe or self.recipe
        key = (last_target, self._key_of(recipe))
        if key not in self._engines:
            note = self.folder / "fits" / "{}-{}".format(*key)
            if not note.exists():
                fitted = fit_model(
                    self.snapshot,
                    recipe,
                    last_target=last_target,
                    engine=LocalBackend(self._threads),
                    clock=self._clock,
                )
                bundle = bundle_of(fitted, self.snapshot, recipe, self.folder / "bundles")
                note.parent.mkdir(parents=True, exist_ok=True)
                partial_note = note.with_suffix(".partial")  # a killed run leaves no empty one
                partial_note.write_text(bundle.name, encoding="utf-8")
                partial_note.replace(note)
            path = self.folder / "bundles" / note.read_text(encoding="utf-8")
            bundle_loaded = load_bundle(path, threads=self._threads)
            # one at a time: a model takes some 200 MB, and windows of an origin follow each other
            self._engines = {key: ForecastEngine(bundle_loaded, self.snapshot)}
        return self._engines[key]

    def _score(self, window: BacktestWindow) -> Document:
        snapshot, hierarchy = self.snapshot, self.snapshot.hierarchy
        horizons = np.arange(1, window.days + 1)
        history = snapshot.history[:, : window.origin + 1]
        actual = snapshot.targets(slice(None), window.origin + horizons)
        engine = self._engine(window.origin)
        with self._clock.step(f"score {window.name(snapshot)}"):
            forecasts = {
                OURS: engine.forecast(window.origin, horizons, promotion_lead=window.lead).values
            }
            if self._has_not_seen(window):
                assert self._previous is not None
                forecasts[PREVIOUS] = self._previous.forecast(
                    window.origin, horizons, promotion_lead=window.lead
                ).values
            bottoms = history[hierarchy.n_upper :]
            for name, baseline in BASELINES.items():
                forecasts[name] = hierarchy.aggregate(baseline(bottoms, window.days))
        return {
            "group": window.group,
            "role": window.role,
            "origin": snapshot.date_at(window.origin).isoformat(),
            "days": window.days,
            "promotions_known_days": window.lead,
            "fitted_through": engine.bundle.facts.trained_through.isoformat(),
            "incoherence": incoherence(forecasts[OURS], hierarchy),
            "models": {
                name: point_scores(forecast, actual, history, hierarchy, horizons)
                for name, forecast in forecasts.items()
            },
        }

    def _has_not_seen(self, window: BacktestWindow) -> bool:
        if self._previous is None:
            return False
        seen = self._previous.bundle.facts.trained_through
        return self.snapshot.index_of(seen) <= window.origin

    def _interval_origins(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Origins that calibrate, and later ones that judge."""
        later = weekly_origins(self.snapshot.newest_origin - MAX_HORIZON, EVALUATION_ORIGINS)
        return weekly_origins(int(later.min()) - MAX_HORIZON, CALIBRATION_ORIGINS), later

    def _intervals(self) -> Document:
        """Calibrate on weekly origins of models frozen in turn, judge on later ones.

        As in training, light models calibrate; those that are judged have the whole recipe.
        """
        snapshot = self.snapshot
        earlier, later = self._interval_origins()
        calibration = self._errors(earlier, self.recipe.lighter())
        evaluation = self._errors(later, self.recipe)

        def dates(origins: Iterable[np.int64]) -> list[str]:
            return [snapshot.date_at(int(origin)).isoformat() for origin in origins]

        return {
            "calibration_frozen_at": dates(some[0] for some in chronological_blocks(earlier)),
            "evaluation_frozen_at": dates(some[0] for some in chronological_blocks(later)),
            "calibration_origins": dates(earlier),
            "evaluation_origins": dates(later),
            "horizons": KNOTS.tolist(),
            "levels": interval_scores(calibration, evaluation, snapshot.hierarchy),
        }

    def _errors(self, origins: NDArray[np.int64], recipe: Recipe) -> Errors:
        parts = []
        for some in chronological_blocks(origins):
            engine = self._engine(int(some.min()), recipe)
            with self._clock.step("forecast weekly origins"):
                parts.append(collect(engine, some, progress=self._clock.reporter.advance))
        return Errors.joined(parts)


def _bound(previous: Bundle | None, snapshot: Snapshot) -> ForecastEngine | None:
    """The previous model on these data; None where it knows nothing of them."""
    if previous is None:
        return None
    try:
        return ForecastEngine(previous, snapshot)
    except ArtifactError:
        return None


def means(windows: Sequence[Document]) -> Document:
    """Mean RMSLE and WRMSSE of each model over the tuning windows of each group.

    A mean of a figure that does not exist in one of them does not exist either.
    """
    groups: dict[str, dict[str, list[Document]]] = defaultdict(lambda: defaultdict(list))
    for window in windows:
        if window["role"] == TUNING:
            for name, scores in window["models"].items():
                groups[window["group"]][name].append(scores)
    return {
        group: {
            name: {measure: _mean(scores, measure) for measure in ("rmsle", "wrmsse")}
            | {"windows": len(scores)}
            for name, scores in models.items()
        }
        for group, models in groups.items()
    }


def _mean(scores: Sequence[Document], measure: str) -> float | None:
    values = [score[measure] for score in scores]
    return None if None in values else float(np.mean(values))


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
