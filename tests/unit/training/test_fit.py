"""Objectives of members, and sample weights of training rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from features.contract import feature_set
from features.data.specification import FAVORITA
from features.relative import RelativeColumns
from training.fit import MAX_WEIGHT, fit, weight_of
from training.recipe import Member, Segment, Target
from training.sampling import TrainingSet

NAMES = feature_set(FAVORITA).names
MEMBER = Member(name="volume", volume_power=0.6, trees=1, parameters={})


def rows_of(*mean_units: float) -> TrainingSet:
    """Return one row for each mean of units over 28 days."""
    rows = np.zeros((len(mean_units), len(NAMES)), dtype=np.float32)
    rows[:, NAMES.index("units_28")] = np.log1p(mean_units)
    zeros = np.zeros(len(rows))
    return TrainingSet(rows, zeros, zeros.astype(np.int64), zeros.astype(np.int32), NAMES)


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


SKEWED = (0, 1, 2, 9, 99)


@pytest.mark.parametrize(
    ("target", "units"),
    [
        pytest.param("log", np.expm1(np.log1p(SKEWED).mean()), id="mean of logarithms"),
        pytest.param("median", 2, id="median"),
        pytest.param("mean", np.mean(SKEWED), id="mean"),
    ],
)
def test_a_member_forecasts_the_summary_of_the_sales_that_it_aims_at(
    target: Target, units: float
) -> None:
    rows = rows_of(*[9] * 1000)
    rows = dataclasses.replace(rows, units=np.tile(SKEWED, 200).astype(np.float64))
    member = Member(name="one", target=target, trees=1, parameters={})
    segment = Segment(
        last_horizon=1, years=1, origin_step=1, max_rows=1000, members=(member,), blend={"one": 1}
    )
    [booster] = fit(rows, segment, RelativeColumns(0, ()), seed=1, threads=1).values()
    score = booster.predict(rows.rows[:1], raw_score=True)
    np.testing.assert_allclose(np.expm1(score), units, rtol=1e-5)


def test_members_of_a_segment_share_their_bins() -> None:
    members = tuple(
        Member(name=f"{bins} bins", trees=1, parameters={"max_bin": bins}) for bins in (63, 127)
    )
    segment = Segment(
        last_horizon=1, years=1, origin_step=1, max_rows=1000, members=members, blend={}
    )
    with pytest.raises(ValueError, match="members of a segment must have the same max_bin"):
        fit(rows_of(*[9] * 1000), segment, RelativeColumns(0, ()), seed=1, threads=1)
