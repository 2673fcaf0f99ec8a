"""Sketches of features: PSI and KS of counts of spans, and the season that they are of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy, ks_2samp

from models.drift.sketch import (
    SPANS,
    compute_ks,
    compute_psi,
    count_spans,
    edges_of,
    make_sketches,
    pool_season,
)


def shares(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts / counts.sum())


def test_spans_of_a_continuous_feature_hold_equally_many_values() -> None:
    values = np.random.default_rng(0).normal(size=16_000)
    counts = count_spans(values, edges_of(values))
    assert counts[:SPANS] == pytest.approx(1000, abs=2)
    assert counts[SPANS] == 0


def test_missing_values_have_a_span_of_their_own() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan])
    assert count_spans(values, edges_of(np.arange(100.0)))[SPANS] == 2


def test_a_feature_that_was_never_known_has_all_its_values_in_that_span() -> None:
    values = np.full(5, np.nan)
    counts = count_spans(values, edges_of(values))
    assert counts.tolist() == [0.0] * SPANS + [5.0]


def test_psi_is_the_symmetrised_divergence_of_the_shares() -> None:
    before, after = np.array([20.0, 30, 50]), np.array([50.0, 25, 25])
    expected = entropy(shares(before), shares(after)) + entropy(shares(after), shares(before))
    assert compute_psi(before, after) == pytest.approx(expected)


def test_psi_of_an_empty_span_is_finite() -> None:
    assert np.isfinite(compute_psi(np.array([10.0, 0]), np.array([0.0, 10])))


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_ks_is_that_of_the_samples_up_to_one_span(shift: float) -> None:
    draw = np.random.default_rng(1)
    before, after = draw.normal(size=4000), draw.normal(shift, size=3000)
    edges = edges_of(before)
    ours = compute_ks(count_spans(before, edges), count_spans(after, edges))
    exact = ks_2samp(before, after).statistic
    assert exact - 1 / SPANS <= ours <= exact + 1e-12


def test_ks_of_few_distinct_values_is_exact() -> None:
    draw = np.random.default_rng(2)
    before, after = draw.integers(0, 6, 4000).astype(float), draw.integers(1, 6, 500).astype(float)
    edges = edges_of(before)
    ours = compute_ks(count_spans(before, edges), count_spans(after, edges))
    assert ours == pytest.approx(ks_2samp(before, after).statistic)


def test_a_season_is_a_month_with_those_beside_it_across_the_year() -> None:
    counts = np.arange(12.0)[None, :, None]
    assert pool_season(counts, np.ones(12, dtype=int), 1)[0, 0] == 11 + 0 + 1


def test_a_season_without_a_row_is_the_whole_year() -> None:
    counts = np.ones((1, 12, 1))
    origins = np.zeros(12, dtype=int)
    origins[6] = 1
    assert pool_season(counts, origins, 1)[0, 0] == 12


def seasonal_rows(draw: np.random.Generator, month: int) -> np.ndarray:
    """Return rows of one feature with a season and of one without."""
    season = 3 * np.cos(2 * np.pi * month / 12)
    return np.stack([draw.normal(season, 1, 400), draw.normal(0, 1, 400)], axis=1)


def test_rows_of_a_season_are_compared_with_the_same_season() -> None:
    """July's values in July are as ever; in January, when others are usual, they are not."""
    draw = np.random.default_rng(3)
    months = np.tile(np.arange(1, 13), 3)
    rows = [seasonal_rows(draw, month) for month in months.tolist()]
    sketches = make_sketches(("a", "b"), rows, months, np.repeat([2021, 2022, 2023], 12))
    july = seasonal_rows(draw, 7)
    in_july, _ = sketches.compare(july, 7)
    in_january, _ = sketches.compare(july, 1)
    assert (in_july < 2 * sketches.usual_psi).all()
    assert in_january[0] > 10 * sketches.usual_psi[0]
    assert in_january[1] < 2 * sketches.usual_psi[1]
