"""Serving computes bit for bit the same rows as training."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.specification import FAVORITA
from features.matrix import known_covariates
from features.state import state_at
from models.engine import ForecastEngine
from training.recipe import Recipe
from training.sampling import training_rows

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("segment", [0, 1], ids=["near", "far"])
def test_serving_rows_are_training_rows(
    engine: ForecastEngine, recipe: Recipe, segment: int
) -> None:
    """Serving produces every training row, given the same lead of known promotions.

    Training draws the number of days ahead that promotions are known, so serving is tried with
    every possible number.
    """
    newest = engine.snapshot.newest_origin
    trained = training_rows(engine.builder, recipe, last_target=newest)[segment]
    for origin in np.unique(trained.origin[trained.origin <= newest - FAVORITA.horizon])[::40]:
        state = state_at(engine.snapshot, int(origin))
        served = {
            row.tobytes()
            for lead in range(FAVORITA.horizon + 1)
            for row in engine.rows(
                state,
                known_covariates(engine.snapshot, int(origin), lead=lead),
                np.arange(1, FAVORITA.horizon + 1),
            )
        }
        rows = trained.rows[trained.origin == origin]
        assert len(rows) > 20
        assert all(row.tobytes() in served for row in rows)
