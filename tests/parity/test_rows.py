"""Serving makes, bit for bit, the rows that training made."""

from __future__ import annotations

import numpy as np

from features.matrix import known_covariates
from features.snapshot import MAX_HORIZON
from features.state import state_at
from models.engine import ForecastEngine
from training.recipe import Recipe
from training.rows import training_rows


def test_serving_rows_are_training_rows(engine: ForecastEngine, recipe: Recipe) -> None:
    """Every training row of an origin is found, byte for byte, among the rows that serving makes
    for it under the same knowledge of promotions."""
    trained = training_rows(engine.builder, recipe, last_target=engine.snapshot.newest_origin)
    compared = 0
    for origin in np.unique(trained.origin)[::25]:
        state = state_at(engine.snapshot, int(origin))
        served = (
            {
                row.tobytes()
                for lead in range(MAX_HORIZON + 1)
                for row in engine.rows(
                    state,
                    known_covariates(engine.snapshot, int(origin), promotion_lead=lead),
                    np.arange(1, min(MAX_HORIZON, engine.snapshot.newest_origin - origin) + 1),
                )
            }
            if origin + MAX_HORIZON <= engine.snapshot.newest_origin
            else set()
        )
        for row in trained.rows[trained.origin == origin] if served else ():
            assert row.tobytes() in served
            compared += 1
    assert compared > 100
