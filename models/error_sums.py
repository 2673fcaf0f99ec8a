"""Sums over the errors of forecasts of one day, of which every measure of accuracy is made.

Sums of days add up, so that a span of days, however long, is measured without a second look at the
forecasts. Each is kept for every level, its volume classes, every node above the series, and the
series below each of these nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM
from models import metrics
from models.volumes import NO_VOLUME, VOLUMES

Values = NDArray[np.float64]
Classes = NDArray[np.intp]

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
        factors: by which the adaptation has widened the bounds (see `models.adaptation`); None
            where it has not.

    A bottom series without a forecast is NaN in all of them.
    """

    mean: Values
    base: Values
    naive: Values
    bounds: Mapping[int, tuple[Values, Values]]
    factors: Values | None = None


@dataclass(frozen=True)
class Group:
    """Nodes whose errors are summed.

    Attributes:
        level: of these nodes.
        node: a single node above the series, of this level, or the one that they are below; empty
            for all nodes of the level.
        volume: class of these nodes (see `models.volumes`); empty for those of every class.
    """

    level: str
    node: str = ""
    volume: str = ""


def groups_of(hierarchy: Hierarchy, volumes: Classes | None = None) -> list[Group]:
    """Return the groups, in the order of the sums.

    Args:
        volumes: class of each node, shape (nodes,); without it no class is a group.
    """
    upper = hierarchy.nodes[: hierarchy.n_upper]
    return [
        *(Group(level) for level in hierarchy.levels),
        *(Group(node.level, node.id) for node in upper),
        *(Group(BOTTOM, node.id) for node in upper),
        *(
            Group(level, volume=volume)
            for level, _ in _divided_levels(hierarchy, volumes)
            for volume in VOLUMES
        ),
    ]


def sum_errors(
    hierarchy: Hierarchy, forecast: Forecast, sold: Values, volumes: Classes | None = None
) -> dict[str, Values]:
    """Return sums over the nodes of each group, by name, each of shape (groups, columns).

    A node above the series of which a part is not known is judged by the others (see
    `judge_known_parts`); its intervals are then not judged.

    Args:
        sold: units of the bottom series, shape (bottoms, columns), or (bottoms, 1) for all columns;
            NaN where not known.
        volumes: as in `groups_of`.

    Returns:
        Of the values whose sales are known: `known`, their number; `sold` and `forecast`, units;
        `absolute`, errors; `squared_logs`, squared differences of log1p; `naive_absolute` and
        `base_absolute`, errors of last week's same weekday and of the forecasts before
        reconciliation. Of those whose intervals are judged too: `judged`, their number;
        `within_80` and `within_95`, those within; `interval_score`, the weighted interval scores,
        which are twice the mean pinball loss of the forecast and the four bounds; `log_factors`,
        logarithms of the factors of the bounds.
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
        "log_factors": np.zeros_like(mean)
        if forecast.factors is None
        else np.log(forecast.factors),
    }
    return {
        name: _sum_groups(hierarchy, np.where(counted, each, 0).astype(np.float64), volumes)
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


def _divided_levels(hierarchy: Hierarchy, volumes: Classes | None) -> Iterator[tuple[str, Classes]]:
    """Yield the levels whose nodes have volume classes, with the class of every node."""
    if volumes is not None:
        for level, rows in hierarchy.slices.items():
            if (volumes[rows] != NO_VOLUME).any():
                of_level = np.full_like(volumes, NO_VOLUME)
                of_level[rows] = volumes[rows]
                yield level, of_level


def _sum_groups(hierarchy: Hierarchy, values: Values, volumes: Classes | None) -> Values:
    """Return the sums of the groups of `groups_of`, shape (groups, columns)."""
    upper = hierarchy.n_upper
    of_levels = [values[rows].sum(axis=0) for rows in hierarchy.slices.values()]
    below: Values = hierarchy.summing[:upper] @ values[upper:]
    of_classes = [
        values[classes == number].sum(axis=0, keepdims=True)
        for _, classes in _divided_levels(hierarchy, volumes)
        for number in range(len(VOLUMES))
    ]
    return np.concatenate((np.stack(of_levels), values[:upper], below, *of_classes))
