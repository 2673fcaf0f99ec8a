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

from features.calendar import NO_HOLIDAY
from features.snapshot import MAX_HORIZON, Snapshot

Floats = NDArray[np.float32]

MIN_HISTORY_DAYS = 56
"""Days of sales that an origin needs behind it."""

YEAR = 364  # 52 weeks: keeps the weekday
_WINDOWS = (7, 14, 28, 56, 112, YEAR)
_SEASON_HALF_WEEK = 3
_TAIL_DAYS = 2 * YEAR + 56
_SPREAD_DAYS = 112
_PROMOTION_DAYS = 112
_HALF_LIFE_DAYS = 14
_WEEKDAY_WEEKS = 16
_WEEKDAY_DECAY = 0.85
"""Weight of a same weekday against that of the next one."""
_SUNDAY = 6
_MONTHDAYS = 31
_AROUND_WEEKS = (-2, -1, 1, 2)
_AROUND_DAYS = 28
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
    node |= _traffic(snapshot, origin)
    weekday = _weekdays(snapshot, origin, logs)
    promoted = slice(max(origin + 1 - _PROMOTION_DAYS, 0), origin + 1)
    items = _padded(
        snapshot.hierarchy.aggregate(snapshot.onpromotion[:, promoted]), _PROMOTION_DAYS
    )
    node["sunday_index"] = weekday["weekday_index"][:, _SUNDAY]
    node |= _promotions(snapshot, items, logs.values[:, -_PROMOTION_DAYS:])
    weekday["promo_weekday_8"] = np.log1p(_weekday_means(snapshot, origin, items, 8))
    ordinary = _ordinary(snapshot, origin)
    weekday |= _clean_weekdays(snapshot, origin, units, logs, ordinary)
    unusual = _Unusual(logs, ordinary)
    ahead = _year_ago(logs) | _events(snapshot, origin, unusual)
    return State(
        snapshot=snapshot,
        origin=origin,
        node=_rounded(node),
        weekday=_rounded(weekday),
        monthday=_rounded({"monthday_effect": unusual.by_monthday(snapshot, origin)}),
        ahead=_rounded(ahead),
    )


def _ordinary(snapshot: Snapshot, origin: int) -> NDArray[np.bool_]:
    """Which of the last `_TAIL_DAYS` days are neither holiday nor event nor before the data."""
    named = snapshot.calendar.names[: origin + 1] != NO_HOLIDAY
    ordinary = np.zeros(_TAIL_DAYS, dtype=np.bool_)
    known = min(origin + 1, _TAIL_DAYS)
    ordinary[-known:] = ~named[-known:]
    return ordinary


class _Unusual:
    """By how much days of the past differed from the same weekdays around them."""

    def __init__(self, logs: _Tail, ordinary: NDArray[np.bool_]) -> None:
        self.logs = logs
        self.ordinary = ordinary
        self.masked = logs.values * ordinary
        self.sums = np.zeros((len(logs.age), _TAIL_DAYS + 1))
        np.cumsum(self.masked, axis=1, out=self.sums[:, 1:])
        self.counts = np.concatenate(([0], np.cumsum(ordinary)))

    def effect(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Days less the ordinary same weekdays of two weeks before and after; (nodes, n)."""
        beside = at[None] + 7 * np.array(_AROUND_WEEKS)[:, None]
        inside = (beside >= 0) & (beside < _TAIL_DAYS)
        beside = np.clip(beside, 0, _TAIL_DAYS - 1)
        counted = inside & self.ordinary[beside]
        total = sum(self.masked[:, days] * use for days, use in zip(beside, counted, strict=True))
        count = counted.sum(axis=0)
        return np.where(count > 0, self.logs.values[:, at] - total / np.maximum(count, 1), np.nan)

    def level(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Days less the mean of the ordinary days of four weeks before and after; (nodes, n)."""
        start = np.maximum(at - _AROUND_DAYS, 0)
        end = np.minimum(at + _AROUND_DAYS + 1, _TAIL_DAYS)
        count = np.maximum(self.counts[end] - self.counts[start], 1)
        mean = (self.sums[:, end] - self.sums[:, start]) / count
        values: NDArray[np.float64] = self.logs.values[:, at] - mean
        return values

    def by_monthday(self, snapshot: Snapshot, origin: int) -> NDArray[np.float64]:
        """Mean effect in a year on each day of the month and the two beside it; (nodes, 31)."""
        at = np.arange(_TAIL_DAYS - YEAR, _TAIL_DAYS)
        effect = np.nan_to_num(self.effect(at))
        day = snapshot.calendar.day["day_of_month"][np.maximum(at + origin + 1 - _TAIL_DAYS, 0)]
        apart = np.abs(day[:, None] - np.arange(1, _MONTHDAYS + 1)[None])
        near = (np.minimum(apart, _MONTHDAYS - apart) <= 1) & self.ordinary[at][:, None]
        mean: NDArray[np.float64] = effect @ near / np.maximum(near.sum(axis=0), 1)
        return mean


def _events(snapshot: Snapshot, origin: int, unusual: _Unusual) -> dict[str, NDArray[np.float64]]:
    """What the named days ahead did when they last occurred, and other days a year before."""
    names = snapshot.calendar.names
    first = origin + 1 - _TAIL_DAYS
    past = np.arange(max(first, 0), origin + 1)
    ahead = origin + np.arange(1, MAX_HORIZON + 1)
    shape = (len(unusual.logs.age), MAX_HORIZON)
    values = {
        "event_effect": np.full(shape, np.nan),
        "event_level": np.full(shape, np.nan),
        "year_effect": np.full(shape, np.nan),
    }
    for day in np.flatnonzero(names[ahead] != NO_HOLIDAY):
        before = past[names[past] == names[ahead[day]]] - first
        if len(before):
            effects = unusual.effect(before)
            known = np.isfinite(effects).sum(axis=1)
            values["event_effect"][:, day] = np.where(
                known > 0, np.nansum(effects, axis=1) / np.maximum(known, 1), np.nan
            )
            values["event_level"][:, day] = unusual.level(before).mean(axis=1)
    year_before = ahead - YEAR - first
    plain = np.flatnonzero((names[ahead] == NO_HOLIDAY) & unusual.ordinary[year_before])
    values["year_effect"][:, plain] = unusual.effect(year_before[plain])
    return values


def _clean_weekdays(
    snapshot: Snapshot,
    origin: int,
    units: NDArray[np.float64],
    logs: _Tail,
    ordinary: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """Same weekdays without holidays: decayed mean, median, mean units, chance of a sale."""
    span = 7 * _WEEKDAY_WEEKS
    shape = (len(logs.age), _WEEKDAY_WEEKS, 7)
    days = logs.values[:, -span:].reshape(shape)
    raw = units[:, -span:].reshape(shape)
    back = np.arange(span)[::-1].reshape(_WEEKDAY_WEEKS, 7)
    use = (back[None] < logs.age[:, None, None]) & ordinary[-span:].reshape(_WEEKDAY_WEEKS, 7)
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


def _padded(values: NDArray[np.floating], days: int) -> NDArray[np.float64]:
    """Zeros before the data begin, so that every window has its full width."""
    missing = days - values.shape[1]
    return np.pad(np.asarray(values, dtype=np.float64), ((0, 0), (missing, 0)))


def _rounded(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Floats]:
    return {name: value.astype(np.float32) for name, value in values.items()}


def _history(units: NDArray[np.float64], logs: _Tail) -> dict[str, NDArray[np.float64]]:
    age = logs.age
    squares = _Tail(logs.values[:, -_SPREAD_DAYS:] ** 2, age)
    raw = _Tail(units[:, -YEAR:], age)
    sold = _Tail((units[:, -_SPREAD_DAYS:] > 0).astype(np.float64), age)
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
    values["size_112"] = logs.mean(112) / np.maximum(sold.mean(112), 1e-9)
    values["recent_3"] = logs.mean(3)
    values["age"] = np.minimum(age, _MAX_AGE_DAYS).astype(np.float64)
    values["trend_28"] = np.where(age > 28, values["mean_28"] - logs.mean(28, ago=28), 0.0)
    values["growth_364"] = np.where(age > YEAR, values["mean_28"] - logs.mean(28, ago=YEAR), np.nan)
    return values


def _traffic(snapshot: Snapshot, origin: int) -> dict[str, NDArray[np.float64]]:
    visits = snapshot.transactions[:, : origin + 1].astype(np.float64)

    def mean(days: int) -> NDArray[np.float64]:
        known = np.nan_to_num(visits[:, -days:])
        counted = np.maximum(np.isfinite(visits[:, -days:]).sum(axis=1), 1)
        return np.asarray(known.sum(axis=1) / counted)

    ratio = np.log1p(mean(28)) - np.log1p(mean(112))
    return {"traffic_28": snapshot.store_share @ ratio}


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
    snapshot: Snapshot, items: NDArray[np.float64], logs: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    x = np.log1p(items)
    centred = x - x.mean(axis=1, keepdims=True)
    covariance = (centred * (logs - logs.mean(axis=1, keepdims=True))).mean(axis=1)
    variance = (centred**2).mean(axis=1)
    family = snapshot.family_group
    pooled = np.bincount(family, covariance) / (np.bincount(family, variance) + _SLOPE_RIDGE)
    return {
        "promo_28": np.log1p(items[:, -28:].mean(axis=1)),
        "promo_share_112": (items > 0).mean(axis=1),
        "promo_slope": covariance / (variance + _SLOPE_RIDGE),
        "promo_family_slope": pooled[family],
        "promo_7": np.log1p(items[:, -7:].mean(axis=1)),
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
