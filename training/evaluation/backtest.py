"""Rolling origins: refit before each window, forecast it, compare, and write a report folder.

A model learns only from days before a window's origin. Results are written window by window, and
an interrupted run resumes: a stored result is reused only if data, recipe, features, window and the
compared bundle are unchanged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from features.contract import FEATURES_VERSION, feature_set
from features.data.build import build_snapshot
from features.data.findings import OnReport
from features.data.reading.layout import STANDARD, TableLayout
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import read_tables
from features.state import first_origin
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine
from models.reconciliation import incoherence
from storage.artifacts import ArtifactError
from training.engines.fitting_backend import FittingBackend, LocalBackend
from training.evaluation.backtest_result import (
    OURS,
    PREVIOUS,
    RESULT_FILE,
    Document,
    hash_document,
    load_document,
    write_document,
)
from training.evaluation.baselines import BASELINES
from training.evaluation.coverage import interval_scores
from training.evaluation.forecast_errors import (
    Errors,
    chronological_blocks,
    collect,
    knots_of,
    weekly_origins,
)
from training.evaluation.reports.report import REPORT_FILE, write_report
from training.evaluation.response import measure_response
from training.evaluation.scores import point_scores
from training.evaluation.windows import TUNING, BacktestWindow, windows_of
from training.history import CALIBRATION_ORIGINS, TooLittleHistoryError, first_day
from training.pipeline import bundle_model, fit_model
from training.progress import Clock, Reporter
from training.recipe import Recipe, choose_recipe
from training.state_files import StateFiles, state_files

EVALUATION_ORIGINS = 20


def backtest(
    data: Path,
    recipe: Recipe | None,
    folder: Path,
    *,
    short: int = 5,
    long: int = 3,
    threads: int,
    engine: FittingBackend | None = None,
    reporter: Reporter,
    previous: Bundle | None = None,
    layout: TableLayout = STANDARD,
    on_report: OnReport = lambda report: None,
) -> Document:
    """Run every window over a folder of tables, and store all results in `folder`.

    Args:
        recipe: that is evaluated; by default that of the serving model, or without one that fits
            the data one that suits their amount.
        short, long: windows of 16 and of 90 days.
        threads: of the fits on this machine, and of the forecasts.
        engine: backend that fits, one model after the other; by default this machine. It reads
            the snapshot from `snapshots_of(folder)`.
        previous: the serving model; scored on the windows that it has not seen.
        layout: how the text of the tables is written.
        on_report: called with the report of the check of the tables, unless it has an error.

    Raises:
        DataError: a table is wrong.
        TooLittleHistoryError: there is not enough for the windows.
    """
    clock = Clock(reporter)
    with clock.step("build snapshot"):
        tables = read_tables(data, layout)
        on_report(tables.report)
        artifact = build_snapshot(tables, snapshots_of(folder))
        snapshot = load_snapshot(artifact.path)
    recipe = choose_recipe(snapshot, recipe or _recipe_of(previous, snapshot))
    with state_files(snapshots_of(folder)) as states:
        run = Backtest(
            snapshot,
            recipe,
            folder,
            engine=engine or LocalBackend(threads),
            threads=threads,
            clock=clock,
            previous=previous,
            states=states,
        )
        return run.run(windows_of(snapshot, short=short, long=long))


def snapshots_of(folder: Path) -> Path:
    """Return the folder of the snapshots of a backtest's folder."""
    return folder / "snapshots"


class Backtest:
    """One run over a snapshot, with its results in a folder."""

    def __init__(
        self,
        snapshot: Snapshot,
        recipe: Recipe,
        folder: Path,
        *,
        engine: FittingBackend,
        threads: int,
        clock: Clock,
        previous: Bundle | None = None,
        states: StateFiles | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.recipe = recipe
        self.folder = folder
        self._fitting = engine
        self._threads = threads
        self._states = states
        self._clock = clock
        self._previous = _bind_previous(previous, snapshot)
        self._key = self._compute_key(recipe)
        self._engines: dict[tuple[int, str], ForecastEngine] = {}

    def _compute_key(self, recipe: Recipe) -> str:
        """Return a digest of the inputs of a result, so that a change of them invalidates it."""
        features = [FEATURES_VERSION, *feature_set(self.snapshot.specification).names]
        return hash_document([self.snapshot.name, recipe.model_dump(mode="json"), features])[:12]

    def run(self, selected: Sequence[BacktestWindow]) -> Document:
        """Score the windows and the intervals, and write the document and its report.

        Raises:
            TooLittleHistoryError: there is not enough for one of the fits; raised before the first.
        """
        snapshot = self.snapshot
        self._check_history(selected)
        windows = [self._score_window(window) for window in selected]
        response = self._load_or_compute("response", partial(self._measure_response, selected[0]))
        result = {
            "snapshot": snapshot.name,
            "facts": snapshot.facts.model_dump(mode="json"),
            "nodes": {
                level: rows.stop - rows.start for level, rows in snapshot.hierarchy.slices.items()
            },
            "recipe": self.recipe.model_dump(mode="json"),
            "windows": windows,
            "means": means(windows),
            "intervals": self._load_or_compute("intervals", self._score_intervals),
            **response,
        }
        document = write_document(self.folder / RESULT_FILE, result)
        with self._clock.step("report"):
            write_report(document, self.folder / REPORT_FILE)
        return document

    def _check_history(self, selected: Sequence[BacktestWindow]) -> None:
        earlier, _ = self._interval_origins()
        first = min(int(earlier.min()), *(window.origin for window in selected))
        begin, days = first_day(self.snapshot), self.snapshot.n_days
        step, least = self.snapshot.step, first_origin(self.snapshot.step) + 1
        if first < begin + least:
            raise TooLittleHistoryError(
                f"the backtest needs {days + least - first} {step}s of sales, not {days - begin}"
            )

    def _score_window(self, window: BacktestWindow) -> Document:
        name = window.name(self.snapshot)
        if self._has_not_seen(window):
            assert self._previous is not None
            name = f"{name}-{hash_document(self._previous.bundle.name)[:12]}"
        # the stored result may be of a run in which the window had another role
        return self._load_or_compute(name, partial(self._score, window)) | {"role": window.role}

    def _load_or_compute(self, name: str, compute: Callable[[], Document]) -> Document:
        path = self.folder / "results" / f"{name}-{self._key}.json"
        return load_document(path) if path.exists() else write_document(path, compute())

    def _fit_engine(self, last_target: int, recipe: Recipe | None = None) -> ForecastEngine:
        """Return a model of the days up to `last_target`, fitted once and stored as a bundle.

        Args:
            recipe: by default the one that is evaluated.
        """
        recipe = recipe or self.recipe
        key = (last_target, self._compute_key(recipe))
        if key not in self._engines:
            note = self.folder / "fits" / "{}-{}".format(*key)
            if not note.exists():
                fitted = fit_model(
                    self.snapshot,
                    recipe,
                    last_target=last_target,
                    engine=self._fitting,
                    clock=self._clock,
                    states=self._states,
                )
                bundle = bundle_model(fitted, self.snapshot, recipe, self.folder / "bundles")
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
        engine = self._fit_engine(window.origin)
        with self._clock.step(f"score {window.name(snapshot)}"):
            forecasts = {OURS: engine.forecast(window.origin, horizons, lead=window.lead).values}
            if self._has_not_seen(window):
                assert self._previous is not None
                forecasts[PREVIOUS] = self._previous.forecast(
                    window.origin, horizons, lead=window.lead
                ).values
            bottoms = history[hierarchy.n_upper :]
            for name, baseline in BASELINES.items():
                forecasts[name] = hierarchy.aggregate(baseline(bottoms, window.days, snapshot.step))
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

    def _measure_response(self, window: BacktestWindow) -> Document:
        """Measure the response of the model of a window, of which all days count as planned."""
        engine = self._fit_engine(window.origin)
        with self._clock.step("measure response"):
            response = measure_response(
                engine,
                window.origin,
                lead=window.lead,
                progress=self._clock.reporter.advance,
            )
        return {} if response is None else {"response": response}

    def _has_not_seen(self, window: BacktestWindow) -> bool:
        if self._previous is None:
            return False
        seen = self._previous.bundle.facts.trained_through
        return self.snapshot.index_of(seen) <= window.origin

    def _interval_origins(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the origins of the calibration, and the later ones of the evaluation."""
        step, horizon = self.snapshot.step, self.snapshot.horizon
        later = weekly_origins(self.snapshot.newest_origin - horizon, EVALUATION_ORIGINS, step=step)
        last = int(later.min()) - step.week  # as in training
        return weekly_origins(last, CALIBRATION_ORIGINS, step=step), later

    def _score_intervals(self) -> Document:
        """Calibrate intervals on weekly origins of successive frozen models; score on later ones.

        As in training, lighter models calibrate; the evaluated ones have the whole recipe.
        """
        snapshot = self.snapshot
        earlier, later = self._interval_origins()
        calibration = self._collect_errors(earlier, self.recipe.lighter())
        evaluation = self._collect_errors(later, self.recipe)

        def dates(origins: Iterable[np.int64]) -> list[str]:
            return [snapshot.date_at(int(origin)).isoformat() for origin in origins]

        return {
            "calibration_frozen_at": dates(block[0] for block in chronological_blocks(earlier)),
            "evaluation_frozen_at": dates(block[0] for block in chronological_blocks(later)),
            "calibration_origins": dates(earlier),
            "evaluation_origins": dates(later),
            "horizons": knots_of(snapshot.specification).tolist(),
            "levels": interval_scores(calibration, evaluation, snapshot.hierarchy),
        }

    def _collect_errors(self, origins: NDArray[np.int64], recipe: Recipe) -> Errors:
        parts = []
        for block in chronological_blocks(origins):
            engine = self._fit_engine(int(block.min()), recipe)
            with self._clock.step("forecast weekly origins"):
                parts.append(collect(engine, block, progress=self._clock.reporter.advance))
        return Errors.concatenate(parts)


def _recipe_of(previous: Bundle | None, snapshot: Snapshot) -> Recipe | None:
    """Return the recipe of the serving model; None if it is of other data, or of an older form."""
    if previous is None or previous.facts.specification != snapshot.specification:
        return None
    try:
        return Recipe.model_validate(previous.facts.recipe)
    except ValidationError:
        return None


def _bind_previous(previous: Bundle | None, snapshot: Snapshot) -> ForecastEngine | None:
    """Bind the previous model to these data; None if it does not fit them."""
    if previous is None:
        return None
    try:
        return ForecastEngine(previous, snapshot)
    except ArtifactError:
        return None


def means(windows: Sequence[Document]) -> Document:
    """Return mean RMSLE and WRMSSE of each model over the tuning windows of each group.

    A mean is None if the figure does not exist in one of the windows.
    """
    groups: dict[str, dict[str, list[Document]]] = defaultdict(lambda: defaultdict(list))
    for window in windows:
        if window["role"] == TUNING:
            for name, scores in window["models"].items():
                groups[window["group"]][name].append(scores)
    return {
        group: {
            name: {measure: _average(scores, measure) for measure in ("rmsle", "wrmsse")}
            | {"windows": len(scores)}
            for name, scores in models.items()
        }
        for group, models in groups.items()
    }


def _average(scores: Sequence[Document], measure: str) -> float | None:
    values = [score[measure] for score in scores]
    return None if None in values else float(np.mean(values))
