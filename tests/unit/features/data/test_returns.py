"""Negative sales are clipped, or taken off the days before."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.returns import without_returns
from features.data.specification import Returns

NAN = float("nan")


@pytest.mark.parametrize(
    ("treatment", "sales", "expected"),
    [
        pytest.param(Returns.CLIP, [3, 5, -4, 2], [3, 5, 0, 2], id="clipped"),
        pytest.param(Returns.NET, [3, 5, -4, 2], [3, 1, 0, 2], id="off the day before"),
        pytest.param(Returns.NET, [3, 5, -7, 2], [1, 0, 0, 2], id="off two days"),
        pytest.param(Returns.NET, [1, -4, 2], [0, 0, 2], id="more than was sold"),
        pytest.param(Returns.NET, [3, NAN, -2], [1, NAN, 0], id="over an unknown day"),
        pytest.param(Returns.NET, [3, -1, -1], [1, 0, 0], id="twice"),
    ],
)
def test_no_day_is_negative(treatment: Returns, sales: list[float], expected: list[float]) -> None:
    result = without_returns(np.array([sales, [1.0] * len(sales)]), treatment)
    assert np.array_equal(result[0], expected, equal_nan=True)
    assert (result[1] == 1).all()


def test_sales_without_returns_are_not_copied() -> None:
    sales = np.array([[1.0, NAN, 0.0]])
    assert without_returns(sales, Returns.NET) is sales
