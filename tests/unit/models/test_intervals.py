"""Interpolation between calibrated points, and bounds of many nodes at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.data.specification import FAVORITA
from models.buckets import buckets_of
from models.engine import ForecastEngine
from models.intervals import Intervals, _compute_bounds


@pytest.fixture(scope="module")
def intervals(engine: ForecastEngine) -> Intervals:
    assert engine.intervals
    return engine.intervals


BUCKETS = buckets_of(FAVORITA)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=len(BUCKETS), max_size=len(BUCKETS)))
def test_horizons_lie_between_the_centres_of_their_buckets(values: list[float]) -> None:
    centres = [(first + last) / 2 for first, last in BUCKETS.spans]
    expected = np.interp(np.arange(1, 91), centres, values)
    np.testing.assert_allclose(BUCKETS.weights @ np.array(values), expected, rtol=1e-9, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_bounds_of_many_nodes_equal_those_of_each_node(
    engine: ForecastEngine, intervals: Intervals, data: st.DataObject
) -> None:
    """An item of a batch thus equals the single call."""
    count = len(engine.snapshot.hierarchy)
    nodes = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8)))
    first = data.draw(st.integers(1, 60))
    horizons = np.arange(first, first + 15)
    mean = np.array(
        data.draw(
            st.lists(
                st.lists(st.floats(0, 1e5), min_size=15, max_size=15),
                min_size=len(nodes),
                max_size=len(nodes),
            )
        )
    )
    sold = np.array(data.draw(st.lists(st.booleans(), min_size=len(nodes), max_size=len(nodes))))
    together = intervals.bounds(nodes, mean, horizons, 80, sold=sold)
    for at in range(len(nodes)):
        separate = intervals.bounds(nodes[[at]], mean[[at]], horizons, 80, sold=sold[[at]])
        for bound, one in zip(together, separate, strict=True):
            assert bound[at].tolist() == one[0].tolist()


def test_bounds_of_several_coverages_equal_those_of_each_coverage(
    engine: ForecastEngine, intervals: Intervals, draw: np.random.Generator
) -> None:
    nodes = np.arange(len(engine.snapshot.hierarchy))
    horizons = np.arange(3, 33)
    mean = draw.gamma(1, 100, (len(nodes), len(horizons)))
    sold = draw.random(len(nodes)) < 0.8
    nominals = (80, 50, 99)
    together = intervals.bounds_of(nodes, mean, horizons, nominals, sold=sold)
    for nominal, bounds in zip(nominals, together, strict=True):
        separate = intervals.bounds(nodes, mean, horizons, nominal, sold=sold)
        assert np.array_equal(bounds, separate)


@pytest.mark.parametrize(
    ("root", "quantile"),
    [
        pytest.param(1.0, 1.0, id="below the smallest"),
        pytest.param(2.0, 1.0, id="the smallest"),
        pytest.param(3.5, 2.5, id="between"),
        pytest.param(9.0, 3.0, id="above the largest"),
    ],
)
def test_bounds_between_two_sizes_are_interpolated(root: float, quantile: float) -> None:
    table = np.tile([1.0, 3.0], (1, 90, 1))
    reached = _compute_bounds(
        np.array([[root]]), np.array([[0.5]]), np.array([7]), np.array([2.0, 4.0]), table
    )
    assert reached.item() == pytest.approx((root + 0.5 * quantile) ** 2)
