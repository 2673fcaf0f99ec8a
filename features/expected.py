"""The usual sales of a day: those of its weekday, or of its holiday."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.feature import LOG_UNITS, Feature, Group

FEATURES = (
    Feature(
        "expected",
        Group.WEEKDAY,
        LOG_UNITS,
        "the usual for the weekday, or for the holiday of the day",
    ),
)


def compute_expected(blocks: Mapping[str, NDArray[np.floating]]) -> NDArray[np.floating]:
    """Return the usual value of the weekday, or on a holiday the level that its effect implies.

    In log1p units. A holiday's level adds the effects on store and family and subtracts that on
    the total, which both contain.
    """
    level = blocks["store_event_level"] + blocks["family_event_level"] - blocks["total_event_level"]
    return np.where(
        np.isnan(level), blocks["weekday_decayed"], np.maximum(blocks["mean_28"] + level, 0)
    )
