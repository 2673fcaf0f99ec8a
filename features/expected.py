"""The usual sales of a day: those of its weekday, or of its holiday."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.data.specification import TOTAL, Specification
from features.feature import LOG_UNITS, Feature, Group

EXPECTED = "expected"
FEATURES = (
    Feature(
        EXPECTED,
        "Usual sales for such a day",
        Group.WEEKDAY,
        LOG_UNITS,
        "the usual for the weekday, or for the holiday of the day",
    ),
)


def compute_expected(
    blocks: Mapping[str, NDArray[np.floating]], specification: Specification
) -> NDArray[np.floating]:
    """Return the usual value of the weekday, or on a holiday the level that its effect implies.

    In log1p units. Where columns of the series have levels of their own that cross each other,
    such as store and family, a holiday's level adds the effects on each and subtracts that on the
    total, which all contain. Without such a level it is that of the total.
    """
    total = blocks["total_event_level"]
    first, *others = (blocks[f"{level}_event_level"] for level in specification.crossed or (TOTAL,))
    level = first
    for other in others:
        level = level + other - total
    return np.where(
        np.isnan(level), blocks["weekday_decayed"], np.maximum(blocks["mean_28"] + level, 0)
    )
