"""Sales of every node one and two years before the days ahead."""

from __future__ import annotations

import numpy as np

from features.data.snapshot import MAX_HORIZON
from features.feature import LOG_UNITS, Feature, Group
from features.tail import YEAR, Tail, Values

FEATURES = (
    Feature("year_value", Group.SEASON, LOG_UNITS, "364 days before the forecast day"),
    Feature("year_week", Group.SEASON, LOG_UNITS, "mean of 7 days around 364 days before"),
    Feature(
        "year_season",
        Group.SEASON,
        LOG_UNITS,
        "those 7 days less the 28 to a year before the origin",
    ),
    Feature("year_level", Group.SEASON, LOG_UNITS, "mean over 28 days plus that seasonal step"),
    Feature("year2_season", Group.SEASON, LOG_UNITS, "the same step two years before"),
)
"""In the order of the contract."""

_SEASON_HALF_WEEK = 3


def measure_years_before(logs: Tail) -> Values:
    """Look up values a year and two years before the 90 days ahead; each of shape (nodes, 90)."""
    ahead = np.arange(1, MAX_HORIZON + 1)
    values: Values = {}
    for prefix, days in (("year", YEAR), ("year2", 2 * YEAR)):
        at = logs.values.shape[1] - 1 + ahead - days
        window = logs.sums[:, at + _SEASON_HALF_WEEK + 1] - logs.sums[:, at - _SEASON_HALF_WEEK]
        week = window / (2 * _SEASON_HALF_WEEK + 1)
        # the node must have been open for the whole of the 28 days to the year before the origin
        known = (logs.age > days + 28)[:, None]
        values[f"{prefix}_week"] = np.where(known, week, np.nan)
        values[f"{prefix}_season"] = np.where(
            known, week - logs.mean(28, ago=days)[:, None], np.nan
        )
        values[f"{prefix}_value"] = np.where(known, logs.values[:, at], np.nan)
    values["year_level"] = values["year_season"] + logs.mean(28)[:, None]
    del values["year2_week"], values["year2_value"]
    return values
