"""Coherent, non-negative, and equal to the dense projection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.data.hierarchy import Hierarchy
from models.reconciliation import Reconciliation, incoherence

STORES = ("1", "1", "1", "2", "2", "3")
FAMILIES = ("A", "B", "C", "A", "C", "B")
HIERARCHY = Hierarchy({"store_nbr": STORES, "family": FAMILIES})
NODES = len(HIERARCHY)
DATES = 4


def variances(draw: np.random.Generator) -> dict[str, float]:
    return {
        node.id: float(value)
        for node, value in zip(HIERARCHY.nodes, draw.uniform(0.5, 4, NODES), strict=True)
    }


def nearly_coherent(draw: np.random.Generator) -> np.ndarray:
    """Draw base forecasts so far from zero that reconciliation makes none negative."""
    sums = HIERARCHY.aggregate(draw.uniform(50, 100, (HIERARCHY.n_bottom, DATES)))
    return sums * draw.uniform(0.95, 1.05, sums.shape)


def assert_coherent(values: np.ndarray) -> None:
    bottoms = values[HIERARCHY.n_upper :]
    np.testing.assert_allclose(values, HIERARCHY.summing @ bottoms, rtol=1e-12)


def test_without_variances_the_bottoms_are_added_up(draw: np.random.Generator) -> None:
    base = np.full((NODES, DATES), np.nan)
    base[HIERARCHY.n_upper :] = draw.uniform(0, 10, (HIERARCHY.n_bottom, DATES))
    coherent = Reconciliation(HIERARCHY, {}).reconcile(base)
    np.testing.assert_array_equal(coherent.values[HIERARCHY.n_upper :], base[HIERARCHY.n_upper :])
    assert_coherent(coherent.values)


def test_the_structured_solve_equals_the_dense_projection(draw: np.random.Generator) -> None:
    base = nearly_coherent(draw)
    weights = variances(draw)
    w_inverse = np.diag([1 / weights[node.id] for node in HIERARCHY.nodes])
    s = HIERARCHY.summing.toarray()
    dense = s @ np.linalg.solve(s.T @ w_inverse @ s, s.T @ w_inverse @ base)
    ours = Reconciliation(HIERARCHY, weights).reconcile(base)
    assert dense[HIERARCHY.n_upper :].min() > 0, "the case must need no clipping"
    np.testing.assert_allclose(ours.values, dense, rtol=1e-10)


def test_an_upper_node_without_variance_is_not_read(draw: np.random.Generator) -> None:
    weights = variances(draw)
    del weights["total"]
    reconciliation = Reconciliation(HIERARCHY, weights)
    base = nearly_coherent(draw)
    other = base.copy()
    other[0] = np.nan
    assert 0 not in reconciliation.modelled_nodes
    np.testing.assert_array_equal(
        reconciliation.reconcile(base).values, reconciliation.reconcile(other).values
    )


def test_a_bottom_without_variance_does_not_move(draw: np.random.Generator) -> None:
    weights = variances(draw)
    still = HIERARCHY.nodes[HIERARCHY.n_upper + 2]
    del weights[still.id]
    base = nearly_coherent(draw)
    values = Reconciliation(HIERARCHY, weights).reconcile(base).values
    row = HIERARCHY.index[still.id]
    np.testing.assert_array_equal(values[row], base[row])
    assert_coherent(values)


@given(
    arrays(np.float64, (NODES, DATES), elements=st.floats(-100, 1e6)),
    st.integers(0, 2**32 - 1),
)
def test_any_base_forecasts_become_coherent_and_non_negative(base: np.ndarray, seed: int) -> None:
    weights = variances(np.random.default_rng(seed))
    values = Reconciliation(HIERARCHY, weights).reconcile(base).values
    assert (values >= 0).all()
    bottoms = values[HIERARCHY.n_upper :]
    np.testing.assert_allclose(values, HIERARCHY.summing @ bottoms, rtol=1e-6, atol=1e-9)


def test_a_node_that_is_moved_alone_is_incoherent(draw: np.random.Generator) -> None:
    reconciliation = Reconciliation(HIERARCHY, variances(draw))
    values = reconciliation.reconcile(nearly_coherent(draw)).values
    assert reconciliation.residual(values) < 1e-12
    assert incoherence(values, HIERARCHY) < 1e-12
    store = HIERARCHY.slices["store"].start
    moved = 0.1 * values[0, 0]
    values[store, 0] += moved
    assert reconciliation.residual(values) == pytest.approx(0.1)
    assert incoherence(values, HIERARCHY) == pytest.approx(moved / (values[store, 0] - moved))


@pytest.mark.parametrize(
    ("bottoms", "expected"),
    [
        pytest.param([4, -1, 1, 4, 2, 2], [4, 0, 1, 4, 2, 2], id="one negative"),
        pytest.param([-1, -1, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0], id="a negative total"),
        pytest.param([0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], id="nothing sold"),
    ],
)
def test_negative_bottoms_become_zero_and_the_total_stays(
    bottoms: list[float], expected: list[float]
) -> None:
    base = np.full((NODES, 1), np.nan)
    base[HIERARCHY.n_upper :, 0] = bottoms
    coherent = Reconciliation(HIERARCHY, {}).reconcile(base)
    assert coherent.clipped == sum(value < 0 for value in bottoms)
    raw = np.array(expected, dtype=float)
    rescaled = raw * (max(sum(bottoms), 0) / raw.sum()) if raw.any() else raw
    np.testing.assert_allclose(coherent.values[HIERARCHY.n_upper :, 0], rescaled)
    assert coherent.values[0, 0] == pytest.approx(max(sum(bottoms), 0))
