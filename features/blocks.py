"""Blocks of values, which broadcast to the rows of some nodes and days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]
Blocks = dict[str, NDArray[np.floating]]
"""Values of features by name; each broadcasts to (nodes, horizons)."""


def select_block(values: Floats, rows: Rows, columns: Rows | None) -> Floats:
    """Return a block of values, shape (rows, columns); a column if `columns` is None.

    The axis that gives the smaller intermediate is indexed first: a request needs few nodes.
    """
    if columns is None:
        return values[rows][:, None]
    if len(rows) * values.shape[1] < len(values) * len(columns):
        return values[rows][:, columns]
    return values[:, columns][rows]
