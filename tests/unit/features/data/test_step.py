"""Steps: days and weeks of the date axis."""

from __future__ import annotations

import pytest

from features.data.step import Step, WeekDate


@pytest.mark.parametrize(
    ("step", "days", "week", "year"),
    [pytest.param(Step.DAY, 1, 7, 364, id="day"), pytest.param(Step.WEEK, 7, 1, 52, id="week")],
)
def test_a_year_is_whole_weeks_of_steps(step: Step, days: int, week: int, year: int) -> None:
    assert (step.days, step.week, step.year) == (days, week, year)
    assert step.steps_in(28) * step.days == 28


@pytest.mark.parametrize(
    ("step", "date", "shift"),
    [
        pytest.param(Step.DAY, WeekDate.LAST, 0, id="a day is its own date"),
        pytest.param(Step.WEEK, WeekDate.FIRST, 0, id="the first day of a week"),
        pytest.param(Step.WEEK, WeekDate.LAST, 6, id="the last day of a week"),
    ],
)
def test_a_date_is_so_many_days_after_the_first_of_its_step(
    step: Step, date: WeekDate, shift: int
) -> None:
    assert step.shift(date) == shift
