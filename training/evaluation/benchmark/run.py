"""Runs a benchmark window by window: train on what was known, forecast, score.

The forecasts of a finished window are stored, and a run that was interrupted goes on with the next
one. They are used again only if data, model, recipe and features are unchanged.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from enum import StrEnum
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from errors import InputError
from features.contract import FEATURES_VERSION, feature_set
from features.data.build import build_snapshot
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.tables import Tables
from lifecycle.training_request import Effort
from models.engine import ForecastEngine
from models.serving.release import load_release
from storage.artifacts import Store
from training.engines.fitting_backend import FittingBackend, LocalBackend
from training.evaluation.backtest_result import Document, hash_document, write_document
from training.evaluation.benchmark.plain import PLAIN_RECIPE, forecast_plainly
from training.evaluation.benchmark.task import (
    DECILES,
    HORIZON,
    Panel,
    Scores,
    Values,
    Window,
    means,
    tables_as_of,
)
from training.pipeline import fit_model, make_engine, train_on
from training.progress import Clock, Reporter
from training.recipe import DEFAULT, Recipe, choose_recipe

RESULT_FILE = "benchmark.json"


class Model(StrEnum):
    """Model that is measured.

    Attributes:
        SERVED: a whole training, whose forecasts and deciles are those that would be served.
        POINTS: the same model without the calibration, which takes half of the time: no deciles.
        PLAIN: an untuned LightGBM on few features, to compare with.
    """

    SERVED = "served"
    POINTS = "points"
    PLAIN = "plain"


def run_benchmark(
    tables: Tables,
    folder: Path,
    *,
    model: Model = Model.SERVED,
    recipe: Recipe | None = None,
    effort: Effort = Effort.DEFAULT,
    numbers: Sequence[int] = (),
    threads: int,
    engine: FittingBackend | None = None,
    reporter: Reporter,
) -> Document:
    """Score a model on windows of the task, and write the result into `folder`.

    Args:
        recipe: by default the one that suits the data of a window.
        effort: at which cost the recipe is trained.
        numbers: of the windows; by default all whose days are known.
        threads: of the fits on this machine, and of the forecasts.
        engine: backend that fits, one model after the other; by default this machine. It reads
            the snapshot of a window from `working_store(folder)`.

    Raises:
        InputError: the tables are not the task's, or do not hold a window; or the plain model is
            to be fitted by another backend.
    """
    if model is Model.PLAIN and engine is not None:
        raise InputError("the plain model is fitted on this machine alone: leave out --engine dask")
    panel = Panel.of_tables(tables)
    fitting = engine or LocalBackend(threads)
    run = _Run(tables, panel, folder, model, recipe, effort, threads, fitting, Clock(reporter))
    selected = panel.select(numbers)
    scores: dict[int, Scores] = {}
    ratios: dict[int, float] = {}
    for window in selected:
        point, deciles = run.load_or_forecast(window)
        scores[window.number] = panel.score(window, point, deciles)
        ratios[window.number] = panel.ratio(window, point)
    result = {
        "task": "favorita_stores_1D",
        "model": str(model),
        "recipe": recipe.model_dump(mode="json") if recipe else None,
        "effort": str(effort),
        "series": len(panel.series),
        "windows": {
            str(window.number): {
                "first": window.first.isoformat(),
                **scores[window.number]._asdict(),
                "sum_over_sold": ratios[window.number],
            }
            for window in selected
        },
        "means": means(scores)._asdict(),
    }
    kind = str(model) if effort is Effort.DEFAULT else f"{model}-{effort}"
    return write_document(folder / f"{kind}-{RESULT_FILE}", result)


def working_store(folder: Path) -> Store:
    """Return the store of the window that is computed, in the folder of the results.

    Workers of a cluster read its snapshot, so that the folder is one that they share.
    """
    return Store(folder / "window")


class _Run:
    """One model on the windows, with its forecasts in a folder."""

    def __init__(
        self,
        tables: Tables,
        panel: Panel,
        folder: Path,
        model: Model,
        recipe: Recipe | None,
        effort: Effort,
        threads: int,
        engine: FittingBackend,
        clock: Clock,
    ) -> None:
        self._tables = tables
        self._panel = panel
        self._folder = folder
        self._model = model
        self._recipe = recipe
        self._effort = effort
        self._threads = threads
        self._engine = engine
        self._clock = clock
        self._digest = _digest_of(tables)

    def load_or_forecast(self, window: Window) -> tuple[Values, Values | None]:
        """Return the forecasts and the deciles of a window, made once and stored."""
        path = self._folder / "forecasts" / f"{self._model}-{window.number}-{self._key}.npz"
        if not path.exists():
            point, deciles = self._forecast(window)
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial.npz")  # a killed run leaves no half file
            stored = {"point": point} if deciles is None else {"point": point, "deciles": deciles}
            np.savez_compressed(partial, allow_pickle=False, **stored)
            partial.replace(path)
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["point"], arrays.get("deciles")

    @cached_property
    def _key(self) -> str:
        """Return a digest of what the forecasts depend on."""
        specification = self._tables.specification
        return hash_document(
            [
                self._digest,
                PLAIN_RECIPE if self._model is Model.PLAIN else self._describe_recipe(),
                [FEATURES_VERSION, *feature_set(specification).names],
            ]
        )[:12]

    def _describe_recipe(self) -> list[Any]:
        # tables of the task are large, unless a test makes small ones
        return [(self._recipe or DEFAULT).model_dump(mode="json"), self._effort]

    def _forecast(self, window: Window) -> tuple[Values, Values | None]:
        known = tables_as_of(self._tables, window)
        horizons = np.arange(1, HORIZON + 1)
        store = working_store(self._folder)
        try:
            if self._model is Model.SERVED:
                return self._forecast_as_served(known, store)
            with self._clock.step("build snapshot"):
                snapshot = load_snapshot(build_snapshot(known, store.snapshots).path)
            nodes = self._nodes(snapshot)
            if self._model is Model.PLAIN:
                return forecast_plainly(
                    snapshot, nodes, HORIZON, threads=self._threads, clock=self._clock
                ), None
            recipe = choose_recipe(snapshot, self._recipe, self._effort)
            fitted = fit_model(
                snapshot,
                recipe,
                last_target=snapshot.newest_origin,
                engine=self._engine,
                clock=self._clock,
            )
            engine = make_engine(fitted, snapshot, recipe, threads=self._threads)
            return engine.forecast(snapshot.newest_origin, horizons).values[nodes], None
        finally:
            shutil.rmtree(store.root, ignore_errors=True)

    def _forecast_as_served(self, known: Tables, store: Store) -> tuple[Values, Values]:
        release = train_on(
            known,
            store,
            self._recipe,
            effort=self._effort,
            threads=self._threads,
            engine=self._engine,
            clock=self._clock,
        )
        loaded = load_release(store, release)
        engine, horizons = loaded.engine, np.arange(1, HORIZON + 1)
        nodes = self._nodes(engine.snapshot)
        point = loaded.forecasts.mean[nodes][:, :HORIZON].astype(np.float64)
        deciles = loaded.intervals.quantiles(
            nodes, point, horizons, DECILES.tolist(), sold=_sold(engine)[nodes]
        )
        return point, deciles

    def _nodes(self, snapshot: Snapshot) -> np.ndarray:
        """Return the rows of the task's series in the hierarchy."""
        hierarchy = snapshot.hierarchy
        columns = (hierarchy.bottoms[name] for name in snapshot.specification.series)
        row = {key: number for number, key in enumerate(zip(*columns, strict=True))}
        return hierarchy.n_upper + np.array([row[key] for key in self._panel.series], dtype=np.intp)


def _digest_of(tables: Tables) -> str:
    """Return the SHA-256 of all tables (hexadecimal)."""
    code = hashlib.sha256()
    for table in (tables.train, tables.holidays_events, *tables.others.values()):
        buffer = BytesIO()
        table.write_ipc(buffer)
        code.update(buffer.getbuffer())
    return code.hexdigest()


def _sold(engine: ForecastEngine) -> np.ndarray:
    return engine.snapshot.may_sell(engine.snapshot.newest_origin)
