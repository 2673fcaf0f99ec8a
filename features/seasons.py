"""Usual sales (`features.usual`) of every node one and two years before the days ahead."""

from __future__ import annotations

import numpy as np

from features.data.step import Step
from features.feature import LOG_RATIO, LOG_UNITS, Feature, Group
from features.tail import Tail, Values

YEAR_VALUE = "year_value"
FEATURES = (
    Feature(
        YEAR_VALUE,
        "Same weekday a year before",
        Group.SEASON,
        LOG_UNITS,
        "364 days before the forecast day",
    ),
    Feature(
        "year_week",
        "Same week a year before",
        Group.SEASON,
        LOG_UNITS,
        "mean of 7 days around 364 days before",
    ),
    Feature(
        "year_season",
        "Season a year before",
        Group.SEASON,
        LOG_RATIO,
        "those 7 days less the 28 to a year before the origin",
    ),
    Feature(
        "year_level",
        "Sales with the season of a year before",
        Group.SEASON,
        LOG_UNITS,
        "mean over 28 days plus that seasonal step",
    ),
    Feature(
        "year2_season",
        "Season two years before",
        Group.SEASON,
        LOG_RATIO,
        "the same step two years before",
    ),
)
"""In the order of the contract."""


def measure_years_before(logs: Tail, *, step: Step, horizon: int) -> Values:
    """Look up values a year and two years before the days ahead; each of shape (nodes, horizon).

    NaN where the node had not sold by then, or the day lies after the origin.
    """
    ahead, last, month = np.arange(1, horizon + 1), logs.values.shape[1] - 1, step.steps_in(28)
    half = max(step.week // 2, 1)  # the week around a day, or the weeks beside a week
    values: Values = {}
    for prefix, back in (("year", step.year), ("year2", 2 * step.year)):
        at = last + ahead - back
        past = (at >= half) & (at + half <= last)
        at = np.clip(at, half, last - half)
        week = (logs.sums[:, at + half + 1] - logs.sums[:, at - half]) / (2 * half + 1)
        # the node must have been open for the whole of the 28 days to the year before the origin
        known = (logs.age > back + month)[:, None] & past
        values[f"{prefix}_week"] = np.where(known, week, np.nan)
        values[f"{prefix}_season"] = np.where(
            known, week - logs.mean(month, ago=back)[:, None], np.nan
        )
        values[f"{prefix}_value"] = np.where(known, logs.values[:, at], np.nan)
    values["year_level"] = values["year_season"] + logs.mean(month)[:, None]
    del values["year2_week"], values["year2_value"]
    return values
