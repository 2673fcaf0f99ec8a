"""Recipes for other steps, horizons and costs."""

from __future__ import annotations

import pytest

from features.data.step import Step
from lifecycle.training_request import Effort
from training.recipe import DEFAULT, Recipe


def test_a_recipe_of_its_own_horizon_stays_as_it_is() -> None:
    assert DEFAULT.reaching(Step.DAY, 90) is DEFAULT


@pytest.mark.parametrize(
    ("step", "horizon", "lasts", "origin_step"),
    [
        pytest.param(Step.DAY, 365, [28, 365], 4, id="a year of days"),
        pytest.param(Step.DAY, 60, [28, 60], 4, id="60 days"),
        pytest.param(Step.WEEK, 39, [4, 39], 1, id="39 weeks"),
    ],
)
def test_segments_end_at_the_horizon(
    step: Step, horizon: int, lasts: list[int], origin_step: int
) -> None:
    recipe = DEFAULT.reaching(step, horizon)
    assert [segment.last_horizon for segment in recipe.segments] == lasts
    assert {segment.origin_step for segment in recipe.segments} == {origin_step}
    assert recipe.horizon == horizon


@pytest.mark.parametrize(
    ("step", "horizon"),
    [pytest.param(Step.DAY, 16, id="16 days"), pytest.param(Step.WEEK, 4, id="4 weeks")],
)
def test_a_short_horizon_has_one_segment_with_all_members(step: Step, horizon: int) -> None:
    (segment,) = DEFAULT.reaching(step, horizon).segments
    assert segment.last_horizon == horizon
    assert [member.name for member in segment.members] == ["near", "volume", "far", "log"]
    assert segment.blend == DEFAULT.segments[0].blend


def test_more_effort_means_more_rows_and_two_fits_of_each_member() -> None:
    best = DEFAULT.with_effort(Effort.BEST)
    for single, double in zip(DEFAULT.segments, best.segments, strict=True):
        assert double.max_rows == 2 * single.max_rows
        names = [member.name for member in single.members]
        assert [member.name for member in double.members] == [
            *names,
            *(f"{name}_2" for name in names),
        ]
        for name, weight in single.blend.items():
            assert double.blend[name] == double.blend[f"{name}_2"] == weight / 2
    Recipe.model_validate(best.model_dump())


def test_twins_draw_other_rows_and_features() -> None:
    near, *_, volume_2 = DEFAULT.heavier().segments[0].members
    seeds = {"bagging_seed", "feature_fraction_seed"}
    assert not seeds & set(near.parameters)
    assert seeds <= set(volume_2.parameters)


def test_less_effort_means_fewer_rows_and_trees() -> None:
    fast = DEFAULT.with_effort(Effort.FAST)
    assert fast == DEFAULT.lighter()
    assert fast.segments[0].max_rows < DEFAULT.segments[0].max_rows


def test_the_default_effort_leaves_a_recipe_as_it_is() -> None:
    assert DEFAULT.with_effort(Effort.DEFAULT) is DEFAULT
