"""Overrides that a planner requests: validated, computed and warned about, but not stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from api.forecasts.changes import Changes
from api.forecasts.days import Prediction, day_forecasts_of, translate_runner_errors
from api.forecasts.nodes import node_row
from api.forecasts.planning import Plan, Planning, standing_of
from api.forecasts.windows import ForecastWindow
from api.http.responses import reference
from api.schemas.overrides import OverrideRequest, OverrideWarning
from errors import Code, FieldError, Problem
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from features.data.step import Step
from models.overrides import (
    AdjustedForecast,
    Change,
    Effect,
    adjust,
    changes_on,
    spread_evenly,
    spread_in_proportion,
    wanted_units,
)
from models.scenario import bottoms_below
from models.uncertainty import Uncertainty
from storage.overrides import NewOverride, PlannedDay, StatisticalDay, StoredOverride

_MOST_FACTOR = 100.0
_MOST_UNITS = 1e12
"""Units of a node on one day that an override may make: beyond, sums would lose whole units."""

_NOISE = 0.1
"""Share of half the 80 % interval below which a change is small."""

_STORED = Uncertainty((80, 95))
_MOST_LISTED = 5
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Draft:
    """A requested override, computed on the overrides that stand.

    Attributes:
        row: of the node in the hierarchy.
        window: the days of the override.
        before, after: whole forecasts of the newest origin without and with it.
        number: of the override in `after.effects`.
    """

    row: int
    window: ForecastWindow
    new: NewOverride
    before: AdjustedForecast
    after: AdjustedForecast
    number: int
    warnings: tuple[OverrideWarning, ...]

    def changes(self, hierarchy: Hierarchy) -> Changes:
        """Return the changes of every node on the days of the override."""
        days = self.window.horizons - 1
        before, after = self.before.result[:, days], self.after.result[:, days]
        return Changes.between(hierarchy, before, after, np.zeros(len(hierarchy), dtype=np.bool_))


async def draft_override(
    planning: Planning, plan: Plan, payload: OverrideRequest, *, author: str, subject: str
) -> Draft:
    """Return the override that a request asks for.

    Raises:
        Problem: the node is not known (see `node_row`); INVALID_OVERRIDE: the days, the value or
            the expiry cannot be used, with all faults that were found.
    """
    engine = plan.forecaster.release.engine
    snapshot, newest = engine.snapshot, engine.snapshot.newest_origin
    row = node_row(snapshot, payload)
    _refuse([*_find_faults(snapshot, payload, planning.clock())])
    standing = await planning.call(planning.store.standing, plan.state, snapshot.date_at(newest))
    with translate_runner_errors():
        before = await plan.forecaster.whole(newest)
    start, end = snapshot.index_of(payload.first), snapshot.index_of(payload.last)
    window = ForecastWindow(newest, np.arange(start, end + 1) - newest)
    values = _values_of(payload, row, window.horizons, before)
    _refuse([*_find_value_faults(snapshot, window, payload, before.result[row], values)])
    number = max((each.id for each in standing), default=0) + 1
    change = Change(number, row, payload.op, window.horizons - 1, values)
    earlier = changes_on(snapshot, newest, engine.all_horizons, map(standing_of, standing))
    after = await anyio.to_thread.run_sync(
        adjust, snapshot.hierarchy, before.statistical, [*earlier, change]
    )
    effect = after.effects[number]
    _refuse([*_find_missing_proportions(snapshot.hierarchy, row, effect)])
    new = NewOverride(
        node=snapshot.hierarchy.nodes[row].id,
        first=payload.first,
        last=payload.last,
        op=payload.op,
        value=payload.value,
        spread=payload.spread,
        reason=payload.reason,
        note=payload.note,
        author=author,
        subject=subject,
        expires_at=payload.expires_at,
        model_version=engine.bundle.name,
        snapshot=reference(snapshot).digest,
        origin=snapshot.date_at(newest),
        statistical=_statistical_days(plan, window, row, before),
        days=_planned_days(snapshot, window, values, effect, after.result[row, effect.at]),
    )
    overlapping = [*overlapping_overrides(snapshot.hierarchy, row, payload, standing)]
    others = _warn_of_others(snapshot.hierarchy, overlapping, before, after)
    warnings = (*_warn_of_numbers(new), *others)
    return Draft(row, window, new, before, after, number, warnings)


def _planned_days(
    snapshot: Snapshot,
    window: ForecastWindow,
    values: NDArray[np.float64],
    effect: Effect,
    result: NDArray[np.float64],
) -> tuple[PlannedDay, ...]:
    return tuple(
        PlannedDay(snapshot.date_at(int(day)), *map(float, numbers))
        for day, *numbers in zip(window.days, values, effect.before, result, strict=True)
    )


def _find_missing_proportions(
    hierarchy: Hierarchy, row: int, effect: Effect
) -> Iterator[FieldError]:
    if effect.equal_shares.any():
        yield FieldError(
            "/node",
            f"No series of {hierarchy.nodes[row].id} has a forecast that units could be in "
            "proportion to; override its series instead",
        )


def _refuse(faults: Sequence[FieldError]) -> None:
    if faults:
        detail = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults)
        raise Problem(Code.INVALID_OVERRIDE, f"{detail}.", errors=faults)


def _find_faults(
    snapshot: Snapshot, payload: OverrideRequest, now: datetime
) -> Iterator[FieldError]:
    """Yield what is wrong with the days, the value and the expiry of a request."""
    newest, step = snapshot.newest_origin, snapshot.step
    start, end = snapshot.date_at(newest + 1), snapshot.date_at(newest + snapshot.horizon)
    for pointer, day in (("/from", payload.first), ("/to", payload.last)):
        if not start <= day <= end:
            yield FieldError(
                pointer, f"{day} is not among the days that are forecast, {start} to {end}"
            )
        elif step is Step.WEEK and (week := snapshot.date_at(snapshot.index_of(day))) != day:
            later = snapshot.date_at(snapshot.index_of(day) + 1)
            yield FieldError(pointer, f"{day} names no week here; {week} and {later} do")
    if payload.first > payload.last:
        yield FieldError("/from", f"{payload.first} is after the last day, {payload.last}")
    low, high = {
        "set": (0.0, _MOST_UNITS),
        "add": (-_MOST_UNITS, _MOST_UNITS),
        "multiply": (0.0, _MOST_FACTOR),
    }[payload.op]
    if not low <= payload.value <= high:
        yield FieldError(
            "/value",
            f"{payload.op} takes a number from {low:,.0f} to {high:,.0f}, not {payload.value:g}",
        )
    if payload.expires_at is not None and payload.expires_at <= now:
        yield FieldError("/expires_at", "A time in the future is expected")


def _values_of(
    payload: OverrideRequest, row: int, horizons: NDArray[np.intp], before: AdjustedForecast
) -> NDArray[np.float64]:
    """Return the operand of each day."""
    if payload.op == "multiply" or payload.spread == "day":
        return spread_evenly(payload.value, len(horizons))
    days = horizons - 1
    return spread_in_proportion(
        payload.value, before.result[row, days], before.statistical[row, days]
    )


def _find_value_faults(
    snapshot: Snapshot,
    window: ForecastWindow,
    payload: OverrideRequest,
    result: NDArray[np.float64],
    values: NDArray[np.float64],
) -> Iterator[FieldError]:
    """Yield the first day on which the result would be negative, and the first of too many units.

    Args:
        result: forecast of the node with the overrides that stand, on all days.
        values: operands, shape (days,).
    """
    before = result[window.horizons - 1]
    wanted = wanted_units(payload.op, before, values)
    below, above = wanted < -_ROUNDING * np.maximum(before, 1), wanted > _MOST_UNITS
    if below.any():
        at = int(below.argmax())
        day = snapshot.date_at(int(window.days[at]))
        yield FieldError(
            "/value",
            f"On {day} the forecast is {before[at]:.10g}; with {values[at]:+.10g} it would be "
            f"{wanted[at]:.10g}, and cannot be below 0",
        )
    if above.any():
        at = int(above.argmax())
        day = snapshot.date_at(int(window.days[at]))
        yield FieldError(
            "/value",
            f"On {day} the result would be {wanted[at]:.3g}; at most {_MOST_UNITS:g} can be",
        )


def _statistical_days(
    plan: Plan, window: ForecastWindow, row: int, before: AdjustedForecast
) -> tuple[StatisticalDay, ...]:
    """Return the statistical forecast of the node, with its intervals."""
    mean = before.statistical[[row]][:, window.horizons - 1]
    of_node = day_forecasts_of(
        plan.forecaster,
        window,
        np.array([row]),
        Prediction(mean, mean, adjusted=False),
        _STORED,
    )
    return tuple(
        StatisticalDay(day, *numbers)
        for day, numbers in zip(of_node.dates, of_node.values[0].tolist(), strict=True)
    )


def overlapping_overrides(
    hierarchy: Hierarchy,
    row: int,
    span: OverrideRequest,
    overrides: Sequence[StoredOverride],
) -> Iterator[StoredOverride]:
    """Yield the overrides of some days whose nodes share a series with one: these move each other.

    In a grouped hierarchy not only ancestors and descendants do: a store and an article share the
    series of that article in that store.
    """
    below = np.zeros(hierarchy.n_bottom)
    below[bottoms_below(hierarchy, row)] = 1
    related = hierarchy.aggregate(below) > 0
    for each in overrides:
        other = hierarchy.index.get(each.node)
        same_days = each.first <= span.last and each.last >= span.first
        if other is not None and related[other] and same_days:
            yield each


def _warn_of_numbers(new: NewOverride) -> Iterator[OverrideWarning]:
    """Yield warnings about the size of a change."""
    pairs = [*zip(new.statistical, new.days, strict=True)]
    delta = sum(day.result - day.before for day in new.days)
    empty = [day.date for day in new.days if day.before <= _ROUNDING]
    if empty:
        yield OverrideWarning("no-forecast", f"The forecast is 0 {_describe_days(empty)}.")
    changes = [(abs(day.result - day.before), day) for day in new.days]
    if all(size <= _ROUNDING * max(day.before, 1) for size, day in changes):
        yield OverrideWarning("no-change", "The result is the forecast as it is.")
    elif all(
        abs(day.result - day.before) < _NOISE * (model.upper_80 - model.lower_80) / 2
        for model, day in pairs
    ):
        yield OverrideWarning(
            "small",
            "On every day the change is less than a tenth of half the 80 % interval: the forecast "
            "is not so exact that it could be told from chance.",
        )
        if delta > 0:
            yield OverrideWarning(
                "upward",
                "Small changes upward make forecasts worse more often than better (Fildes, "
                "Goodwin, Lawrence and Nikolopoulos, 2009).",
            )
    outside = [
        day.date for model, day in pairs if not model.lower_95 <= day.result <= model.upper_95
    ]
    if outside:
        yield OverrideWarning(
            "outside-band", f"The result is outside of the 95 % interval {_describe_days(outside)}."
        )


def _warn_of_others(
    hierarchy: Hierarchy,
    overlapping: Sequence[StoredOverride],
    before: AdjustedForecast,
    after: AdjustedForecast,
) -> Iterator[OverrideWarning]:
    """Yield warnings about overrides that share series and days with a new one."""
    if overlapping:
        names = describe_overrides(overlapping)
        yield OverrideWarning("overlap", f"Applied before this one, on the same series: {names}.")
    moved = [
        each
        for each in overlapping
        if (effect := before.effects.get(each.id)) is not None
        and before.holds(row := hierarchy.index[each.node], effect)
        and not after.holds(row, after.effects[each.id])
    ]
    if moved:
        names = describe_overrides(moved)
        yield OverrideWarning("moves", f"No longer what was requested: {names}.")


def describe_overrides(overrides: Sequence[StoredOverride]) -> str:
    """Return the names of the first overrides, and how many more there are."""
    names = [
        f"{each.id} of {each.author} ({each.node}, {each.first} to {each.last})"
        for each in overrides[:_MOST_LISTED]
    ]
    rest = len(overrides) - len(names)
    return "; ".join(names) + (f"; and {rest} more" if rest else "")


def _describe_days(days: Sequence[date]) -> str:
    if len(days) == 1:
        return f"on {days[0]}"
    return f"on {len(days)} days, the first of them {days[0]}"
