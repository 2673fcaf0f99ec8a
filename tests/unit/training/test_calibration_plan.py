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
        pytest.param(1_600, 1_592, 40, id="years"),
        pytest.param(387, 379, 20, id="a little more than a year: some know the whole horizon"),
        pytest.param(200, 192, 15, id="short: models learn from no more than they must"),
        pytest.param(154, 146, 8, id="the shortest"),
    ],
)
def test_origins_of_daily_data(days: int, last: int, count: int) -> None:
    assert plan_calibration(sold_for(days)) == (last, count)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("horizon", "last", "count"),
    [
        pytest.param(13, 141, 40, id="the usual horizon"),
        pytest.param(39, 141, 46, id="far: some know the whole"),
        pytest.param(60, 141, 67, id="further: more, of which some know the whole"),
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
        assert count >= MIN_CALIBRATION_ORIGINS
        assert first >= step.steps_in(84)
        assert last < days - 1


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("weeks", [60, 100, 300])
@pytest.mark.parametrize("horizon_weeks", [4, 13, 52])
def test_some_origins_know_the_whole_horizon_unless_the_history_is_short(
    step: Step, weeks: int, horizon_weeks: int
) -> None:
    horizon = horizon_weeks * step.week
    snapshot = sold_for(weeks * step.week, step=step, horizon=horizon)
    last, count = plan_calibration(snapshot)  # type: ignore[arg-type]
    origins = last - step.week * np.arange(count)
    known = np.count_nonzero(origins + horizon <= snapshot.newest_origin)
    if weeks > horizon_weeks + 12 + MIN_CALIBRATION_ORIGINS:
        assert known >= MIN_CALIBRATION_ORIGINS
    else:
        assert origins.min() < 14 * step.week, "all origins that there can be"
