"""Training recipe: all tunable parameters, in one place."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from features.data.snapshot import Snapshot
from features.data.specification import Expect
from features.data.step import Step
from lifecycle.training_request import Effort

Target = Literal["log", "median", "mean"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Frozen):
    """One booster.

    Attributes:
        name: by which blends refer to it.
        target: `log` is squared error of log1p(units), the error of RMSLE; `median` is absolute
            error of log1p(units), whose score is that of a median in any unit; `mean` is Tweedie
            deviance of units + 1, whose score is the log of an expected value. All scores are
            log1p units, and can be added.
        volume_power: exponent of a row's weight, whose base is the mean units over the 28 days
            before its origin, plus one. 0 gives equal weights, as RMSLE does; higher values favour
            the large sums of WRMSSE.
        trees: number of trees.
        parameters: of LightGBM, besides those that determinism fixes.
    """

    name: str
    target: Target = "log"
    volume_power: float = 0.0
    trees: int
    parameters: dict[str, Any]


class Segment(_Frozen):
    """Model of the horizons up to `last_horizon`, after those of the previous segment.

    Attributes:
        last_horizon: days after the origin; its training rows have horizons from 1 to this.
        years: span of the origins, at most.
        origin_step: days between the origins from which rows are drawn.
        max_rows: limit of the training matrix; the horizons of each series per origin are reduced
            to meet it, and from one horizon on, the series per origin.
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
        segments: by horizon, the nearest first; the last reaches the horizon of the data.
        groups: number of random groups of series at each origin, each with horizons of its own,
            so that every origin contributes many horizons.
        relative: whether trees forecast the difference from the usual sales of the day, and read
            levels relative to them (`features.relative`). With few series, far days are forecast
            better from absolute levels, which tell the series apart.
        seed: of every random draw.
    """

    segments: tuple[Segment, ...]
    groups: int = 16
    relative: bool = False
    seed: int = 20170730

    @model_validator(mode="after")
    def _segments_fit_together(self) -> Self:
        lasts = [segment.last_horizon for segment in self.segments]
        if not lasts or sorted(set(lasts)) != lasts:
            raise ValueError("segments must follow each other")
        names = [member.name for segment in self.segments for member in segment.members]
        if len(names) != len(set(names)):
            raise ValueError("two members have the same name")
        for segment in self.segments:
            if strangers := segment.blend.keys() - set(names):
                raise ValueError(f"a blend names {', '.join(sorted(strangers))}, not a member")
            if not math.isclose(sum(segment.blend.values()), 1):
                raise ValueError("the weights of a blend must add up to 1")
        return self

    @property
    def horizon(self) -> int:
        """Days after the origin that it forecasts."""
        return self.segments[-1].last_horizon

    @property
    def expect(self) -> Expect:
        """Mean if all members aim at means, else median, as the mean of a logarithm nearly is."""
        targets = {member.target for segment in self.segments for member in segment.members}
        return Expect.MEAN if targets == {"mean"} else Expect.MEDIAN

    def of_target(self, target: Target) -> Recipe:
        """Return a recipe whose members all have this target."""
        segments = tuple(
            segment.model_copy(
                update={
                    "members": tuple(
                        member.model_copy(update={"target": target}) for member in segment.members
                    )
                }
            )
            for segment in self.segments
        )
        return self.model_copy(update={"segments": segments})

    def reaching(self, step: Step, horizon: int) -> Recipe:
        """Return the recipe of daily data and 90 days for another step or horizon.

        Segments that would reach the whole horizon become one, which fits the members of all.
        """
        if step is Step.DAY and horizon == self.horizon:
            return self
        lasts = [max(step.steps_in(segment.last_horizon), 1) for segment in self.segments[:-1]]
        near = sum(last < horizon for last in lasts)
        joined = self.segments[near:]
        last = joined[-1].model_copy(
            update={
                "members": tuple(member for segment in joined for member in segment.members),
                "blend": joined[0].blend,
            }
        )
        segments = zip((*self.segments[:near], last), (*lasts[:near], horizon), strict=True)
        return self.model_copy(
            update={"segments": tuple(_reach(segment, step, last) for segment, last in segments)}
        )

    def with_effort(self, effort: Effort) -> Recipe:
        """Return the recipe at a lower or higher cost."""
        of_effort = {Effort.FAST: self.lighter, Effort.BEST: self.heavier}
        return of_effort[effort]() if effort in of_effort else self

    def heavier(self) -> Recipe:
        """Return a recipe at about four times the cost: twice the rows, two fits of each booster.

        The mean of two fits with other draws of rows and features varies less than one.
        """
        return self.model_copy(
            update={"segments": tuple(_add_twins(segment) for segment in self.segments)}
        )

    def lighter(self) -> Recipe:
        """Return a recipe at about a third of the cost: fewer rows, fewer trees, faster learning.

        Also for frozen models, which are fitted only for their errors.
        """
        return self.model_copy(
            update={"segments": tuple(_lighten(segment) for segment in self.segments)}
        )


def _reach(segment: Segment, step: Step, last_horizon: int) -> Segment:
    origin_step = max(step.steps_in(segment.origin_step), 1)
    return segment.model_copy(update={"last_horizon": last_horizon, "origin_step": origin_step})


def _add_twins(segment: Segment) -> Segment:
    twins = tuple(
        member.model_copy(
            update={
                "name": _name_twin(member.name),
                # draws of their own; the seed of the recipe is the same for all members
                "parameters": {**member.parameters, "bagging_seed": 2, "feature_fraction_seed": 2},
            }
        )
        for member in segment.members
    )
    blend = {
        name: weight / 2
        for single, weight in segment.blend.items()
        for name in (single, _name_twin(single))
    }
    members = (*segment.members, *twins)
    return segment.model_copy(
        update={"max_rows": 2 * segment.max_rows, "members": members, "blend": blend}
    )


def _name_twin(name: str) -> str:
    return f"{name}_2"


_LIGHTER = 0.6
_DAYS = Step.DAY.default_horizon


def _lighten(segment: Segment) -> Segment:
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


def _make_log_recipe(
    *,
    near_rows: int,
    far_rows: int,
    trees: int,
    step: int,
    groups: int,
    parameters: dict[str, Any],
) -> Recipe:
    """Return the recipe of small data: three members that minimise the squared error of logs.

    The members are fitted on near rows with equal weights, on near rows weighted by volume, and on
    rows of all horizons. Segments share members because a blend of models with different errors is
    more accurate (docs/explanation/experiments.md).
    """
    member = partial(Member, trees=trees, parameters=parameters)
    return Recipe(
        segments=(
            Segment(
                last_horizon=16,
                years=3.0,
                origin_step=step,
                max_rows=near_rows,
                members=(
                    member(name="near"),
                    member(name="volume", volume_power=0.6),
                ),
                blend={"near": 0.3, "volume": 0.4, "far": 0.3},
            ),
            Segment(
                last_horizon=_DAYS,
                years=3.0,
                origin_step=step,
                max_rows=far_rows,
                members=(member(name="far"),),
                blend={"far": 0.8, "volume": 0.2},
            ),
        ),
        groups=groups,
    )


_TREES: dict[str, Any] = {
    "learning_rate": 0.08,
    "num_leaves": 127,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.9,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
}
_LARGE_TREES = _TREES | {
    "max_bin": 127,
    "enable_bundle": False,
    "use_quantized_grad": True,
    "num_grad_quant_bins": 16,
    "quant_train_renew_leaf": True,
}
"""At three quarters of the cost of `_TREES` on millions of rows, with errors as small: histograms
of half the bins and of integers, and no search for columns that could share one."""
_median = partial(Member, target="median", trees=250, parameters=_LARGE_TREES)
DEFAULT = Recipe(
    segments=(
        Segment(
            last_horizon=28,
            years=3.0,
            origin_step=4,
            max_rows=1_000_000,
            members=(_median(name="near"), _median(name="volume", volume_power=0.6)),
            blend={"near": 0.5, "volume": 0.2, "far": 0.1, "log": 0.2},
        ),
        Segment(
            last_horizon=_DAYS,
            years=3.0,
            origin_step=4,
            max_rows=1_500_000,
            members=(
                _median(name="far"),
                Member(name="log", trees=250, parameters=_LARGE_TREES),
            ),
            blend={"far": 0.7, "log": 0.3},
        ),
    ),
    relative=True,
)
"""Medians, whose absolute errors are least, and a part of `log`, which keeps RMSLE low and the
forecasts of rare sales above zero."""

_SMALL_TREES = _TREES | {"feature_fraction": 0.4, "bagging_fraction": 0.5}
DEMO = _make_log_recipe(
    near_rows=60_000,
    far_rows=90_000,
    trees=100,
    step=7,
    groups=4,
    parameters=_SMALL_TREES | {"num_leaves": 31, "min_data_in_leaf": 50},
)
"""For the built-in demo data, which are small: trains in seconds."""

_LARGE_DAYS = 1_000_000
"""Days of all series from which data are large."""
_SIZES = (  # days of all series from which the values hold, trees, leaves, least rows of a leaf
    (250_000, 250, 63, 100),
    (0, 150, 31, 50),
)
_NEAR_ROWS, _FAR_ROWS = 3, 6
"""Rows of the near and the far segment for each day of a series, where there are few of them."""
_MIN_ROWS = 60_000


def recipe_for(snapshot: Snapshot) -> Recipe:
    """Return a recipe that suits the number of days of all series since their first sales.

    From `_LARGE_DAYS` on it is `DEFAULT`. Fewer days get fewer rows, and trees with fewer leaves,
    which would otherwise learn single days.
    """
    first = snapshot.first_sale[snapshot.hierarchy.n_upper :]
    days = int((snapshot.n_days - first).sum())
    if days >= _LARGE_DAYS:
        return DEFAULT
    trees, leaves, rows_of_leaf = next(size[1:] for size in _SIZES if days >= size[0])
    return _make_log_recipe(
        near_rows=max(_NEAR_ROWS * days, _MIN_ROWS),
        far_rows=max(_FAR_ROWS * days, _MIN_ROWS),
        trees=trees,
        step=4,
        groups=min(16, max(snapshot.hierarchy.n_bottom // 4, 1)),
        parameters=_SMALL_TREES | {"num_leaves": leaves, "min_data_in_leaf": rows_of_leaf},
    )


def choose_recipe(
    snapshot: Snapshot, recipe: Recipe | None = None, effort: Effort = Effort.DEFAULT
) -> Recipe:
    """Return the recipe to train on a snapshot: one for its step and horizon, at some cost.

    Args:
        recipe: by default the one that suits the amount of data.
    """
    chosen = (recipe or recipe_for(snapshot)).with_effort(effort)
    return chosen.reaching(snapshot.step, snapshot.horizon)
