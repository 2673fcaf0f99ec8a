"""How a model is trained: everything that a person would tune, in one place."""

from __future__ import annotations

import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from features.snapshot import MAX_HORIZON


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Frozen):
    """One booster.

    Attributes:
        name: that blends weigh it by.
        target: `log` is squared error of log1p(units), the error that RMSLE counts; `mean` is
            Tweedie deviance of units + 1, whose score is the log of an expected value. Both
            scores are log1p units, and can be added.
        volume_power: a row weighs as much as the mean units over the 28 days before its origin,
            plus one, to this power. 0 weighs all alike, as RMSLE does; more serves the sums that
            WRMSSE looks at.
        trees: to grow.
        parameters: of LightGBM, beside those that determinism fixes.
    """

    name: str
    target: Literal["log", "mean"] = "log"
    volume_power: float = 0.0
    trees: int
    parameters: dict[str, Any]


class Segment(_Frozen):
    """What forecasts the horizons up to `last_horizon`, beyond those of the segment before.

    Attributes:
        last_horizon: days after the origin; of its training rows too, which begin at 1.
        years: of origins before the last, at most.
        origin_step: days between the origins that rows are drawn from.
        max_rows: of the training matrix; fewer horizons are drawn per origin to stay below.
        members: boosters that are fitted on its rows.
        blend: weights, which add up to 1, of members by name: its own, and those of other
            segments.
    """

    last_horizon: int
    years: float
    origin_step: int
    max_rows: int
    members: tuple[Member, ...]
    blend: dict[str, float]


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
    def _segments_fit_together(self) -> Self:
        lasts = [segment.last_horizon for segment in self.segments]
        if not lasts or sorted(set(lasts)) != lasts or lasts[-1] != MAX_HORIZON:
            raise ValueError(f"segments must follow each other and end at {MAX_HORIZON}")
        names = [member.name for segment in self.segments for member in segment.members]
        if len(names) != len(set(names)):
            raise ValueError("two members have the same name")
        for segment in self.segments:
            if strangers := segment.blend.keys() - set(names):
                raise ValueError(f"a blend names {', '.join(sorted(strangers))}, not a member")
            if not math.isclose(sum(segment.blend.values()), 1):
                raise ValueError("the weights of a blend must add up to 1")
        return self

    def lighter(self) -> Recipe:
        """The recipe at about a third of the cost: fewer rows, and fewer trees that learn faster.

        For models that are fitted only to see how far off such models are.
        """
        return self.model_copy(
            update={"segments": tuple(_lighter(segment) for segment in self.segments)}
        )


_LIGHTER = 0.6


def _lighter(segment: Segment) -> Segment:
    members = tuple(
        member.model_copy(
            update={
                "trees": math.ceil(member.trees * _LIGHTER),
                "parameters": {
                    **member.parameters,
                    "learning_rate": member.parameters["learning_rate"] / _LIGHTER,
                },
            }
        )
        for member in segment.members
    )
    rows = math.ceil(segment.max_rows * _LIGHTER)
    return segment.model_copy(update={"max_rows": rows, "members": members})


def _two_segments(
    *, near_rows: int, far_rows: int, trees: int, step: int, groups: int, parameters: dict[str, Any]
) -> Recipe:
    """Near and far, each a blend of three views: rows near the origin with all series alike, the
    same rows with the large series first, and rows of all horizons. Each view serves both
    segments, because views that err differently are better together (docs/experiments.md)."""
    return Recipe(
        segments=(
            Segment(
                last_horizon=16,
                years=3.0,
                origin_step=step,
                max_rows=near_rows,
                members=(
                    Member(name="near", trees=trees, parameters=parameters),
                    Member(name="volume", volume_power=0.6, trees=trees, parameters=parameters),
                ),
                blend={"near": 0.3, "volume": 0.4, "far": 0.3},
            ),
            Segment(
                last_horizon=MAX_HORIZON,
                years=3.0,
                origin_step=step,
                max_rows=far_rows,
                members=(Member(name="far", trees=trees, parameters=parameters),),
                blend={"far": 0.8, "volume": 0.2},
            ),
        ),
        groups=groups,
    )


_TREES: dict[str, Any] = {
    "learning_rate": 0.08,
    "num_leaves": 127,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}
DEFAULT = _two_segments(
    near_rows=1_500_000, far_rows=2_950_000, trees=300, step=4, groups=16, parameters=_TREES
)
DEMO = _two_segments(
    near_rows=60_000,
    far_rows=90_000,
    trees=100,
    step=7,
    groups=4,
    parameters={**_TREES, "num_leaves": 31, "min_data_in_leaf": 50},
)
"""For the built-in demo data, which are small: trains in seconds."""
