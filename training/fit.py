"""Fits LightGBM on training rows."""

from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np

from features.contract import NAMES
from training.recipe import Recipe
from training.rows import Progress, TrainingSet

_DETERMINISM = {
    "deterministic": True,
    "force_row_wise": True,  # the automatic choice depends on a timing
    "verbosity": -1,
}


def fit(
    rows: TrainingSet,
    recipe: Recipe,
    *,
    threads: int,
    progress: Progress = lambda done, total: None,
) -> lgb.Booster:
    """Fit one model of ``log1p(units)`` with squared error, that is, of RMSLE.

    The same rows, recipe, machine type and number of threads give the same booster.
    """
    parameters: dict[str, Any] = {
        **recipe.parameters,
        **_DETERMINISM,
        "seed": recipe.seed,
        "num_threads": threads,
    }
    data = lgb.Dataset(rows.rows, label=np.log1p(rows.units), feature_name=list(NAMES))

    def report(step: lgb.callback.CallbackEnv) -> None:
        progress(step.iteration + 1, recipe.trees)

    return lgb.train(parameters, data, num_boost_round=recipe.trees, callbacks=[report])
