"""State: the features of every node's past at an origin.

Only days up to and including the origin are read; the slice is taken in one place, at the top of
`state_at`, so that no feature can look ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errors import InputError
from features import covariates, history
from features.blocks import Floats
from features.covariates import PAST_DAYS
from features.data.snapshot import Snapshot
from features.data.step import Step
from features.events import (
    MONTHDAY,
    UnusualDays,
    mark_ordinary_days,
    measure_date_effects,
    measure_name_effects,
    measure_open_share,
)
from features.scale import SCALES
from features.seasons import measure_years_before
from features.tail import TAIL_DAYS, Tail, pad_front
from features.usual import mark_brief_shuts, replace_unusual
from features.weekday import average_weekdays, measure_ordinary_weekdays, measure_weekdays

MIN_HISTORY_DAYS = 56
"""Least days of sales up to and including an origin."""
_SUNDAY = 6


def first_origin(step: Step) -> int:
    """Return the index of the earliest day that can be an origin."""
    return step.steps_in(MIN_HISTORY_DAYS) - 1


@dataclass(frozen=True)
class PastState:
    """Features of the past at one origin, for all nodes.

    Attributes:
        snapshot: the data.
        origin: index of the last day whose sales are known.
        node: values of the node; each of shape (nodes,).
        weekday: values of the node on a weekday, Monday first; each of shape (nodes, 7). Weekly
            data have one weekday.
        monthday: values of the node on a day of the month; each of shape (nodes, 31). Weekly data
            have none.
        ahead: values of the node for a day h after the origin; each of shape (nodes, horizon),
            h = 1 first.

    Invariants: all float32; a value of ``ahead`` is NaN where the node had not yet sold a year
    (or two) before the day; the others have none.
    """

    snapshot: Snapshot
    origin: int
    node: Mapping[str, Floats]
    weekday: Mapping[str, Floats]
    monthday: Mapping[str, Floats]
    ahead: Mapping[str, Floats]

    @property
    def sold(self) -> NDArray[np.bool_]:
        """Nodes that have sold anything up to the origin; Boolean, shape (nodes,)."""
        return self.snapshot.first_sale <= self.origin


def check_days(snapshot: Snapshot) -> None:
    """Refuse a snapshot that is too short for any forecast.

    Raises:
        InputError: it holds fewer than `MIN_HISTORY_DAYS` days.
    """
    step, least = snapshot.step, snapshot.step.steps_in(MIN_HISTORY_DAYS)
    if snapshot.n_days < least:
        raise InputError(
            f"The tables hold {snapshot.n_days} {step}s of sales; a forecast needs "
            f"{least}. A source holds the whole past, not its newest {step}s."
        )


def state_at(snapshot: Snapshot, origin: int) -> PastState:
    """Compute the features of every node's past at an origin.

    Args:
        origin: index of the last known day; `MIN_HISTORY_DAYS` end with the earliest.

    Raises:
        ValueError: the origin lies outside that span.
    """
    step, newest = snapshot.step, snapshot.newest_origin
    earliest = first_origin(step)
    if not earliest <= origin <= newest:
        raise ValueError(f"origin {origin} is not between {earliest} and {newest}")
    tail, recent = step.steps_in(TAIL_DAYS), step.steps_in(PAST_DAYS)
    past = slice(max(origin + 1 - tail, 0), origin + 1)
    units = pad_front(snapshot.history[:, past], tail)
    age = np.maximum(origin + 1 - snapshot.first_sale, 0)
    logs = Tail(np.log1p(units), age)
    ordinary = mark_ordinary_days(snapshot, origin)
    opened = np.arange(tail)[::-1] < age[:, None]
    unusual = np.broadcast_to(~ordinary, opened.shape).copy()
    unusual[:, tail - (past.stop - past.start) :] |= mark_brief_shuts(snapshot, past)
    usual_units = replace_unusual(units, unusual, opened, week=step.week)
    usual = Tail(replace_unusual(logs.values, unusual, opened, week=step.week), age)
    node = history.measure_levels(usual_units, usual, step=step)
    node |= history.measure_past(snapshot, origin)
    weekday = measure_weekdays(snapshot, origin, usual)
    node["sunday_index"] = weekday["weekday_index"][:, _SUNDAY % step.week]
    past_days = slice(max(origin + 1 - recent, 0), origin + 1)
    for covariate in snapshot.specification.known_ahead:
        values = snapshot.of_nodes(covariate, snapshot.past_values(covariate, past_days))
        # 0 would look like a change of a price; the mean adds nothing to its response
        values = pad_front(values, recent, "constant" if covariate.kind.adds_up else "mean")
        node |= covariates.measure_past(snapshot, covariate, values, usual.values[:, -recent:])
        weekday[f"{covariate.label}_weekday_8"] = SCALES[covariate.kind].of(
            average_weekdays(snapshot, origin, values, 8)
        )
    weekday |= measure_ordinary_weekdays(snapshot, origin, usual_units, usual, ordinary)
    unusual_days = UnusualDays(logs, ordinary, step)
    ahead = measure_years_before(usual, step=step, horizon=snapshot.horizon) | measure_name_effects(
        snapshot, origin, unusual_days
    )
    monthday = {}
    if step is Step.DAY:
        ahead |= measure_open_share(snapshot, origin)
        ahead |= measure_date_effects(snapshot, origin, unusual_days)
        monthday[MONTHDAY] = unusual_days.monthday_effects(snapshot, origin)
    return PastState(
        snapshot=snapshot,
        origin=origin,
        node=_to_float32(node),
        weekday=_to_float32(weekday),
        monthday=_to_float32(monthday),
        ahead=_to_float32(ahead),
    )


def _to_float32(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Floats]:
    return {name: value.astype(np.float32, order="C") for name, value in values.items()}
