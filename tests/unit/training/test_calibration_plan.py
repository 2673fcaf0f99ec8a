"""Origins of the calibration follow from the length of the history and the horizon."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from features.data.step import Step
from training.history import (
    MIN_CALIBRATION_ORIGINS,
    plan_calibration,
    required_days,
)


def sold_for(days: int, *, step: Step = Step.DAY, horizon: int = 90) -> SimpleNamespace:
    """A stand-in for a snapshot whose first day is its first sale."""
    return SimpleNamespace(
        step=step,
        horizon=horizon,
        n_days=days,
        newest_origin=days - 1,
        first_sale=np.array([0]),
    )


@pytest.mark.parametrize(
    ("days", "last", "count"),
    [
        pytest.param(1_600, 1_509, 40, id="years: the whole horizon is known"),
        pytest.param(387, 296, 8, id="a little more than a year"),
        pytest.param(200, 149, 8, id="short: a quarter judges"),
        pytest.param(154, 115, 4, id="the shortest"),
    ],
)
def test_origins_of_daily_data(days: int, last: int, count: int) -> None:
    assert plan_calibration(sold_for(days)) == (last, count)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("horizon", "last", "count"),
    [
        pytest.param(13, 129, 40, id="the usual horizon"),
        pytest.param(39, 129, 40, id="far: the newest origins know the usual horizon alone"),
        pytest.param(60, 129, 55, id="further: some know the whole"),
    ],
)
def test_origins_of_weekly_data(horizon: int, last: int, count: int) -> None:
    snapshot = sold_for(143, step=Step.WEEK, horizon=horizon)
    assert plan_calibration(snapshot) == (last, count)  # type: ignore[arg-type]


@pytest.mark.parametrize("step", Step)
def test_whatever_is_accepted_leaves_origins_and_days_to_learn_from(step: Step) -> None:
    required = required_days(sold_for(0, step=step))  # type: ignore[arg-type]
    for days in range(required, required + 60 * step.week):
        last, count = plan_calibration(sold_for(days, step=step))  # type: ignore[arg-type]
        first = last - (count - 1) * step.week
        assert count >= MIN_CALIBRATION_ORIGINS // 2
        assert first >= step.steps_in(84)
        assert last < days - 1
