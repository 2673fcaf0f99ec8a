"""Study of reconciliation methods: all methods on the same base forecasts.

The model of the recipe forecasts the bottom series. The upper nodes get a small model of their
own, for this study only: squared error of log1p units less the mean of the last 8 same weekdays,
so that one model fits nodes of all sizes. Methods learn from the errors of an older model of the
same recipe at weekly origins before the first evaluated window, and are scored on windows whose
days no model or method has seen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from errors import InputError
from features.data.build import build_snapshot
from features.data.reading.layout import STANDARD, TableLayout
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.step import Step
from features.data.tables import read_tables
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at
from models.engine import ForecastEngine
from training.engines.fitting_backend import FittingBackend, LocalBackend
from training.evaluation.backtest_result import Document, write_document
from training.evaluation.forecast_errors import weekly_origins
from training.evaluation.reconciliation_methods import METHODS, Reconcile, Values
from training.evaluation.scores import point_scores
from training.evaluation.windows import SHORT_DAYS, TUNING, windows_of
from training.history import TooLittleHistoryError
from training.pipeline import fit_model, make_engine
from training.progress import Clock, Reporter
from training.recipe import Recipe, recipe_for

BASE = "base forecasts (incoherent)"
DEFAULT_METHOD = "bottom-up"
RMSLE_ALLOWED = 0.003
"""Largest accepted increase of the bottoms' RMSLE for a better WRMSSE."""
CALIBRATION_ORIGINS = 20

_HORIZONS = np.arange(1, SHORT_DAYS + 1)
_UPPER_YEARS = 3
_UPPER_STEP = 5
_UPPER_TREES = 300
_UPPER: dict[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Plan:
    """Origins, as indices of the date axis.

    Attributes:
        frozen: last day that the evaluated model has seen.
        calibration: origins whose errors the methods learn from; their model has seen no day
            after the first of them.
        judged: origins of the windows.
    """

    frozen: int
    calibration: NDArray[np.int64]
    judged: tuple[int, ...]

    def __post_init__(self) -> None:
        first = min(self.judged)
        if self.calibration.max() + SHORT_DAYS > first or self.frozen > first:
            raise ValueError("a window is judged that the methods or the model have seen")


def plan_study(snapshot: Snapshot, *, frozen: int | None = None) -> Plan:
    """Return the backtest's tuning windows of 16 days, with a model frozen at the first.

    Raises:
        TooLittleHistoryError: the data begin too late for the origins before.
        InputError: they are weekly.
    """
    if snapshot.step is Step.WEEK:
        raise InputError("the study needs daily sales; these are weekly")
    judged = tuple(
        window.origin
        for window in windows_of(snapshot)
        if window.role == TUNING and window.days == SHORT_DAYS
    )
    first, year = min(judged), Step.DAY.year
    calibration = weekly_origins(first - SHORT_DAYS, CALIBRATION_ORIGINS)
    if calibration.min() < year:
        required_days = snapshot.n_days + year - int(calibration.min())
        raise TooLittleHistoryError(f"the study needs {required_days} days of sales")
    return Plan(first if frozen is None else frozen, calibration, tuple(sorted(judged)))


def reduce_recipe(recipe: Recipe, *, rows: int, trees: int) -> Recipe:
    """Return a cheaper recipe, which suffices because all methods get the same forecasts."""

    def smaller(parameters: dict[str, Any]) -> dict[str, Any]:
        leaves = min(int(parameters.get("num_leaves", 31)), 63)
        return {**parameters, "num_leaves": leaves, "learning_rate": 0.1}

    segments = []
    for segment in recipe.segments:
        members = tuple(
            member.model_copy(
                update={
                    "trees": min(member.trees, trees),
                    "parameters": smaller(member.parameters),
                }
            )
            for member in segment.members
        )
        update = {"members": members, "max_rows": min(segment.max_rows, rows)}
        segments.append(segment.model_copy(update=update))
    return recipe.model_copy(update={"segments": tuple(segments)})


class BaseForecasts:
    """Base forecasts of all nodes, of bottoms and upper nodes by separate models."""

    def __init__(self, engine: ForecastEngine, upper: lgb.Booster) -> None:
        self._engine = engine
        self._upper = upper

    def at(self, origin: int) -> Values:
        """Return base forecasts in units, shape (nodes, 16)."""
        engine = self._engine
        state = state_at(engine.snapshot, origin)
        covariates = known_covariates(engine.snapshot, origin, lead=SHORT_DAYS)
        outputs = engine.bundle.model.predict(engine.rows(state, covariates, _HORIZONS))
        base = engine.base(origin, _HORIZONS, outputs)
        upper = np.arange(engine.snapshot.hierarchy.n_upper)
        rows = engine.builder.matrix(state, covariates, upper, _HORIZONS)
        relative = engine.bundle.contract.relative_columns
        link = np.asarray(self._upper.predict(relative.tree_rows(rows))) + relative.offsets(rows)
        base[upper] = np.expm1(np.maximum(link, 0)).reshape(len(upper), -1)
        base[upper[~state.sold[upper]]] = 0
        return base


def run_study(
    data: Path,
    recipe: Recipe | None,
    out: Path,
    *,
    frozen: date | None = None,
    threads: int,
    reporter: Reporter,
    layout: TableLayout = STANDARD,
) -> Document:
    """Study a folder of tables and write the document.

    Args:
        frozen: last day that the evaluated model sees; by default that before the first window.

    Raises:
        DataError: a table is wrong.
        TooLittleHistoryError: the data begin too late.
    """
    clock = Clock(reporter)
    with tempfile.TemporaryDirectory(prefix="mlrf-study-") as scratch:
        with clock.step("build snapshot"):
            tables = read_tables(data, layout)
            snapshot = load_snapshot(build_snapshot(tables, Path(scratch)).path)
        plan = plan_study(snapshot, frozen=None if frozen is None else snapshot.index_of(frozen))
        document = study(
            snapshot, recipe or recipe_for(snapshot), plan, threads=threads, clock=clock
        )
    return write_document(out, document)


def study(
    snapshot: Snapshot, recipe: Recipe, plan: Plan, *, threads: int, clock: Clock
) -> Document:
    """Score every method on every window of a plan."""
    learnt_from = int(plan.calibration.min())
    older = _fit_base_forecasts(snapshot, recipe, learnt_from, threads=threads, clock=clock)
    newer = (
        older
        if plan.frozen == learnt_from
        else _fit_base_forecasts(snapshot, recipe, plan.frozen, threads=threads, clock=clock)
    )
    with clock.step("residuals"):
        residuals = _compute_residuals(snapshot, older, plan.calibration, clock)
    reconciles: dict[str, Reconcile] = {}
    for name, method in METHODS.items():
        with clock.step(name):
            reconciles[name] = method(snapshot.hierarchy, residuals)
    windows = []
    with clock.step("score windows"):
        for number, origin in enumerate(plan.judged):
            windows.append(_score_window(snapshot, origin, newer.at(origin), reconciles))
            clock.reporter.advance(number + 1, len(plan.judged))
    means = _average_windows(windows)
    return {
        "snapshot": snapshot.name,
        "recipe": recipe.model_dump(mode="json"),
        "frozen_at": snapshot.date_at(plan.frozen).isoformat(),
        "calibration": {
            "frozen_at": snapshot.date_at(learnt_from).isoformat(),
            "origins": [snapshot.date_at(int(day)).isoformat() for day in plan.calibration],
            "residuals": int(residuals.shape[1]),
        },
        "windows": windows,
        "means": means,
        "chosen": choose_method(means),
    }


def choose_method(means: Document) -> str:
    """Return the method of the best WRMSSE whose RMSLE is at most `RMSLE_ALLOWED` worse."""
    least = means[DEFAULT_METHOD]["rmsle"] + RMSLE_ALLOWED + 1e-9
    allowed = [name for name in METHODS if means[name]["rmsle"] <= least]
    return min(allowed, key=lambda name: float(means[name]["wrmsse"]))


def _fit_base_forecasts(
    snapshot: Snapshot, recipe: Recipe, last: int, *, threads: int, clock: Clock
) -> BaseForecasts:
    local: FittingBackend = LocalBackend(threads)
    fitted = fit_model(snapshot, recipe, last_target=last, engine=local, clock=clock)
    engine = make_engine(fitted, snapshot, recipe, threads=threads)
    with clock.step("fit upper nodes"):
        upper = _fit_upper(engine.builder, last, seed=recipe.seed, threads=threads, clock=clock)
    return BaseForecasts(engine, upper)


def _fit_upper(
    builder: MatrixBuilder, last: int, *, seed: int, threads: int, clock: Clock
) -> lgb.Booster:
    """Fit a booster of log1p units less the usual sales of the day, on targets up to `last`."""
    first = max(last - _UPPER_YEARS * Step.DAY.year, Step.DAY.year)
    origins = np.arange(last - 1, first - 1, -_UPPER_STEP)
    parts = []
    for number, origin in enumerate(origins):
        parts.append(_make_upper_rows(builder, int(origin), last))
        clock.reporter.advance(number + 1, len(origins))
    rows = np.concatenate([part for part, _ in parts])
    units = np.concatenate([part for _, part in parts])
    relative = builder.contract.relative_columns
    data = lgb.Dataset(
        relative.tree_rows(rows),
        np.log1p(units),
        init_score=relative.initial_scores(rows),
        feature_name=list(builder.contract.names),
    )
    parameters = {**_UPPER, "seed": seed, "num_threads": threads}
    return lgb.train(parameters, data, num_boost_round=_UPPER_TREES)


def _make_upper_rows(
    builder: MatrixBuilder, origin: int, last: int
) -> tuple[NDArray[np.float32], Values]:
    """Return rows of the upper nodes that have sold, and their targets in units."""
    snapshot = builder.snapshot
    horizons = _HORIZONS[origin + _HORIZONS <= last]
    horizons = horizons[~snapshot.calendar.singular[origin + horizons]]
    state = state_at(snapshot, origin)
    covariates = known_covariates(snapshot, origin, lead=SHORT_DAYS)
    nodes = np.flatnonzero(state.sold[: snapshot.hierarchy.n_upper])
    units = snapshot.targets(nodes, origin + horizons).reshape(-1)
    known = ~np.isnan(units)
    return builder.matrix(state, covariates, nodes, horizons)[known], units[known]


def _compute_residuals(
    snapshot: Snapshot, base: BaseForecasts, origins: NDArray[np.int64], clock: Clock
) -> Values:
    """Return actual less base forecast, shape (nodes, days that are known for all nodes)."""
    parts = []
    for number, origin in enumerate(origins.tolist()):
        parts.append(snapshot.targets(slice(None), origin + _HORIZONS) - base.at(origin))
        clock.reporter.advance(number + 1, len(origins))
    residuals = np.concatenate(parts, axis=1)
    return residuals[:, ~np.isnan(residuals).any(axis=0)]


def _score_window(
    snapshot: Snapshot, origin: int, base: Values, reconciles: dict[str, Reconcile]
) -> Document:
    hierarchy = snapshot.hierarchy
    history = snapshot.history[:, : origin + 1]
    actual = snapshot.targets(slice(None), origin + _HORIZONS)

    def scores(forecast: Values, clipped: int) -> Document:
        result = point_scores(forecast, actual, history, hierarchy, _HORIZONS)
        levels = result["levels"]
        return {
            "rmsle": result["rmsle"],
            "wrmsse": result["wrmsse"],
            "rmsse": {level: levels[level]["rmsse"] for level in levels},
            "bias": {level: levels[level]["bias"] for level in levels},
            "clipped": clipped / (hierarchy.n_bottom * len(_HORIZONS)),
        }

    methods = {BASE: scores(base, 0)}
    for name, reconcile in reconciles.items():
        coherent = reconcile(base)
        methods[name] = scores(coherent.values, coherent.clipped)
    return {"origin": snapshot.date_at(origin).isoformat(), "methods": methods}


def _average_windows(windows: Sequence[Document]) -> Document:
    """Return the mean scores of each method over the windows."""

    def mean(values: Sequence[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: mean([value[key] for value in values]) for key in values[0]}
        return float(np.mean(values))

    return {
        name: mean([window["methods"][name] for window in windows])
        for name in windows[0]["methods"]
    }
