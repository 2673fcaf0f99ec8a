"""Level, spread, age and trend of every node at an origin, and of covariates of the past.

Means are over days since the node's first sale, of usual sales: holidays, events and brief shuts
count as the days around them (`features.usual`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.specification import Covariate, Specification
from features.data.step import Step
from features.feature import LOG_RATIO, LOG_UNITS, SHARE, Feature, Group, as_title
from features.scale import SCALES
from features.tail import Tail, Values, weighted_sums

MEAN_28 = "mean_28"
FEATURES = (
    Feature("mean_7", "Sales of the last 7 days", Group.LEVEL, LOG_UNITS, "mean over 7 days"),
    Feature("mean_14", "Sales of the last 14 days", Group.LEVEL, LOG_UNITS, "mean over 14 days"),
    Feature(MEAN_28, "Sales of the last 28 days", Group.LEVEL, LOG_UNITS, "mean over 28 days"),
    Feature("mean_56", "Sales of the last 56 days", Group.LEVEL, LOG_UNITS, "mean over 56 days"),
    Feature("mean_112", "Sales of the last 112 days", Group.LEVEL, LOG_UNITS, "mean over 112 days"),
    Feature("mean_364", "Sales of the last year", Group.LEVEL, LOG_UNITS, "mean over 364 days"),
    Feature(
        "decayed_14",
        "Sales lately",
        Group.LEVEL,
        LOG_UNITS,
        "mean with weights that halve every 14 days",
    ),
    Feature(
        "std_28",
        "Ups and downs of the last 28 days",
        Group.LEVEL,
        LOG_RATIO,
        "standard deviation over 28 days",
    ),
    Feature(
        "std_112",
        "Ups and downs of the last 112 days",
        Group.LEVEL,
        LOG_RATIO,
        "standard deviation over 112 days",
    ),
    Feature(
        "units_7",
        "Units a day of the last 7 days",
        Group.LEVEL,
        LOG_UNITS,
        "log of the mean units over 7 days",
    ),
    Feature(
        "units_28",
        "Units a day of the last 28 days",
        Group.LEVEL,
        LOG_UNITS,
        "log of the mean units over 28 days",
    ),
    Feature(
        "units_364",
        "Units a day of the last year",
        Group.LEVEL,
        LOG_UNITS,
        "log of the mean units over 364 days",
    ),
    Feature(
        "recent_3",
        "Sales of the last 3 days",
        Group.LEVEL,
        LOG_UNITS,
        "mean over 3 days",
        daily=True,
    ),
    Feature(
        "size_112",
        "Sales on days with sales",
        Group.LEVEL,
        LOG_UNITS,
        "mean over the days with sales among 112",
    ),
    Feature(
        "zero_share_28",
        "Days without sales in the last 28",
        Group.LEVEL,
        SHARE,
        "days without sales among 28",
    ),
    Feature(
        "zero_share_112",
        "Days without sales in the last 112",
        Group.LEVEL,
        SHARE,
        "days without sales among 112",
    ),
    Feature(
        "days_since_sale",
        "Time since the last sale",
        Group.LEVEL,
        "days",
        "since the last day with sales, at most 364",
    ),
    Feature(
        "age",
        "Time since the first sale",
        Group.LEVEL,
        "days",
        "since the first sale, at most 1,456",
    ),
    Feature(
        "trend_28",
        "Trend of the last 28 days",
        Group.LEVEL,
        LOG_RATIO,
        "mean over 28 days less that of the 28 before",
    ),
    Feature(
        "growth_364",
        "Growth in a year",
        Group.LEVEL,
        LOG_RATIO,
        "mean over 28 days less that of a year before",
    ),
)
"""Of the sales, in the order of the contract."""

_YEAR_DAYS = 364
_WINDOWS = (7, 14, 28, 56, 112, _YEAR_DAYS)
_SPREAD_DAYS = 112
_HALF_LIFE_DAYS = 14
_MAX_AGE_DAYS = 4 * _YEAR_DAYS


def measure_levels(units: NDArray[np.float64], logs: Tail, *, step: Step) -> Values:
    """Compute levels, spreads and ages; each of shape (nodes,)."""
    age, spread, year = logs.age, step.steps_in(_SPREAD_DAYS), step.year
    squares = Tail(logs.values[:, -spread:] ** 2, age)
    raw = Tail(units[:, -year:], age)
    sold = Tail((units[:, -spread:] > 0).astype(np.float64), age)
    values = {f"mean_{days}": logs.mean(step.steps_in(days)) for days in _WINDOWS}
    weights = 0.5 ** (np.arange(units.shape[1])[::-1] / step.steps_in(_HALF_LIFE_DAYS))
    open_days = (np.arange(units.shape[1])[::-1] < age[:, None]).astype(np.float64)
    weight_sums = np.maximum(weighted_sums(open_days, weights), 1e-9)
    values["decayed_14"] = weighted_sums(logs.values, weights) / weight_sums
    for days in (28, 112):
        variance = squares.mean(step.steps_in(days)) - values[f"mean_{days}"] ** 2
        values[f"std_{days}"] = np.sqrt(np.maximum(variance, 0))
        values[f"zero_share_{days}"] = 1 - sold.mean(step.steps_in(days))
    for days in (7, 28, _YEAR_DAYS):
        values[f"units_{days}"] = np.log1p(raw.mean(step.steps_in(days)))
    recent = units[:, -year:][:, ::-1] > 0
    since_sale = np.where(recent.any(axis=1), recent.argmax(axis=1), year) * step.days
    values["days_since_sale"] = since_sale.astype(np.float64)
    values["size_112"] = logs.mean(spread) / np.maximum(sold.mean(spread), 1e-9)
    values["recent_3"] = logs.mean(3)
    values["age"] = np.minimum(age * step.days, _MAX_AGE_DAYS).astype(np.float64)
    month, level = step.steps_in(28), values["mean_28"]
    values["trend_28"] = np.where(age > month, level - logs.mean(month, ago=month), 0.0)
    values["growth_364"] = np.where(age > year, level - logs.mean(month, ago=year), np.nan)
    return values


def past_features(specification: Specification) -> tuple[Feature, ...]:
    """Return the features of the covariates of which only the past is known."""
    return tuple(
        Feature(
            f"{covariate.label}_28",
            f"{as_title(covariate.label)} lately",
            Group.LEVEL,
            LOG_RATIO if covariate.kind.adds_up else "difference",
            f"{covariate.name}, mean over 28 against 112 days",
        )
        for covariate in specification.past_only
    )


def measure_past(snapshot: Snapshot, origin: int) -> Values:
    """Compare past-only covariates of 28 with those of 112 days; each of shape (nodes,)."""
    return {
        f"{covariate.label}_28": _average_groups(
            snapshot, covariate, _compare_means(snapshot, covariate, origin)
        )
        for covariate in snapshot.specification.past_only
    }


def _compare_means(snapshot: Snapshot, covariate: Covariate, origin: int) -> NDArray[np.float64]:
    """Return the change of a covariate in each group of series; 0 where nothing is known."""
    recent, longer = (snapshot.step.steps_in(days) for days in (28, 112))
    first = max(origin + 1 - longer, 0)
    seen = snapshot.covariates[covariate.name][:, first : origin + 1].astype(np.float64)

    def mean(days: int) -> NDArray[np.float64]:
        known = np.nan_to_num(seen[:, -days:])
        counted = np.maximum(np.isfinite(seen[:, -days:]).sum(axis=1), 1)
        return np.asarray(known.sum(axis=1) / counted)

    scale = SCALES[covariate.kind]
    change = np.asarray(scale.of(mean(recent)) - scale.of(mean(longer)))
    if covariate.kind.adds_up:
        return change
    return np.where(np.isfinite(seen[:, -recent:]).any(axis=1), change, 0.0)


def _average_groups(
    snapshot: Snapshot, covariate: Covariate, values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean over the bottom series of each node, shape (nodes,)."""
    if covariate.by == (snapshot.specification.site,):
        every = np.arange(len(snapshot.hierarchy))
        return snapshot.average_sites(every, values[:, None])[:, 0]
    group = snapshot.hierarchy.group_of(*covariate.by)
    return np.asarray(snapshot.average(values[group][:, None])[:, 0])
