"""Sums over the errors of forecasts of one day, of which every measure of accuracy is made.

Sums of days add up, so that a span of days, however long, is measured without a second look at the
forecasts. Each is kept for every level, for every node above the series, and for the series below
each of these nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM
from models import metrics

Values = NDArray[np.float64]

NOMINALS = (80, 95)
"""Coverage of the intervals that are judged, in percent."""

_LEAST_KNOWN = 0.5
"""Least share of a node's forecast whose series are known, for the node to be judged."""


@dataclass(frozen=True)
class Forecast:
    """Forecasts of all nodes in units, shape (nodes, columns).

    A column is a day forecast from an origin: one day from several, or several days from one.

    Attributes:
        mean: coherent forecasts.
        base: before reconciliation.
        naive: of last week's same weekday, as known at the origin.
        bounds: lower and upper by the coverage in percent.

    A bottom series without a forecast is NaN in all of them.
    """

    mean: Values
    base: Values
    naive: Values
    bounds: Mapping[int, tuple[Values, Values]]


@dataclass(frozen=True)
class Group:
    """Nodes whose errors are summed.

    Attributes:
        level: of these nodes.
        node: a single node above the series, of this level, or the one that they are below; empty
            for all nodes of the level.
    """

    level: str
    node: str = ""


def groups_of(hierarchy: Hierarchy) -> list[Group]:
    """Return the groups, in the order of the sums."""
    upper = hierarchy.nodes[: hierarchy.n_upper]
    return [
        *(Group(level) for level in hierarchy.levels),
        *(Group(node.level, node.id) for node in upper),
        *(Group(BOTTOM, node.id) for node in upper),
    ]


def sum_errors(hierarchy: Hierarchy, forecast: Forecast, sold: Values) -> dict[str, Values]:
    """Return sums over the nodes of each group, by name, each of shape (groups, columns).

    A node above the series of which a part is not known is judged by the others (see
    `judge_known_parts`); its intervals are then not judged.

    Args:
        sold: units of the bottom series, shape (bottoms, columns), or (bottoms, 1) for all columns;
            NaN where not known.

    Returns:
        Of the values whose sales are known: `known`, their number; `sold` and `forecast`, units;
        `absolute`, errors; `squared_logs`, squared differences of log1p; `naive_absolute` and
        `base_absolute`, errors of last week's same weekday and of the forecasts before
        reconciliation. Of those whose intervals are judged too: `judged`, their number;
        `within_80` and `within_95`, those within; `interval_score`, the weighted interval scores,
        which are twice the mean pinball loss of the forecast and the four bounds.
    """
    upper = hierarchy.n_upper
    unknown = np.isnan(sold) | np.isnan(forecast.mean[upper:])
    mean, base, naive = forecast.mean, forecast.base, forecast.naive
    actual = np.broadcast_to(sold, unknown.shape).astype(np.float64)
    if unknown.any():
        actual[unknown] = np.nan
        mean, actual = judge_known_parts(hierarchy, mean[upper:], actual)
        partly = hierarchy.summing[:upper] @ unknown > 0
        base = _only_known(hierarchy, base, unknown, partly)
        naive = _only_known(hierarchy, naive, unknown, partly)
    else:
        actual = hierarchy.aggregate(actual)
        partly = np.zeros((upper, 1), dtype=np.bool_)
    known = ~np.isnan(actual)
    judged = known.copy()
    judged[:upper] &= ~partly
    score = metrics.weighted_interval_score(
        mean, {nominal / 100: pair for nominal, pair in forecast.bounds.items()}, actual
    )
    values = {
        "known": known,
        "sold": actual,
        "forecast": mean,
        "absolute": np.abs(mean - actual),
        "squared_logs": (np.log1p(mean) - np.log1p(actual)) ** 2,
        "naive_absolute": np.abs(naive - actual),
        "base_absolute": np.abs(base - actual),
    }
    of_intervals = {
        "judged": judged,
        **{f"within_{each}": metrics.within(*forecast.bounds[each], actual) for each in NOMINALS},
        "interval_score": score,
    }
    return {
        name: _sum_groups(hierarchy, np.where(counted, each, 0).astype(np.float64))
        for counted, part in ((known, values), (judged, of_intervals))
        for name, each in part.items()
    }


def judge_known_parts(
    hierarchy: Hierarchy, forecast: Values, actual: Values
) -> tuple[Values, Values]:
    """Return forecasts and sales of all nodes, over the series whose sales are known.

    A node of which some series are not known is judged by the others, on both sides: months in
    which a few stores were shut would otherwise leave the total without a day to judge. Where they
    hold less than half of its forecast, its sales are not known.

    Args:
        forecast, actual: of the bottom series, shape (bottoms, days); NaN where not known.
    """
    known = ~np.isnan(actual)
    if known.all():
        return hierarchy.aggregate(forecast), hierarchy.aggregate(actual)
    judged = hierarchy.aggregate(np.where(known, forecast, 0))
    sales = hierarchy.aggregate(np.where(known, actual, 0))
    whole = hierarchy.aggregate(np.nan_to_num(forecast))
    upper = hierarchy.n_upper
    sales[:upper][judged[:upper] < _LEAST_KNOWN * whole[:upper]] = np.nan
    judged[:upper] = np.where(np.isnan(sales[:upper]), whole[:upper], judged[:upper])
    judged[upper:], sales[upper:] = forecast, actual
    return judged, sales


def _only_known(
    hierarchy: Hierarchy,
    values: Values,
    unknown: NDArray[np.bool_],
    partly: NDArray[np.bool_],
) -> Values:
    """Return the values of all nodes, of those partly known the sum of their known series."""
    upper = hierarchy.n_upper
    only = values.copy()
    sums = hierarchy.summing[:upper] @ np.where(unknown, 0, values[upper:])
    only[:upper] = np.where(partly, sums, values[:upper])
    return only


def _sum_groups(hierarchy: Hierarchy, values: Values) -> Values:
    """Return the sums of the groups of `groups_of`, shape (groups, columns)."""
    upper = hierarchy.n_upper
    of_levels = [values[rows].sum(axis=0) for rows in hierarchy.slices.values()]
    below: Values = hierarchy.summing[:upper] @ values[upper:]
    return np.concatenate((np.stack(of_levels), values[:upper], below))
