"""The past of every node at an origin: all that the model may know of it.

Only days up to and including the origin are read; the slice is taken once, at the top of
`state_at`, so that no feature can look further. Sums are accumulated in float64 and rounded to
float32 at the end: float32 rolling statistics drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.snapshot import MAX_HORIZON, Snapshot

Floats = NDArray[np.float32]

MIN_HISTORY_DAYS = 56
"""Days of sales that an origin needs behind it."""

YEAR = 364  # 52 weeks: keeps the weekday
_WINDOWS = (7, 14, 28, 56, 112, YEAR)
_SEASON_HALF_WEEK = 3
_TAIL_DAYS = 2 * YEAR + 56
_PROMOTION_DAYS = 112
_HALF_LIFE_DAYS = 14
_MAX_AGE_DAYS = 4 * YEAR
_SLOPE_RIDGE = 0.05
"""Variance added to that of the promotions, so that few of them claim no strong response."""


@dataclass(frozen=True)
class State:
    """Features of the past at one origin, for all nodes.

    Attributes:
        snapshot: the data.
        origin: index of the last day whose sales are known.
        node: values of the node; each of shape (nodes,).
        weekday: values of the node on a weekday, Monday first; each of shape (nodes, 7).
        ahead: values of the node for a day h after the origin; each of shape (nodes, 90),
            h = 1 first.

    Invariants: all float32; a value of ``ahead`` is NaN where the node had not yet sold a year
    (or two) before the day; the others have no NaN, but for oil before its first price.
    """

    snapshot: Snapshot
    origin: int
    node: Mapping[str, Floats]
    weekday: Mapping[str, Floats]
    ahead: Mapping[str, Floats]

    @property
    def sold(self) -> NDArray[np.bool_]:
        """Which nodes have sold anything up to the origin; shape (nodes,)."""
        return self.snapshot.first_sale <= self.origin


class _Tail:
    """The last `_TAIL_DAYS` days of a series of arrays, with means over trailing windows."""

    def __init__(self, values: NDArray[np.float64], age: NDArray[np.int64]) -> None:
        """`values` has shape (nodes, days), the origin last; `age` counts days since opening."""
        self.values = values
        self.age = age
        self.sums = np.zeros((values.shape[0], values.shape[1] + 1))
        np.cumsum(values, axis=1, out=self.sums[:, 1:])

    def mean(self, days: int, *, ago: int = 0) -> NDArray[np.float64]:
        """Mean over `days` days that end `ago` days before the origin, since the opening.

        0 where the node had not opened by then.
        """
        end = self.sums.shape[1] - 1 - ago
        total = self.sums[:, end] - self.sums[:, max(end - days, 0)]
        lived = np.clip(self.age - ago, 1, days)
        mean: NDArray[np.float64] = np.where(self.age > ago, total / lived, 0.0)
        return mean


def state_at(snapshot: Snapshot, origin: int) -> State:
    """Describe the past of every node at an origin.

    Args:
        origin: index of the last known day, `MIN_HISTORY_DAYS` - 1 to the newest.

    Raises:
        ValueError: the origin lies outside that span.
    """
    if not MIN_HISTORY_DAYS - 1 <= origin <= snapshot.newest_origin:
        raise ValueError(
            f"origin {origin} is not between {MIN_HISTORY_DAYS - 1} and {snapshot.newest_origin}"
        )
    past = slice(max(origin + 1 - _TAIL_DAYS, 0), origin + 1)
    units = _padded(snapshot.sales[:, past], _TAIL_DAYS)
    age = np.maximum(origin + 1 - snapshot.first_sale, 0)
    logs = _Tail(np.log1p(units), age)
    node = _history(units, logs)
    node |= _oil_and_traffic(snapshot, origin)
    weekday = _weekdays(snapshot, origin, logs)
    promoted = slice(max(origin + 1 - _PROMOTION_DAYS, 0), origin + 1)
    items = _padded(
        snapshot.hierarchy.aggregate(snapshot.onpromotion[:, promoted]), _PROMOTION_DAYS
    )
    node |= _promotions(items, logs.values[:, -_PROMOTION_DAYS:])
    weekday["promo_weekday_8"] = np.log1p(_weekday_means(snapshot, origin, items, 8))
    return State(
        snapshot=snapshot,
        origin=origin,
        node=_rounded(node),
        weekday=_rounded(weekday),
        ahead=_rounded(_year_ago(logs)),
    )


def _padded(values: NDArray[np.floating], days: int) -> NDArray[np.float64]:
    """Zeros before the data begin, so that every window has its full width."""
    missing = days - values.shape[1]
    return np.pad(np.asarray(values, dtype=np.float64), ((0, 0), (missing, 0)))


def _rounded(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Floats]:
    return {name: value.astype(np.float32) for name, value in values.items()}


def _history(units: NDArray[np.float64], logs: _Tail) -> dict[str, NDArray[np.float64]]:
    age = logs.age
    squares = _Tail(logs.values**2, age)
    raw = _Tail(units, age)
    sold = _Tail((units > 0).astype(np.float64), age)
    values = {f"mean_{days}": logs.mean(days) for days in _WINDOWS}
    weights = 0.5 ** (np.arange(units.shape[1])[::-1] / _HALF_LIFE_DAYS)
    open_days = np.arange(units.shape[1])[::-1] < age[:, None]
    weight_sums = np.maximum(open_days @ weights, 1e-9)
    values["decayed_14"] = logs.values @ weights / weight_sums
    for days in (28, 112):
        variance = squares.mean(days) - values[f"mean_{days}"] ** 2
        values[f"std_{days}"] = np.sqrt(np.maximum(variance, 0))
        values[f"zero_share_{days}"] = 1 - sold.mean(days)
    for days in (7, 28, YEAR):
        values[f"units_{days}"] = np.log1p(raw.mean(days))
    recent = units[:, -YEAR:][:, ::-1] > 0
    values["days_since_sale"] = np.where(recent.any(axis=1), recent.argmax(axis=1), YEAR).astype(
        np.float64
    )
    values["age"] = np.minimum(age, _MAX_AGE_DAYS).astype(np.float64)
    values["trend_28"] = np.where(age > 28, values["mean_28"] - logs.mean(28, ago=28), 0.0)
    values["growth_364"] = np.where(age > YEAR, values["mean_28"] - logs.mean(28, ago=YEAR), np.nan)
    return values


def _oil_and_traffic(snapshot: Snapshot, origin: int) -> dict[str, NDArray[np.float64]]:
    nodes = len(snapshot.hierarchy)
    before = max(origin - 28, 0)
    change = snapshot.oil[origin] - snapshot.oil[before]
    visits = snapshot.transactions[:, : origin + 1].astype(np.float64)

    def mean(days: int) -> NDArray[np.float64]:
        known = np.nan_to_num(visits[:, -days:])
        counted = np.maximum(np.isfinite(visits[:, -days:]).sum(axis=1), 1)
        return np.asarray(known.sum(axis=1) / counted)

    ratio = np.log1p(mean(28)) - np.log1p(mean(112))
    return {
        "oil_change_28": np.full(nodes, change),
        "traffic_28": snapshot.store_share @ ratio,
    }


def _weekday_means(
    snapshot: Snapshot, origin: int, values: NDArray[np.float64], weeks: int
) -> NDArray[np.float64]:
    """Mean of the last `weeks` same weekdays, Monday first; shape (nodes, 7)."""
    last = values[:, -7 * weeks :].reshape(len(values), weeks, 7).mean(axis=1)
    return _monday_first(snapshot, origin, last)


def _monday_first(
    snapshot: Snapshot, origin: int, last_week: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Turn the columns of the 7 days that end at the origin to Monday..Sunday."""
    return np.roll(last_week, int(snapshot.calendar.weekday[origin]) + 1, axis=1)


def _weekdays(snapshot: Snapshot, origin: int, logs: _Tail) -> dict[str, NDArray[np.float64]]:
    values: dict[str, NDArray[np.float64]] = {}
    for weeks in (1, 4, 8, 16):
        days = logs.values[:, -7 * weeks :].reshape(len(logs.age), weeks, 7)
        back = np.arange(7 * weeks)[::-1].reshape(weeks, 7)
        lived = (back[None] < logs.age[:, None, None]).sum(axis=1)
        mean = days.sum(axis=1) / np.maximum(lived, 1)
        values[f"weekday_{weeks}"] = _monday_first(snapshot, origin, mean)
    values["weekday_last"] = values.pop("weekday_1")
    values["weekday_index"] = values["weekday_8"] - logs.mean(56)[:, None]
    return values


def _promotions(
    items: NDArray[np.float64], logs: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    x = np.log1p(items)
    centred = x - x.mean(axis=1, keepdims=True)
    covariance = (centred * (logs - logs.mean(axis=1, keepdims=True))).mean(axis=1)
    return {
        "promo_28": np.log1p(items[:, -28:].mean(axis=1)),
        "promo_share_112": (items > 0).mean(axis=1),
        "promo_slope": covariance / ((centred**2).mean(axis=1) + _SLOPE_RIDGE),
    }


def _year_ago(logs: _Tail) -> dict[str, NDArray[np.float64]]:
    ahead = np.arange(1, MAX_HORIZON + 1)
    values: dict[str, NDArray[np.float64]] = {}
    for prefix, days in (("year", YEAR), ("year2", 2 * YEAR)):
        at = logs.values.shape[1] - 1 + ahead - days
        window = logs.sums[:, at + _SEASON_HALF_WEEK + 1] - logs.sums[:, at - _SEASON_HALF_WEEK]
        week = window / (2 * _SEASON_HALF_WEEK + 1)
        # the node must have been open for the whole of the 28 days to the year before the origin
        known = (logs.age > days + 28)[:, None]
        values[f"{prefix}_week"] = np.where(known, week, np.nan)
        values[f"{prefix}_season"] = np.where(
            known, week - logs.mean(28, ago=days)[:, None], np.nan
        )
        values[f"{prefix}_value"] = np.where(known, logs.values[:, at], np.nan)
    values["year_level"] = values["year_season"] + logs.mean(28)[:, None]
    del values["year2_week"], values["year2_value"]
    return values
