"""Block bootstrap over neighbouring origins (Künsch, Annals of Statistics 1989).

Forecasts of 90 days from weekly origins overlap, so that errors at neighbouring origins are
correlated. Drawing origins one by one would treat them as independent and give an interval that is
too narrow; blocks of neighbours preserve the correlation within a block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK_ORIGINS = 4
_LEAST_BLOCKS = 3
"""Blocks of which a draw consists at least: of fewer, all draws would be much the same."""


def draw_blocks(count: int, draws: int) -> NDArray[np.intp]:
    """Return draws of `count` origins in blocks of neighbours, shape (draws, count)."""
    draw = np.random.default_rng(0)
    size = min(BLOCK_ORIGINS, max(count // _LEAST_BLOCKS, 1))
    starts = draw.integers(0, count - size + 1, (draws, -(-count // size)))
    return np.asarray((starts[:, :, None] + np.arange(size)).reshape(draws, -1)[:, :count])
