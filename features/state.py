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
from features.events import (
    MONTHDAY,
    UnusualDays,
    mark_ordinary_days,
    measure_name_effects,
    measure_open_share,
)
from features.scale import SCALES
from features.seasons import measure_years_before
from features.tail import TAIL_DAYS, Tail, pad_front
from features.weekday import average_weekdays, measure_ordinary_weekdays, measure_weekdays

MIN_HISTORY_DAYS = 56
"""Least days of sales up to and including an origin."""
_SUNDAY = 6


@dataclass(frozen=True)
class State:
    """Features of the past at one origin, for all nodes.

    Attributes:
        snapshot: the data.
        origin: index of the last day whose sales are known.
        node: values of the node; each of shape (nodes,).
        weekday: values of the node on a weekday, Monday first; each of shape (nodes, 7).
        monthday: values of the node on a day of the month; each of shape (nodes, 31).
        ahead: values of the node for a day h after the origin; each of shape (nodes, 90),
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
    if snapshot.n_days < MIN_HISTORY_DAYS:
        raise InputError(
            f"The tables hold {snapshot.n_days} days of sales; a forecast needs "
            f"{MIN_HISTORY_DAYS}. A source holds the whole past, not its newest days."
        )


def state_at(snapshot: Snapshot, origin: int) -> State:
    """Compute the features of every node's past at an origin.

    Args:
        origin: index of the last known day, `MIN_HISTORY_DAYS` - 1 to the newest.

    Raises:
        ValueError: the origin lies outside that span.
    """
    if not MIN_HISTORY_DAYS - 1 <= origin <= snapshot.newest_origin:
        raise ValueError(
            f"origin {origin} is not between {MIN_HISTORY_DAYS - 1} and {snapshot.newest_origin}"
        )
    past = slice(max(origin + 1 - TAIL_DAYS, 0), origin + 1)
    units = pad_front(snapshot.history[:, past], TAIL_DAYS)
    age = np.maximum(origin + 1 - snapshot.first_sale, 0)
    logs = Tail(np.log1p(units), age)
    node = history.measure_levels(units, logs)
    node |= history.measure_past(snapshot, origin)
    weekday = measure_weekdays(snapshot, origin, logs)
    node["sunday_index"] = weekday["weekday_index"][:, _SUNDAY]
    past_days = slice(max(origin + 1 - PAST_DAYS, 0), origin + 1)
    for covariate in snapshot.specification.known_ahead:
        values = snapshot.of_nodes(covariate, snapshot.past_values(covariate, past_days))
        # 0 would look like a change of a price; the mean adds nothing to its response
        values = pad_front(values, PAST_DAYS, "constant" if covariate.kind.adds_up else "mean")
        node |= covariates.measure_past(snapshot, covariate, values, logs.values[:, -PAST_DAYS:])
        weekday[f"{covariate.label}_weekday_8"] = SCALES[covariate.kind].of(
            average_weekdays(snapshot, origin, values, 8)
        )
    ordinary = mark_ordinary_days(snapshot, origin)
    weekday |= measure_ordinary_weekdays(snapshot, origin, units, logs, ordinary)
    unusual_days = UnusualDays(logs, ordinary)
    ahead = (
        measure_years_before(logs)
        | measure_name_effects(snapshot, origin, unusual_days)
        | measure_open_share(snapshot, origin)
    )
    return State(
        snapshot=snapshot,
        origin=origin,
        node=_to_float32(node),
        weekday=_to_float32(weekday),
        monthday=_to_float32({MONTHDAY: unusual_days.monthday_effects(snapshot, origin)}),
        ahead=_to_float32(ahead),
    )


def _to_float32(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Floats]:
    return {name: value.astype(np.float32, order="C") for name, value in values.items()}
