"""Draws of blocks are as wide as the origins that are independent allow."""

from __future__ import annotations

import numpy as np
import pytest

from models.bootstrap import BLOCK_ORIGINS, draw_blocks, widening


@pytest.mark.parametrize("count", [4, 7, 12, 30])
def test_a_draw_has_as_many_origins_in_blocks_of_neighbours(count: int) -> None:
    draws = draw_blocks(count, 100)
    assert draws.shape == (100, count)
    assert draws.min() >= 0
    assert draws.max() < count
    size = min(BLOCK_ORIGINS, max(count // 3, 1))
    steps = np.diff(draws[:, : size * (count // size)].reshape(-1, size), axis=1)
    assert (steps == 1).all()


def test_few_blocks_are_widened_more_than_many() -> None:
    factors = [widening(count, 0.05) for count in (6, 12, 24, 48, 480)]
    assert factors[:2] == sorted(factors[:2], reverse=True)
    assert factors[1:] == sorted(factors[1:], reverse=True)
    assert factors[-1] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("count", [8, 12, 24])
def test_a_widened_interval_of_90_percent_holds_the_mean_about_as_often(count: int) -> None:
    draw = np.random.default_rng(5)
    draws = draw_blocks(count, 400)
    factor = widening(count, 0.05)
    covered = 0
    for _ in range(400):
        values = draw.standard_normal(count)
        deviations = (values[draws].mean(axis=1) - values.mean()) * factor
        low, high = values.mean() + np.quantile(deviations, (0.05, 0.95))
        covered += low <= 0 <= high
    assert 0.85 <= covered / 400 <= 0.97
