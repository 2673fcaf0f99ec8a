"""Trailing-window features of every node: levels, spreads, weekdays, promotions, years before.

Every function reads a `Tail`, whose last day is the origin, or slices up to it. Sums are
accumulated in float64: float32 rolling statistics drift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import MAX_HORIZON, Snapshot

YEAR = 364  # 52 weeks: keeps the weekday
TAIL_DAYS = 2 * YEAR + 56
"""Days up to an origin from which features of the past are computed."""
PROMOTION_DAYS = 112

_WINDOWS = (7, 14, 28, 56, 112, YEAR)
_SEASON_HALF_WEEK = 3
_SPREAD_DAYS = 112
_HALF_LIFE_DAYS = 14
_WEEKDAY_WEEKS = 16
_WEEKDAY_DECAY = 0.85
"""Weight of a week against that of the week after it."""
_MAX_AGE_DAYS = 4 * YEAR
_SLOPE_RIDGE = 0.05
"""Variance added to that of the promotions (ridge), so that a few do not give a large slope."""

Values = dict[str, NDArray[np.float64]]


class Tail:
    """Values of the days up to an origin, with means over trailing windows."""

    def __init__(self, values: NDArray[np.float64], age: NDArray[np.int64]) -> None:
        """Take `values` of shape (nodes, days), the origin last, and ages in days since opening."""
        self.values = values
        self.age = age
        self.sums = running_sums(values)

    def mean(self, days: int, *, ago: int = 0) -> NDArray[np.float64]:
        """Return the mean over `days` days that end `ago` days before the origin; (nodes,).

        Days before the opening (first sale) do not count; 0 where the node had not opened by then.
        """
        end = self.sums.shape[1] - 1 - ago
        total = self.sums[:, end] - self.sums[:, max(end - days, 0)]
        lived = np.clip(self.age - ago, 1, days)
        mean: NDArray[np.float64] = np.where(self.age > ago, total / lived, 0.0)
        return mean


def running_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums of the first 0, 1, 2, … days; shape (nodes, days + 1).

    Args:
        values: shape (nodes, days).
    """
    # The additions of a cumulative sum in the same order, hence the same bits, but one day of all
    # nodes at a time. Along one series each addition waits for the one before; across nodes they
    # are independent and vectorise. Another order of summation would change features in their
    # last bits and so the golden rows of bundles.
    sums = np.zeros((values.shape[1] + 1, values.shape[0]))
    for day, of_day in enumerate(values.T):
        np.add(sums[day], of_day, out=sums[day + 1])
    return sums.T


def pad_front(values: NDArray[np.floating], days: int) -> NDArray[np.float64]:
    """Pad with zeros before the data begin, so that every window has its full width."""
    missing = days - values.shape[1]
    return np.pad(np.asarray(values, dtype=np.float64), ((0, 0), (missing, 0)))


def measure_levels(units: NDArray[np.float64], logs: Tail) -> Values:
    """Compute levels, spreads and ages; each of shape (nodes,)."""
    age = logs.age
    squares = Tail(logs.values[:, -_SPREAD_DAYS:] ** 2, age)
    raw = Tail(units[:, -YEAR:], age)
    sold = Tail((units[:, -_SPREAD_DAYS:] > 0).astype(np.float64), age)
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


def measure_traffic(snapshot: Snapshot, origin: int) -> Values:
    """Compare the stores' transactions of 28 with those of 112 days; shape (nodes,)."""
    visits = snapshot.transactions[:, : origin + 1].astype(np.float64)

    def mean(days: int) -> NDArray[np.float64]:
        known = np.nan_to_num(visits[:, -days:])
        counted = np.maximum(np.isfinite(visits[:, -days:]).sum(axis=1), 1)
        return np.asarray(known.sum(axis=1) / counted)

    ratio = np.log1p(mean(28)) - np.log1p(mean(112))
    return {"traffic_28": snapshot.store_share @ ratio}


def measure_weekdays(snapshot: Snapshot, origin: int, logs: Tail) -> Values:
    """Compute means of the last same weekdays, Monday first; each of shape (nodes, 7)."""
    values: Values = {}
    for weeks in (1, 4, 8, 16):
        days = logs.values[:, -7 * weeks :].reshape(len(logs.age), weeks, 7)
        back = np.arange(7 * weeks)[::-1].reshape(weeks, 7)
        lived = (back[None] < logs.age[:, None, None]).sum(axis=1)
        mean = days.sum(axis=1) / np.maximum(lived, 1)
        values[f"weekday_{weeks}"] = _monday_first(snapshot, origin, mean)
    values["weekday_last"] = values.pop("weekday_1")
    values["weekday_index"] = values["weekday_8"] - logs.mean(56)[:, None]
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


def average_weekdays(
    snapshot: Snapshot, origin: int, values: NDArray[np.float64], weeks: int
) -> NDArray[np.float64]:
    """Return the mean of the last `weeks` same weekdays, Monday first; shape (nodes, 7)."""
    last = values[:, -7 * weeks :].reshape(len(values), weeks, 7).mean(axis=1)
    return _monday_first(snapshot, origin, last)


def _monday_first(
    snapshot: Snapshot, origin: int, last_week: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rotate the columns of the 7 days that end at the origin to Monday..Sunday."""
    return np.roll(last_week, int(snapshot.calendar.weekday[origin]) + 1, axis=1)


def measure_promotions(
    snapshot: Snapshot, items: NDArray[np.float64], logs: NDArray[np.float64]
) -> Values:
    """Compute items on promotion and the response of sales to them; each of shape (nodes,)."""
    # The response is the slope of a ridge regression of log1p units on log1p items: covariance
    # over variance + ridge. The ridge pulls it to 0 where promotions hardly vary, instead of
    # dividing noise by almost nothing. Most series have too few promotions for a slope of their
    # own, so a second one pools covariances and variances over all bottoms of a family.
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


def measure_years_before(logs: Tail) -> Values:
    """Look up values a year and two years before the 90 days ahead; each of shape (nodes, 90)."""
    ahead = np.arange(1, MAX_HORIZON + 1)
    values: Values = {}
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
