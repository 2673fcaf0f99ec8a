"""Sales of every node on the weekdays before an origin, of usual sales (`features.usual`).

Weekly data have one weekday: shapes say 7 where they have 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.feature import LOG_RATIO, LOG_UNITS, SHARE, Feature, Group
from features.tail import Tail, Values

FEATURES = (
    Feature(
        "weekday_last",
        "Last same weekday",
        Group.WEEKDAY,
        LOG_UNITS,
        "the last same weekday",
        daily=True,
    ),
    Feature(
        "weekday_4",
        "Last 4 same weekdays",
        Group.WEEKDAY,
        LOG_UNITS,
        "mean of the last 4 same weekdays",
        daily=True,
    ),
    Feature(
        "weekday_8",
        "Last 8 same weekdays",
        Group.WEEKDAY,
        LOG_UNITS,
        "mean of the last 8 same weekdays",
        daily=True,
    ),
    Feature(
        "weekday_16",
        "Last 16 same weekdays",
        Group.WEEKDAY,
        LOG_UNITS,
        "mean of the last 16 same weekdays",
        daily=True,
    ),
    Feature(
        "weekday_index",
        "This weekday against the week",
        Group.WEEKDAY,
        LOG_RATIO,
        "the last 8 same weekdays less the mean of 56 days",
        daily=True,
    ),
    Feature(
        "weekday_decayed",
        "Same weekdays lately",
        Group.WEEKDAY,
        LOG_UNITS,
        "same weekdays but holidays, weights decaying over 16",
    ),
    Feature(
        "weekday_median_8",
        "Middle of the last 8 same weekdays",
        Group.WEEKDAY,
        LOG_UNITS,
        "median of the last 8 same weekdays",
    ),
    Feature(
        "weekday_units_8",
        "Units on the last 8 same weekdays",
        Group.WEEKDAY,
        LOG_UNITS,
        "log of mean units on the last 8 same weekdays but holidays",
    ),
    Feature(
        "weekday_sold_16",
        "How often it sells on this weekday",
        Group.WEEKDAY,
        SHARE,
        "of the last 16 same weekdays with sales",
    ),
    Feature(
        "sunday_index",
        "Sundays against the week",
        Group.WEEKDAY,
        LOG_RATIO,
        "weekday index of Sunday, which a day off may be like",
        daily=True,
    ),
)
"""In the order of the contract; the value of a row is that of the weekday of its day."""

_WEEKDAY_WEEKS = 16
_WEEKDAY_DECAY = 0.85
"""Weight of a week against that of the week after it."""


def measure_weekdays(snapshot: Snapshot, origin: int, logs: Tail) -> Values:
    """Compute means of the last same weekdays, Monday first; each of shape (nodes, 7)."""
    week = snapshot.step.week
    values: Values = {}
    for weeks in (1, 4, 8, 16):
        days = logs.values[:, -week * weeks :].reshape(len(logs.age), weeks, week)
        back = np.arange(week * weeks)[::-1].reshape(weeks, week)
        lived = (back[None] < logs.age[:, None, None]).sum(axis=1)
        mean = days.sum(axis=1) / np.maximum(lived, 1)
        values[f"weekday_{weeks}"] = _monday_first(snapshot, origin, mean)
    values["weekday_last"] = values.pop("weekday_1")
    values["weekday_index"] = values["weekday_8"] - logs.mean(8 * week)[:, None]
    return values


def measure_ordinary_weekdays(
    snapshot: Snapshot,
    origin: int,
    units: NDArray[np.float64],
    logs: Tail,
    ordinary: NDArray[np.bool_],
) -> Values:
    """Compute statistics of the last same weekdays without holidays; each of shape (nodes, 7).

    Decayed mean, median, mean units, and share of days with sales.
    """
    week = snapshot.step.week
    span = week * _WEEKDAY_WEEKS
    shape = (len(logs.age), _WEEKDAY_WEEKS, week)
    days = logs.values[:, -span:].reshape(shape)
    raw = units[:, -span:].reshape(shape)
    back = np.arange(span)[::-1].reshape(_WEEKDAY_WEEKS, week)
    use = (back[None] < logs.age[:, None, None]) & ordinary[-span:].reshape(_WEEKDAY_WEEKS, week)
    weight = use * _WEEKDAY_DECAY ** np.arange(_WEEKDAY_WEEKS)[::-1][None, :, None]

    def mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((values * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9))

    recent = use[:, -8:]
    values = {
        "weekday_decayed": mean(days, weight),
        "weekday_median_8": np.median(days[:, -8:], axis=1),
        "weekday_units_8": np.log1p(mean(raw[:, -8:], recent.astype(np.float64))),
        "weekday_sold_16": mean((raw > 0).astype(np.float64), use.astype(np.float64)),
    }
    return {name: _monday_first(snapshot, origin, value) for name, value in values.items()}


def average_weekdays(
    snapshot: Snapshot, origin: int, values: NDArray[np.float64], weeks: int
) -> NDArray[np.float64]:
    """Return the mean of the last `weeks` same weekdays, Monday first; shape (nodes, 7)."""
    week = snapshot.step.week
    last = values[:, -week * weeks :].reshape(len(values), weeks, week).mean(axis=1)
    return _monday_first(snapshot, origin, last)


def _monday_first(
    snapshot: Snapshot, origin: int, last_week: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rotate the columns of the 7 days that end at the origin to Monday..Sunday."""
    return np.roll(last_week, int(snapshot.calendar.weekday[origin]) + 1, axis=1)
