"""The plain rival: one untuned LightGBM on few features, which every recipe must beat.

It reads past levels, the weekday, the calendar and the promotions as they are, knows nothing of the
past effects of holidays and days, and forecasts log1p units directly for all 28 days.
"""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features import attributes, calendar, covariates, history, seasons, weekday
from features.contract import HORIZON, contract_of
from features.data.snapshot import Snapshot
from features.matrix import MatrixBuilder, known_covariates
from features.state import state_at
from training.progress import Clock
from training.recipe import Recipe, Segment
from training.sampling import training_rows

_TREES = 700
_PARAMETERS = {
    "objective": "regression",
    "num_leaves": 191,
    "learning_rate": 0.05,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
}
_ROWS = 1_000_000
_YEARS = 3.5
PLAIN_RECIPE = {"trees": _TREES, "rows": _ROWS, "years": _YEARS, **_PARAMETERS}
"""What is fitted, by name."""


def forecast_plainly(
    snapshot: Snapshot, nodes: NDArray[np.intp], days: int, *, threads: int, clock: Clock
) -> NDArray[np.float64]:
    """Fit on all days of a snapshot and forecast nodes, shape (nodes, days), in units."""
    origin, specification = snapshot.newest_origin, snapshot.specification
    contract = contract_of(snapshot, through=origin)
    builder = MatrixBuilder(snapshot, contract)
    segment = Segment(
        last_horizon=days, years=_YEARS, origin_step=4, max_rows=_ROWS, members=(), blend={}
    )
    recipe = Recipe.model_construct(segments=(segment,))
    read = {
        HORIZON,
        *(
            feature.name
            for features in (
                attributes.features_of(specification),
                history.FEATURES,
                weekday.FEATURES,
                seasons.FEATURES,
                covariates.features_of(specification),
                calendar.FEATURES,
            )
            for feature in features
        ),
    }
    columns = [column for column, name in enumerate(contract.names) if name in read]
    with clock.step("make rows"):
        [rows] = training_rows(
            builder,
            recipe,
            last_target=origin,
            threads=threads,
            progress=clock.reporter.advance,
        )
    with clock.step("fit"):
        data = lgb.Dataset(rows.rows[:, columns], np.log1p(rows.units), params=_PARAMETERS)
        booster = lgb.train(
            _PARAMETERS | {"num_threads": threads},
            data,
            _TREES,
            callbacks=[lambda step: clock.reporter.advance(step.iteration + 1, _TREES)],
        )
    ahead = builder.matrix(
        state_at(snapshot, origin),
        known_covariates(snapshot, origin, lead=days),
        nodes,
        np.arange(1, days + 1),
    )
    score = np.asarray(booster.predict(ahead[:, columns]))
    units: NDArray[np.float64] = np.expm1(np.maximum(score, 0)).reshape(len(nodes), days)
    return units
