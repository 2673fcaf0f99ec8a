"""Feature rows of a scenario, in which covariates known in advance are overridden.

An adjustment alters a covariate of the days ahead, for the bottom series below one node. The rows
are then built again by `MatrixBuilder.matrix`, so that all features derived from the covariate
follow; no column is patched. What other series share with those of the node stays as planned
(`features.matrix.Covariates`). Rows that differ from the baseline's are predicted again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from errors import InputError
from features.blocks import Floats, Rows
from features.data.calendar import NATIONAL, NO_HOLIDAY, WORK_DAY, Holiday
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.specification import Kind, Specification
from features.matrix import Covariates
from models.engine import ForecastEngine

HOLIDAY = "holiday"
SET, ADD, MULTIPLY = "set", "add", "multiply"
LIMITS = {SET: (0.0, 1e6), ADD: (-1e6, 1e6), MULTIPLY: (0.0, 1e3)}
"""Smallest and largest value of each operation on a number."""


def operations_of(specification: Specification) -> dict[str, tuple[str, ...]]:
    """Return the operations on each covariate that can be adjusted: those known ahead."""
    names = [covariate.name for covariate in specification.known_ahead]
    return {**dict.fromkeys(names, tuple(LIMITS)), HOLIDAY: (SET,)}


class AdjustmentError(InputError):
    """An adjustment that is invalid.

    Attributes:
        covariate: of the adjustment.
        field: the invalid part (``op``, ``value``, ``from`` or ``to``); empty for the covariate
            itself.
    """

    def __init__(self, covariate: str, field: str, detail: str) -> None:
        super().__init__(detail)
        self.covariate = covariate
        self.field = field


@dataclass(frozen=True)
class Adjustment:
    """An override of one covariate on a span of days.

    Attributes:
        covariate: one of `operations_of`.
        op: ``set``, ``add`` or ``multiply``.
        value: of each series; for a holiday the name of one, or None for a day without.
        first, last: its days, as indices on the snapshot's date axis.
    """

    covariate: str
    op: str
    value: float | str | None
    first: int
    last: int

    def check(self, specification: Specification) -> None:
        """Refuse what cannot be done to the covariates of a specification.

        Raises:
            AdjustmentError: the covariate, the operation or the value is invalid.
        """
        operations = operations_of(specification)
        if self.covariate not in operations:
            *others, last = operations
            able = " and ".join(filter(None, (", ".join(others), last)))
            past_only = {covariate.name for covariate in specification.past_only}
            why = f"There is no covariate {self.covariate!r} that is known ahead"
            if self.covariate in past_only:
                why = f"Of {self.covariate} only the past is known, so no forecast would change"
            raise self.error("", f"{why}; {able} can be adjusted.")
        if self.op not in operations[self.covariate]:
            offered = ", ".join(operations[self.covariate])
            raise self.error("op", f"{self.covariate} takes {offered}, not {self.op!r}.")
        if self.covariate == HOLIDAY:
            self._check_name()
        else:
            self._check_number(specification.covariate(self.covariate).kind)

    @property
    def number(self) -> float:
        """The value of an adjustment to a covariate other than the holiday."""
        return cast(float, self.value)

    def error(self, field: str, detail: str) -> AdjustmentError:
        return AdjustmentError(self.covariate, field, detail)

    def _check_name(self) -> None:
        if not isinstance(self.value, str | None):
            raise self.error(
                "value", "A holiday is the name of one, or null for a day that is none."
            )

    def _check_number(self, kind: Kind) -> None:
        low, high = LIMITS[self.op]
        if kind is Kind.NUMBER:  # such as a temperature
            low = -high
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        # a NaN lies between no limits
        if not (number and low <= self.number <= high):
            raise self.error("value", f"{self.op} takes a number from {low:,.0f} to {high:,.0f}.")


@dataclass(frozen=True)
class ScenarioRows:
    """Rows that a scenario alters.

    Attributes:
        origin: index of the last day whose sales are known.
        changed: whether the scenario alters a row, shape (nodes, days). A node that has never
            sold is zero by rule, whatever its rows are, and counts as unchanged.
            The nodes are those that are modelled.
        altered: the scenario's rows where `changed`, node by node; shape (n, features).
        levels_as_planned: levels whose plans the rows read as they are without the scenario.
    """

    origin: int
    changed: NDArray[np.bool_]
    altered: Floats
    levels_as_planned: tuple[str, ...]

    @property
    def days(self) -> NDArray[np.bool_]:
        """Days on which any row is altered; shape (days,)."""
        return np.asarray(self.changed.any(axis=0))


def end_when_unknown(
    snapshot: Snapshot, origin: int, end: int, node: int, adjustment: Adjustment
) -> Adjustment:
    """Return an adjustment without the days at its end on which its covariate is not known.

    `add` and `multiply` have nothing to start from there; `set` retains its days. An adjustment
    that `Scenario.of` refuses is returned as it is: one that is known on no day, or that ends
    after `end`, the last day forecast.
    """
    if adjustment.op == SET:
        return adjustment
    known = origin + int(snapshot.known_lead[adjustment.covariate][node])
    if not adjustment.first <= known < adjustment.last <= end:
        return adjustment
    return replace(adjustment, last=known)


@dataclass(frozen=True)
class Scenario:
    """Adjustments of a node's covariates, and the rows that they alter.

    Attributes:
        engine: of the release.
        origin: index of the last day whose sales are used.
        horizons: days after it, ascending.
        bottoms: numbers of the bottom series that are adjusted.
        adjusted: covariates of the days ahead.
        snapshot: with the holidays of the scenario; the engine's where no holiday is adjusted.
    """

    engine: ForecastEngine
    origin: int
    horizons: NDArray[np.intp]
    bottoms: NDArray[np.intp]
    adjusted: Covariates
    snapshot: Snapshot

    @classmethod
    def of(
        cls,
        engine: ForecastEngine,
        origin: int,
        horizons: NDArray[np.intp],
        node: int,
        adjustments: Sequence[Adjustment],
    ) -> Scenario:
        """Return the scenario of adjustments.

        Args:
            node: row of the hierarchy below which the adjustments apply.
            adjustments: checked, and applied in order; covariates and holidays are independent.

        Raises:
            AdjustmentError: a day is not among those forecast, a name is not known, or a count or
                a price would be negative, or depend on an unknown one.
        """
        snapshot = engine.snapshot
        bottoms = bottoms_below(snapshot.hierarchy, node)
        adjusted = engine.covariates(origin)
        scenario_snapshot = snapshot
        for adjustment in adjustments:
            _check_days(adjustment, snapshot, origin + horizons)
            if adjustment.covariate == HOLIDAY:
                scenario_snapshot = with_holiday(scenario_snapshot, adjustment)
            else:
                adjusted = with_values(adjusted, bottoms, adjustment)
        return cls(engine, origin, horizons, bottoms, adjusted, scenario_snapshot)

    # Only nodes with an adjusted series below them can change: a series reads the plans of the
    # nodes above it, and a scenario alters those only where it covers all of their series. So rows
    # are made for these nodes alone, which for one series are a handful of thousands. Altered
    # covariates are combined with the same state. A holiday is part of the calendar, which the
    # state reads too (effects of the names of the days ahead), so the state is computed again on a
    # snapshot with other holidays. Its rows are used only for nodes that lie wholly below the
    # adjusted node: the calendar is national, and a node with series elsewhere must not get the
    # holiday. Comparing complete rows, instead of deriving which cells an adjustment reaches, also
    # finds indirect effects: lead and lag of promotions, sums of whole levels, distances to a day
    # off.

    @cached_property
    def reached(self) -> NDArray[np.intp]:
        """Places among the modelled nodes of those with an adjusted series; ascending."""
        below = _count_below(self.engine.snapshot.hierarchy, self.bottoms)
        return np.flatnonzero(below[self.engine.reconciliation.modelled_nodes])

    def divide_reached(self, rows: int) -> list[NDArray[np.intp]]:
        """Return the reached nodes in parts of at most so many rows; at least one part."""
        count = -(-len(self.reached) * len(self.horizons) // rows)
        return np.array_split(self.reached, max(count, 1))

    def make_rows(self, reached: NDArray[np.intp] | None = None) -> ScenarioRows:
        """Make the rows that the adjustments alter.

        Args:
            reached: some of those nodes, ascending; all by default.
        """
        engine, origin, horizons = self.engine, self.origin, self.horizons
        reached = self.reached if reached is None else reached
        modelled = engine.reconciliation.modelled_nodes
        nodes = modelled[reached]
        has_values = self.adjusted is not engine.covariates(origin)
        altered = baseline = self._by_node(engine.rows_of(origin, nodes, horizons))
        if has_values:
            altered = self._by_node(engine.rows_of(origin, nodes, horizons, self.adjusted))
        if self._rows_with_holidays is not None:
            inside = self._inside[nodes]
            with_holidays = self._by_node(self._rows_with_holidays(nodes, horizons))
            altered = np.where(inside[:, None, None], with_holidays, altered)
        sold = engine.snapshot.first_sale[nodes] <= origin
        differing = _mark_differing_rows(baseline, altered) & sold[:, None]
        changed = np.zeros((len(modelled), len(horizons)), dtype=np.bool_)
        changed[reached] = differing
        return ScenarioRows(origin, changed, altered[differing], self.adjusted.levels_as_planned)

    @cached_property
    def _rows_with_holidays(self) -> Callable[[Rows, Rows], Floats] | None:
        if self.snapshot is self.engine.snapshot:
            return None
        return self.engine.rows_with_holidays(
            replace(self.adjusted, snapshot=self.snapshot, calendar=self.snapshot.calendar)
        )

    @cached_property
    def _inside(self) -> NDArray[np.bool_]:
        return _mark_nodes_inside(self.engine.snapshot.hierarchy, self.bottoms)

    def _by_node(self, rows: Floats) -> Floats:
        return rows.reshape(-1, len(self.horizons), rows.shape[1])


def bottoms_below(hierarchy: Hierarchy, node: int) -> NDArray[np.intp]:
    """Return the numbers of a node's bottom series, counted from the first bottom; shape (n,)."""
    summing = hierarchy.summing
    below = summing.indices[summing.indptr[node] : summing.indptr[node + 1]]
    return np.sort(below).astype(np.intp)


def with_values(
    covariates: Covariates, bottoms: NDArray[np.intp], adjustment: Adjustment
) -> Covariates:
    """Return covariates with other values of one for some bottom series.

    Those of announced series move no forecast, and are altered only where all series are announced.

    Raises:
        AdjustmentError: the result would be negative, or depend on unknown values.
    """
    origin, name = covariates.origin, adjustment.covariate
    announced = covariates.snapshot.announced[covariates.snapshot.hierarchy.n_upper + bottoms]
    bottoms = bottoms if announced.all() else bottoms[~announced]
    days = slice(adjustment.first - origin - 1, adjustment.last - origin)
    known = covariates.values[name][bottoms, days].astype(np.float64)
    missing = np.isnan(known).any(axis=0)
    if adjustment.op != SET and missing.any():
        since = covariates.snapshot.date_at(adjustment.first + int(missing.argmax()))
        raise adjustment.error(
            "op", f"{name} is not known from {since} on; name days before it, or use set."
        )
    number = adjustment.number
    values = {SET: np.full_like(known, number), ADD: known + number, MULTIPLY: known * number}
    result = values[adjustment.op]
    may_be_negative = covariates.snapshot.specification.covariate(name).kind is Kind.NUMBER
    if (result < 0).any() and not may_be_negative:
        series, day = np.argwhere(result < 0)[0]
        raise adjustment.error(
            "value",
            f"On {covariates.snapshot.date_at(adjustment.first + int(day))} the {name} of a series "
            f"is {known[series, day]:g}, and would be {result[series, day]:g}.",
        )
    return covariates.altered(name, bottoms, days, result)


def with_holiday(snapshot: Snapshot, adjustment: Adjustment) -> Snapshot:
    """Return the snapshot with another national holiday or event, or none, on the given days.

    The type of the holiday (a day off or an event) is that of its last occurrence. Regional and
    local holidays stay. A day that already is as requested is not changed.

    Raises:
        AdjustmentError: there is no holiday of that name.
    """
    name = cast(str | None, adjustment.value)
    like = None if name is None else _find_last_holiday(snapshot, name, adjustment)
    span = range(adjustment.first, adjustment.last + 1)
    changed = [day for day in span if not _has_holiday(snapshot, day, name)]
    if not changed:
        return snapshot
    dates = {date for day in changed for date in snapshot.dates_of(day)}
    others = [
        row for row in snapshot.holidays if not (row.date in dates and row.locale == NATIONAL)
    ]
    new = []
    if like is not None:
        new = [like.model_copy(update=_make_update(snapshot.date_at(day))) for day in changed]
    # a replaced snapshot has no cached calendar of the old holidays
    return replace(snapshot, holidays=(*others, *new))


def _make_update(day: date) -> dict[str, object]:
    return {"date": day, "transferred": False}


def _find_last_holiday(snapshot: Snapshot, name: str, adjustment: Adjustment) -> Holiday:
    names = set(snapshot.calendar.names.tolist()) - {NO_HOLIDAY}
    if name not in names:
        raise adjustment.error(
            "value",
            f"There is no national holiday or event {name!r}; there are {_format_names(names)}.",
        )
    rows = [
        row
        for row in snapshot.holidays
        if row.name == name and row.locale == NATIONAL and row.type != WORK_DAY
    ]
    return max(rows, key=lambda row: (not row.transferred, row.date))


def _format_names(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names)) or "none"


def _has_holiday(snapshot: Snapshot, day: int, name: str | None) -> bool:
    """Return whether a day already is the holiday of a name, or no holiday for None."""
    dates = snapshot.dates_of(day)
    rows = [row for row in snapshot.holidays if row.date in dates and row.locale == NATIONAL]
    if name is None:
        return not rows
    # a transferred holiday has the name without being a day off
    observed = any(row.name == name and not row.transferred for row in rows)
    return observed and snapshot.calendar.names[day] == name


def _check_days(adjustment: Adjustment, snapshot: Snapshot, days: NDArray[np.intp]) -> None:
    start, end = (snapshot.date_at(int(day)) for day in (days[0], days[-1]))
    first, last = (snapshot.date_at(day) for day in (adjustment.first, adjustment.last))
    for field, day in (("from", first), ("to", last)):
        if not start <= day <= end:
            raise adjustment.error(
                field, f"{day} is not among the days forecast, {start} to {end}."
            )
    if first > last:
        raise adjustment.error("from", f"{first} is after the last day, {last}.")


def _count_below(hierarchy: Hierarchy, bottoms: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return how many of some bottom series are below each node, shape (nodes,)."""
    among = np.zeros(hierarchy.n_bottom)
    among[bottoms] = 1
    return hierarchy.aggregate(among)


def _mark_nodes_inside(hierarchy: Hierarchy, bottoms: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return whether all bottom series of a node are among some, shape (nodes,)."""
    every = _count_below(hierarchy, np.arange(hierarchy.n_bottom))
    return np.asarray(_count_below(hierarchy, bottoms) == every)


def _mark_differing_rows(first: Floats, second: Floats) -> NDArray[np.bool_]:
    """Return whether rows differ in any value, NaN being equal; shape without the last axis."""
    if first is second:
        return np.zeros(first.shape[:-1], dtype=np.bool_)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    return np.asarray(~same.all(axis=-1))
