"""The rule by which a series without sales is out of stock, for tables and for served data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.step import Step

STOCKOUT_DAYS = 3
"""Least days without a sale: two may be a delayed delivery, or a weekend."""

STOCKOUT_WEEKS = 8
"""Weeks before the last sale that say what sells usually: eight of each weekday."""

STOCKOUT_EXPECTED = 10.0
"""Least units that usually sell in the days without a sale. For independent customers, none is then
as probable as exp(-10), 1 in 22,000: less than one false alarm a week with 1,782 series."""

STOCKOUT_CHANCE = 0.001
"""Largest probability of so many days without a sale in a row, by the share of days with sales
before. It keeps out series that sell much at once on few days, which the units let through."""

STOCKOUT_DAILY = 1.0
"""Least mean of units a day in the days without a sale."""


def is_stockout(
    expected: NDArray[np.float64],
    days: NDArray[np.integer],
    sold_share: NDArray[np.float64],
    step: Step,
) -> NDArray[np.bool_]:
    """Return which series are out of stock; all arrays are of shape (series,).

    Args:
        expected: units that usually sell on the days without a sale.
        days: number of these days.
        sold_share: share of days with sales in the weeks before.
    """
    return np.asarray(
        (expected >= STOCKOUT_EXPECTED)
        & (expected >= STOCKOUT_DAILY * step.days * days)
        & ((1 - sold_share) ** days <= STOCKOUT_CHANCE)
    )
