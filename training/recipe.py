"""How a model is trained: everything that a person would tune, in one place."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from features.snapshot import MAX_HORIZON


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Frozen):
    """One booster of a blend.

    Attributes:
        target: `log` is squared error of log1p(units), the error that RMSLE counts; `mean` is
            Tweedie deviance of units + 1, whose score is the log of an expected value, so that
            sums come out right. Both scores are log1p units, and can be added.
        weight: of its score in the blend.
        trees: to grow.
        parameters: of LightGBM, beside those that determinism fixes.
    """

    target: Literal["log", "mean"]
    weight: float
    trees: int
    parameters: dict[str, Any]


class Segment(_Frozen):
    """A blend that forecasts the horizons up to `last_horizon`, beyond those of the one before.

    Attributes:
        last_horizon: days after the origin.
        years: of origins before the last, at most.
        origin_step: days between the origins that rows are drawn from.
        max_rows: of the training matrix; fewer horizons are drawn per origin to stay below.
        members: of the blend.
    """

    last_horizon: int
    years: float
    origin_step: int
    max_rows: int
    members: tuple[Member, ...]


class Recipe(_Frozen):
    """Training parameters; part of the bundle's manifest.

    Attributes:
        segments: by horizon, the nearest first; the last reaches `MAX_HORIZON`.
        seed: of every draw.
    """

    segments: tuple[Segment, ...]
    seed: int = 20170730

    @model_validator(mode="after")
    def _covers_every_horizon(self) -> Self:
        lasts = [segment.last_horizon for segment in self.segments]
        if not lasts or sorted(set(lasts)) != lasts or lasts[-1] != MAX_HORIZON:
            raise ValueError(f"segments must follow each other and end at {MAX_HORIZON}")
        return self

    def horizons(self, segment: Segment) -> tuple[int, int]:
        """First and last horizon of one of the segments."""
        before = [
            other.last_horizon
            for other in self.segments
            if other.last_horizon < segment.last_horizon
        ]
        return max(before, default=0) + 1, segment.last_horizon


_TREES = {
    "learning_rate": 0.05,
    "num_leaves": 127,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}

DEFAULT = Recipe(
    segments=(
        Segment(
            last_horizon=MAX_HORIZON,
            years=3.0,
            origin_step=5,
            max_rows=2_000_000,
            members=(Member(target="log", weight=1.0, trees=500, parameters=_TREES),),
        ),
    )
)

DEMO = Recipe(
    segments=(
        Segment(
            last_horizon=MAX_HORIZON,
            years=3.0,
            origin_step=5,
            max_rows=150_000,
            members=(
                Member(
                    target="log",
                    weight=1.0,
                    trees=200,
                    parameters={**_TREES, "num_leaves": 31, "min_data_in_leaf": 50},
                ),
            ),
        ),
    )
)
"""For the built-in demo data, which are small: trains in seconds."""
