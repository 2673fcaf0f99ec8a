"""Sample weights of training rows."""

from __future__ import annotations

import numpy as np
import pytest

from features.contract import feature_set
from features.data.specification import FAVORITA
from training.fit import MAX_WEIGHT, weight_of
from training.recipe import Member
from training.sampling import TrainingSet

NAMES = feature_set(FAVORITA).names
MEMBER = Member(name="volume", volume_power=0.6, trees=1, parameters={})


def rows_of(*mean_units: float) -> TrainingSet:
    """Return one row for each mean of units over 28 days."""
    rows = np.zeros((len(mean_units), len(NAMES)), dtype=np.float32)
    rows[:, NAMES.index("units_28")] = np.log1p(mean_units)
    return TrainingSet(rows, np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64), NAMES)


def test_the_weight_of_a_row_is_a_power_of_mean_sales() -> None:
    weight = weight_of(MEMBER, rows_of(9, 99, 9_999))
    np.testing.assert_allclose(weight, [10**0.6, 100**0.6, 10_000**0.6], rtol=1e-6)


def test_the_weight_of_a_row_is_capped_at_a_multiple_of_the_median() -> None:
    """No single series dominates the model."""
    weight = weight_of(MEMBER, rows_of(9, 9, 9, 9, 1e12))
    assert weight is not None
    assert weight.max() == pytest.approx(MAX_WEIGHT * 10**0.6)


def test_without_a_power_all_rows_have_equal_weight() -> None:
    assert weight_of(MEMBER.model_copy(update={"volume_power": 0.0}), rows_of(9, 99)) is None
