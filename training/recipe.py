"""How a model is trained: everything that a person would tune, in one place."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Recipe(BaseModel):
    """Training parameters; part of the bundle's manifest.

    Attributes:
        max_rows: of the training matrix; fewer horizons are drawn per origin to stay below.
        origin_step: days between the origins that rows are drawn from.
        years: of origins before the last, at most.
        trees: of the model.
        parameters: of LightGBM, beside those that determinism fixes.
        seed: of every draw.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_rows: int = 2_000_000
    origin_step: int = 5
    years: float = 3.0
    trees: int = 500
    parameters: dict[str, Any] = {
        "objective": "regression",
        "learning_rate": 0.05,
        "num_leaves": 127,
        "min_data_in_leaf": 200,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
    }
    seed: int = 20170730


DEMO = Recipe(
    max_rows=150_000,
    trees=200,
    parameters={**Recipe().parameters, "num_leaves": 31, "min_data_in_leaf": 50},
)
"""For the built-in demo data, which are small: trains in seconds."""
