"""Negative sales: goods that customers brought back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.specification import Returns


def without_returns(sales: NDArray[np.float64], treatment: Returns) -> NDArray[np.float64]:
    """Return sales in which no day is negative; unchanged if none is.

    Args:
        sales: units, shape (series, days); NaN where not known.
        treatment: `Returns.CLIP` sets negative days to 0; `Returns.NET` takes them off the
            newest sales before them as well, so that the sum over the days is that of sales less
            returns.
    """
    rows = np.flatnonzero((sales < 0).any(axis=1))
    if not len(rows):
        return sales
    result = np.maximum(sales, 0)
    if treatment is Returns.NET:
        for row in rows:
            for day in np.flatnonzero(sales[row] < 0):
                _take_off(result[row], int(day), -float(sales[row, day]))
    return result


def _take_off(sales: NDArray[np.float64], day: int, returned: float) -> None:
    """Take returned units off the sales of the days before, the newest first, in place."""
    while returned > 0 and day > 0:
        day -= 1
        taken = min(returned, float(np.nan_to_num(sales[day])))
        sales[day] -= taken
        returned -= taken
