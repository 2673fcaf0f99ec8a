"""The numbers of intervals and quantiles, in one order."""

from __future__ import annotations

import numpy as np
import pytest

from models.uncertainty import Uncertainty


def test_shares_are_the_two_tails_of_each_interval_and_then_the_quantiles() -> None:
    wanted = Uncertainty((80, 50), (0.3, 0.7))
    assert wanted.shares == pytest.approx((0.1, 0.9, 0.25, 0.75, 0.3, 0.7))


def test_bounds_contain_the_forecast_and_quantiles_need_not() -> None:
    wanted = Uncertainty((80, 50), (0.2, 0.8))
    values = np.array([[2.0, 0.0], [5.0, 1.0], [3.0, 0.5], [4.0, 0.75], [2.0, 0.25], [4.0, 0.75]])
    contained = wanted.contain(values, np.array([1.0, 2.0]))
    assert contained.tolist() == [
        *([1.0, 0.0], [5.0, 2.0]),
        *([1.0, 0.5], [4.0, 2.0]),
        *([2.0, 0.25], [4.0, 0.75]),
    ]
    assert [(low[0], high[0]) for low, high in wanted.pairs(contained)] == [(1.0, 5.0), (1.0, 4.0)]
