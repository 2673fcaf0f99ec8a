"""Explanations of a forecast against a reference: which drivers make the difference.

The difference of two forecasts of one node, from the same origin, is divided among the groups of
features by Shapley values between the model's rows of both days (L. S. Shapley, "A value for
n-person games", 1953; the baseline Shapley of M. Sundararajan and A. Najmi, "The many Shapley
values for model explanation", ICML 2020). The served model forecasts every mixture of the two rows
that takes some groups from the day and the others from the reference; the units of a group are the
mean of what it changes, over all orders in which the groups can change. They are

- exact, in units: they add up to the difference of the model's forecasts, without a residual;
- symmetric: exchanging day and reference changes the signs alone;
- additive: those of several series and pairs of days may be added;
- zero for a group whose features have the same values on both days.

The last is why the difference of two explanations by `models.explanation` is not used, neither in
units nor, weighted by the logarithmic mean of the forecasts (LMDI: B. W. Ang, "Decomposition
analysis for policymaking in energy", Energy Policy 32, 2004), in log1p units. Both are exact too.
But each of the two credits features jointly with what they do together, so recent sales, which are
the same for all days of one origin, would get thousands of units where a holiday changes how the
model uses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.contract import FeatureSet, feature_set
from features.feature import Group
from models.engine import ForecastEngine
from models.explanation import Floats, Value, make_rows, readable, split_bottoms
from models.model import SegmentedModel

MAX_ROWS = 20_000
"""Rows that one comparison has the model forecast: mixtures × series × pairs of days."""

_MOST_MIXTURES = 1 << (len(Group) - 1)
"""Of one pair: all groups may differ but that of the static attributes."""

Rows = NDArray[np.float32]


class ReferenceValue(NamedTuple):
    """Readable value of a feature on the day of the reference.

    Attributes:
        column: of the feature in the contract.
    """

    column: int
    value: Value


@dataclass(frozen=True)
class Difference:
    """The steps from a reference to a forecast, in units.

    The units of the groups, `reconciliation` and `not_explained` add up to `difference`.

    Attributes:
        features: of the model, in the contract's order.
        reference: its coherent forecast.
        difference: of the coherent forecast from it.
        groups: units of each group, the largest first.
        reconciliation: difference of the units by which reconciliation moved both forecasts.
        not_explained: difference of the forecasts of the series that are not explained.
        series_not_explained: how many they are.
        explained_share: of the absolute differences of all series, that of those explained.
        changed: features that differ where one day of one series is compared with one; else none.
    """

    features: FeatureSet
    reference: float
    difference: float
    groups: dict[Group, float]
    reconciliation: float
    not_explained: float
    series_not_explained: int
    explained_share: float
    changed: tuple[ReferenceValue, ...]


class _Pair(NamedTuple):
    """Positions of a day and of the reference's day that it is compared with, and their weight."""

    day: int
    reference: int
    weight: float


def _pairs(days: int, of_reference: int) -> list[_Pair]:
    """Return the days that are compared with each other.

    Periods are compared day by day. A single day that is compared with the mean of several is
    compared with each of them, and the result is the mean of these comparisons.
    """
    same = days == of_reference
    return [_Pair(at if same else 0, at, days / of_reference) for at in range(of_reference)]


def rows_to_compare(series: int, of_reference: int) -> int:
    """Return the rows of the model that a comparison takes at most."""
    return min(series * of_reference * _MOST_MIXTURES, max(MAX_ROWS, of_reference * _MOST_MIXTURES))


def explain_difference(
    engine: ForecastEngine,
    origin: int,
    row: int,
    horizons: NDArray[np.intp],
    reference: NDArray[np.intp],
    coherent: Floats,
    of_reference: Floats,
) -> Difference:
    """Explain the difference of a node's forecast from that of a reference.

    Args:
        origin: index of the last day whose sales both forecasts use.
        row: of the node in the hierarchy.
        horizons: days after the origin, ascending.
        reference: those of the reference: as many; or any number for a single day, which is
            compared with their mean.
        coherent: forecasts of all nodes for `horizons` in units, shape (nodes, days).
        of_reference: the same for `reference`.
    """
    # As in `models.explanation`, a node is explained through its bottom series, and those that a
    # rule forecasts are not explained. The series that differ most are run, until MAX_ROWS.
    before = of_reference.sum(axis=1) * (len(horizons) / len(reference))
    moved = coherent.sum(axis=1) - before
    sold, never, by_rule = split_bottoms(engine, origin, row)
    ranked = sold[np.argsort(-np.abs(moved[sold]), kind="stable")]
    most = max(MAX_ROWS // (len(reference) * _MOST_MIXTURES), 1)
    nodes, rest = ranked[:most], np.concatenate((ranked[most:], by_rule))
    explained = np.concatenate((nodes, never))
    after_rows = _rows_of(engine, origin, nodes, horizons)
    before_rows = _rows_of(engine, origin, nodes, reference)
    features = feature_set(engine.snapshot.specification)
    groups = dict.fromkeys(Group, 0.0)
    for day, other, weight in _pairs(len(horizons), len(reference)):
        steps = divide_by_group(
            engine.bundle.model, features, after_rows[:, day], before_rows[:, other]
        )
        for group, units in steps.items():
            groups[group] += weight * units
    one_row = row >= engine.snapshot.hierarchy.n_upper and len(reference) == len(horizons) == 1
    return Difference(
        features=features,
        reference=float(before[row]),
        difference=float(moved[row]),
        groups=dict(sorted(groups.items(), key=lambda group: -abs(group[1]))),
        reconciliation=float(moved[explained].sum()) - sum(groups.values()),
        not_explained=float(moved[rest].sum()),
        series_not_explained=len(rest),
        explained_share=_share(np.abs(moved[explained]).sum(), np.abs(moved[rest]).sum()),
        changed=(
            _changed_values(engine, after_rows[0, 0], before_rows[0, 0])
            if one_row and len(nodes)
            else ()
        ),
    )


def _rows_of(
    engine: ForecastEngine, origin: int, nodes: NDArray[np.intp], horizons: NDArray[np.intp]
) -> Rows:
    """Return rows of the model of shape (nodes, days, features)."""
    rows = make_rows(engine, origin, nodes, horizons)
    return rows.reshape(len(nodes), len(horizons), -1)


def divide_by_group(
    model: SegmentedModel, features: FeatureSet, after: Rows, before: Rows
) -> dict[Group, float]:
    """Divide the difference of forecasts among the groups that differ: their Shapley values.

    Args:
        after: rows of the model, shape (n, features).
        before: rows that they are compared with, of the same shape.

    Returns:
        Units of each group, summed over the rows; they add up to the difference.
    """
    # All rows are forecast at once, and added up before the Shapley values are taken, which are
    # linear. A group without a difference in any row would double the mixtures for nothing.
    differs = np.flatnonzero(_differing(after, before).any(axis=0))
    players = [
        (group, list(columns))
        for group, columns in features.columns_of_group.items()
        if np.isin(columns, differs).any()
    ]
    mixtures = np.repeat(before[None], 2 ** len(players), axis=0)
    for mixture in range(len(mixtures)):
        for player, (_, columns) in enumerate(players):
            if mixture >> player & 1:
                mixtures[mixture][:, columns] = after[:, columns]
    if not mixtures.size:
        return {}
    rows = np.ascontiguousarray(mixtures.reshape(-1, after.shape[1]))
    forecasts = model.predict(rows).astype(np.float64)
    values = shapley_values(forecasts.reshape(len(mixtures), -1).sum(axis=1))
    return {group: value for (group, _), value in zip(players, values, strict=True)}


def shapley_values(worth: Floats) -> list[float]:
    """Return the Shapley value of each player.

    Args:
        worth: of every coalition, shape (2 ** players,); bit p of its position is player p.
    """
    players = len(worth).bit_length() - 1
    values = [0.0] * players
    for player in range(players):
        for without, together, weight in _marginals(player, players):
            values[player] += weight * float(worth[together] - worth[without])
    return values


def _marginals(player: int, players: int) -> Iterator[tuple[int, int, float]]:
    """Yield the coalitions without a player, the same with it, and their weight."""
    for without in range(2**players):
        if not without >> player & 1:
            size = without.bit_count()
            orders = factorial(size) * factorial(players - size - 1)
            yield without, without | 1 << player, orders / factorial(players)


def _differing(after: Rows, before: Rows) -> NDArray[np.bool_]:
    """Return where values differ; missing ones are equal."""
    different: NDArray[np.bool_] = (after != before) & ~(np.isnan(after) & np.isnan(before))
    return different


def _changed_values(
    engine: ForecastEngine, after: Rows, before: Rows
) -> tuple[ReferenceValue, ...]:
    columns: Sequence[int] = np.flatnonzero(_differing(after, before)).tolist()
    values = readable(engine.bundle.contract, before)
    return tuple(ReferenceValue(column, values[column]) for column in columns)


def _share(explained: float, others: float) -> float:
    return float(explained / (explained + others)) if others else 1.0
