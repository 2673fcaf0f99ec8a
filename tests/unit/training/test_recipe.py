"""Recipes for other steps and horizons than 90 days."""

from __future__ import annotations

import pytest

from features.data.step import Step
from training.recipe import DEFAULT


def test_a_recipe_of_its_own_horizon_stays_as_it_is() -> None:
    assert DEFAULT.reaching(Step.DAY, 90) is DEFAULT


@pytest.mark.parametrize(
    ("step", "horizon", "lasts", "origin_step"),
    [
        pytest.param(Step.DAY, 365, [16, 365], 4, id="a year of days"),
        pytest.param(Step.DAY, 28, [16, 28], 4, id="four weeks of days"),
        pytest.param(Step.WEEK, 39, [2, 39], 1, id="39 weeks"),
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
    [pytest.param(Step.DAY, 16, id="16 days"), pytest.param(Step.WEEK, 2, id="2 weeks")],
)
def test_a_short_horizon_has_one_segment_with_all_members(step: Step, horizon: int) -> None:
    (segment,) = DEFAULT.reaching(step, horizon).segments
    assert segment.last_horizon == horizon
    assert [member.name for member in segment.members] == ["near", "volume", "far"]
    assert segment.blend == DEFAULT.segments[0].blend
