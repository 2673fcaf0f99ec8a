"""Block bootstrap over neighbouring origins, or days (Künsch, Annals of Statistics 1989).

Forecasts of 90 days from weekly origins overlap, so that errors at neighbouring origins are
correlated, as those of neighbouring days are. Drawing them one by one would treat them as
independent and give an interval that is too narrow; blocks of neighbours preserve the correlation
within a block.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLOCK_ORIGINS = 4
_LEAST_BLOCKS = 3
"""Blocks of which a draw consists at least: of fewer, all draws would be much the same."""


def draw_blocks(count: int, draws: int, *, block: int = BLOCK_ORIGINS) -> NDArray[np.intp]:
    """Return draws of `count` neighbours in blocks, shape (draws, count)."""
    draw = np.random.default_rng(0)
    size = _block_size(count, block)
    starts = draw.integers(0, count - size + 1, (draws, -(-count // size)))
    return np.asarray((starts[:, :, None] + np.arange(size)).reshape(draws, -1)[:, :count])


@lru_cache(maxsize=64)  # Student's quantile takes as long as hundreds of draws
def widening(count: int, tail: float, *, block: int = BLOCK_ORIGINS) -> float:
    """Return by how much draws of so few blocks are too narrow, at a tail such as 0.05.

    Draws of b blocks have (b - 1) / b of the variance, and their quantiles are those of a normal
    distribution where Student's with b - 1 degrees of freedom would be right.
    """
    # scipy.stats takes 35 MB of a worker, and this a part of its start
    from scipy.special import ndtri, stdtrit

    blocks = count / _block_size(count, block)
    return float(np.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, tail) / ndtri(tail))


def _block_size(count: int, block: int) -> int:
    return min(block, max(count // _LEAST_BLOCKS, 1))
