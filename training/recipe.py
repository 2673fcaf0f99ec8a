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
        volume_power: a row weighs as much as the mean units over the 28 days before its origin,
            plus one, to this power. 0 weighs all alike, as RMSLE does; more serves the sums that
            WRMSSE looks at.
        trees: to grow.
        parameters: of LightGBM, beside those that determinism fixes.
    """

    target: Literal["log", "mean"]
    weight: float
    volume_power: float = 0.0
    trees: int
    parameters: dict[str, Any]


class Segment(_Frozen):
    """A blend that forecasts the horizons up to `last_horizon`, beyond those of the one before.

    Attributes:
        last_horizon: days after the origin.
        learn_from: first horizon of its training rows; earlier than its first forecast where
            nearer rows help.
        years: of origins before the last, at most.
        origin_step: days between the origins that rows are drawn from.
        recent_days, recent_step: denser origins in the last days.
        max_rows: of the training matrix; fewer horizons are drawn per origin to stay below.
        members: of the blend.
    """

    last_horizon: int
    learn_from: int = 1
    years: float
    origin_step: int
    recent_days: int = 0
    recent_step: int = 1
    max_rows: int
    members: tuple[Member, ...]


class Recipe(_Frozen):
    """Training parameters; part of the bundle's manifest.

    Attributes:
        segments: by horizon, the nearest first; the last reaches `MAX_HORIZON`.
        groups: that the series are split into at each origin, each with horizons of its own, so
            that many forecast days are seen from every origin.
        seed: of every draw.
    """

    segments: tuple[Segment, ...]
    groups: int = 16
    seed: int = 20170730

    @model_validator(mode="after")
    def _covers_every_horizon(self) -> Self:
        lasts = [segment.last_horizon for segment in self.segments]
        if not lasts or sorted(set(lasts)) != lasts or lasts[-1] != MAX_HORIZON:
            raise ValueError(f"segments must follow each other and end at {MAX_HORIZON}")
        return self


_TREES: dict[str, Any] = {
    "learning_rate": 0.06,
    "num_leaves": 127,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}


def _even_and_volume(trees: int, parameters: dict[str, Any]) -> tuple[Member, ...]:
    """Two views of log1p units at equal weight: all series alike, and the large ones first."""
    return (
        Member(target="log", weight=0.5, trees=trees, parameters=parameters),
        Member(target="log", weight=0.5, volume_power=0.6, trees=trees, parameters=parameters),
    )


DEFAULT = Recipe(
    segments=(
        Segment(
            last_horizon=16,
            years=3.5,
            origin_step=5,
            recent_days=546,
            recent_step=4,
            max_rows=1_500_000,
            members=_even_and_volume(450, _TREES),
        ),
        Segment(
            last_horizon=MAX_HORIZON,
            learn_from=10,
            years=3.5,
            origin_step=5,
            max_rows=1_300_000,
            members=_even_and_volume(400, _TREES),
        ),
    )
)

DEMO = Recipe(
    segments=tuple(
        segment.model_copy(
            update={
                "recent_days": 0,
                "max_rows": 80_000,
                "members": _even_and_volume(
                    100, {**_TREES, "num_leaves": 31, "min_data_in_leaf": 50}
                ),
            }
        )
        for segment in DEFAULT.segments
    ),
    groups=4,
)
"""For the built-in demo data, which are small: trains in seconds."""
