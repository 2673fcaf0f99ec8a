"""Buckets: spans of the days ahead, for any step and horizon."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.specification import FAVORITA
from features.data.step import Step
from models.buckets import Buckets, buckets_of


def buckets(step: Step, horizon: int) -> Buckets:
    return buckets_of(FAVORITA.model_copy(update={"step": step, "horizon": horizon}))


@pytest.mark.parametrize(
    ("step", "horizon", "names"),
    [
        pytest.param(Step.DAY, 90, ["1-7", "8-16", "17-30", "31-60", "61-90"], id="90 days"),
        pytest.param(Step.DAY, 28, ["1-7", "8-16", "17-28"], id="28 days"),
        pytest.param(Step.DAY, 3, ["1-3"], id="3 days"),
        pytest.param(Step.WEEK, 13, ["1-2", "3-4", "5-8", "9-13"], id="13 weeks"),
        pytest.param(Step.WEEK, 39, ["1-2", "3-4", "5-8", "9-13", "14-26", "27-39"], id="39 weeks"),
    ],
)
def test_buckets_cover_the_horizon(step: Step, horizon: int, names: list[str]) -> None:
    spans = buckets(step, horizon)
    assert list(spans.names) == names
    numbers = spans.of(np.arange(1, horizon + 1))
    assert (numbers[0], numbers[-1]) == (0, len(names) - 1)
    assert (np.diff(numbers) >= 0).all()


@pytest.mark.parametrize("horizon", [1, 13, 90, 365])
def test_values_at_days_lie_between_those_of_the_buckets(horizon: int) -> None:
    spans = buckets(Step.DAY, horizon)
    values = np.arange(len(spans), dtype=float)[None]
    at_days = spans.at_days(values)
    assert at_days.shape == (1, horizon)
    assert (np.diff(at_days) >= 0).all()
    assert (at_days.min(), at_days.max()) == (0, len(spans) - 1)
