"""Planners' overrides of forecasts, distributed to the bottom series and kept coherent.

An override sets, adds to or multiplies the forecast of one node on some days. Overrides are
applied in the order in which they were made, each on the result of those before it, and all nodes
are the sums of the bottom series afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from models.scenario import ADD, MULTIPLY, SET, bottoms_below

Operator = Literal["set", "add", "multiply"]
Units = NDArray[np.float64]

_NO_UNITS = 1e-9
"""Units below which a forecast counts as zero: proportions of less would be rounding errors."""

_HOLDS = 1e-6
"""Relative difference up to which a result is what was requested."""


@dataclass(frozen=True, slots=True)
class StandingOverride:
    """An override that is neither withdrawn nor expired.

    Attributes:
        id: its number; overrides are applied in the order of their numbers.
        node: id of the node.
        op: `set`, `add` or `multiply`.
        days: dates of its span, ascending.
        values: operand of each day: units, or a factor.
        origin: newest origin of the release on which it was made. Forecasts from older origins do
            not know it.
    """

    id: int
    node: str
    op: Operator
    days: tuple[date, ...]
    values: tuple[float, ...]
    origin: date


@dataclass(frozen=True)
class Change:
    """An override on the days of a forecast.

    Attributes:
        node: row of the hierarchy.
        at: positions of its days in the forecast, ascending; shape (n,).
        values: operand of each of these days, shape (n,).
    """

    id: int
    node: int
    op: Operator
    at: NDArray[np.intp]
    values: Units


@dataclass(frozen=True)
class Effect:
    """Change of a node's forecast by one override, by day; arrays have the shape (n,).

    Attributes:
        at: positions of its days in the forecast.
        before: units before it, after those made earlier.
        requested: units that it makes of them.
        floored: whether `requested` was raised to zero.
        equal_shares: whether units were spread evenly, because no series of the node has any
            forecast to be in proportion to.
    """

    at: NDArray[np.intp]
    before: Units
    requested: Units
    floored: NDArray[np.bool_]
    equal_shares: NDArray[np.bool_]


@dataclass(frozen=True)
class AdjustedForecast:
    """A forecast with overrides.

    Attributes:
        statistical: units without them, shape (nodes, days).
        result: units with them; every node is the sum of its bottom series.
        effects: of each override that was applied, by its id.
    """

    statistical: Units
    result: Units
    effects: dict[int, Effect]

    def holds(self, node: int, effect: Effect) -> bool:
        """Return whether later overrides have left what an earlier one requested."""
        now = self.result[node, effect.at]
        allowed = _HOLDS * np.maximum(effect.requested, 1)
        return bool((np.abs(now - effect.requested) <= allowed).all())


def changes_on(
    snapshot: Snapshot,
    origin: int,
    horizons: NDArray[np.intp],
    standing: Iterable[StandingOverride],
) -> list[Change]:
    """Return the overrides that apply to a forecast, on its days and in their order.

    Overrides of nodes that are no longer in the hierarchy do not apply.

    Args:
        origin: index of the forecast's origin.
        horizons: its days after that, ascending.
    """
    made_by = snapshot.date_at(origin)
    position = {snapshot.date_at(origin + int(day)): at for at, day in enumerate(horizons)}
    changes = []
    for each in sorted(standing, key=lambda override: override.id):
        row = snapshot.hierarchy.index.get(each.node)
        if row is None or each.origin > made_by:
            continue
        pairs = [
            (position[day], value)
            for day, value in zip(each.days, each.values, strict=True)
            if day in position
        ]
        if pairs:
            at, values = zip(*pairs, strict=True)
            changes.append(
                Change(each.id, row, each.op, np.array(at, dtype=np.intp), np.array(values))
            )
    return changes


def adjust(hierarchy: Hierarchy, statistical: Units, changes: Sequence[Change]) -> AdjustedForecast:
    """Apply changes in their order, and add up every node again.

    Args:
        statistical: coherent forecasts of all nodes over the whole window, shape (nodes, days).
    """
    bottoms = np.array(statistical[hierarchy.n_upper :], dtype=np.float64)
    usual = bottoms.sum(axis=1)
    effects: dict[int, Effect] = {}
    for change in changes:
        effects[change.id] = _apply(hierarchy, bottoms, usual, change)
    result = hierarchy.aggregate(bottoms) if changes else statistical
    return AdjustedForecast(statistical, result, effects)


def _apply(hierarchy: Hierarchy, bottoms: Units, usual: Units, change: Change) -> Effect:
    """Alter the bottom series below a node, in place.

    Args:
        bottoms: shape (bottoms, days).
        usual: statistical forecast of each bottom series over the whole window, shape (bottoms,).
    """
    # The units of a day are shared in proportion to what the series have on that day: a planner who
    # doubles a store thereby doubles each of its series. Where they have nothing, the proportions
    # are those of the statistical forecast over the whole window, which one closed or promoted day
    # does not distort; and only where there is none either, every series gets the same. Shares are
    # computed first and then multiplied by the units, because units over a tiny sum would overflow.
    rows = bottoms_below(hierarchy, change.node)
    place = np.ix_(rows, change.at)
    current = bottoms[place]
    before = current.sum(axis=0)
    wanted = wanted_units(change.op, before, change.values)
    requested = np.maximum(wanted, 0)
    without = before < _NO_UNITS
    shares = np.divide(current, before, out=np.zeros_like(current), where=~without)
    total = usual[rows].sum()
    evenly = total < _NO_UNITS
    spare = np.full(len(rows), 1 / len(rows)) if evenly else usual[rows] / total
    shares[:, without] = spare[:, None]
    bottoms[place] = shares * requested
    equal_shares = without & (requested > _NO_UNITS) & bool(evenly and len(rows) > 1)
    return Effect(change.at, before, requested, wanted < 0, equal_shares)


def wanted_units(op: Operator, before: Units, values: Units) -> Units:
    """Return what an operation makes of units, by day; negative where too much is taken off."""
    made = {SET: values, ADD: before + values, MULTIPLY: before * values}[op]
    return np.asarray(made, dtype=np.float64)


def spread_evenly(value: float, days: int) -> Units:
    """Return the same operand for every day."""
    return np.full(days, value)


def spread_in_proportion(value: float, before: Units, statistical: Units) -> Units:
    """Return units of a whole span, spread over its days in proportion to a forecast.

    Args:
        before: units of each day, shape (days,); where all are zero, `statistical` counts, and
            where that is zero too, every day gets the same.
    """
    for weights in (before, statistical):
        total = weights.sum()
        if total >= _NO_UNITS:
            return np.asarray(value * (weights / total))
    return spread_evenly(value / len(before), len(before))
