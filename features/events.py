"""What unusual days did: holidays and events, days of the month, the same days of other years."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.calendar import NO_HOLIDAY
from features.snapshot import MAX_HORIZON, Snapshot
from features.trailing import TAIL_DAYS, YEAR, Tail, Values, running_sums

_MONTHDAYS = 31
_AROUND_WEEKS = (-2, -1, 1, 2)
_AROUND_DAYS = 28
_YEARS_BACK = (1, 2, 3)
_FORTNIGHT = 14
_MOST = 0.5


def ordinary_days(snapshot: Snapshot, origin: int) -> NDArray[np.bool_]:
    """Which of the last `TAIL_DAYS` days are neither holiday nor event nor before the data.

    Where most of them have a name, a name sets no day apart, and all are ordinary.
    """
    named = snapshot.calendar.names[: origin + 1] != NO_HOLIDAY
    ordinary = np.zeros(TAIL_DAYS, dtype=np.bool_)
    known = min(origin + 1, TAIL_DAYS)
    if named[-known:].mean() > _MOST:
        named = np.zeros_like(named)
    ordinary[-known:] = ~named[-known:]
    return ordinary


class Unusual:
    """By how much days of the past differed from the same weekdays around them."""

    def __init__(self, logs: Tail, ordinary: NDArray[np.bool_]) -> None:
        self.logs = logs
        self.ordinary = ordinary
        self.masked = logs.values * ordinary
        self.sums = running_sums(self.masked)
        self.counts = np.concatenate(([0], np.cumsum(ordinary)))

    def effect(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Days less the ordinary same weekdays of two weeks before and after; (nodes, n)."""
        beside = at[None] + 7 * np.array(_AROUND_WEEKS)[:, None]
        inside = (beside >= 0) & (beside < TAIL_DAYS)
        beside = np.clip(beside, 0, TAIL_DAYS - 1)
        counted = inside & self.ordinary[beside]
        total = sum(self.masked[:, days] * use for days, use in zip(beside, counted, strict=True))
        count = counted.sum(axis=0)
        return np.where(count > 0, self.logs.values[:, at] - total / np.maximum(count, 1), np.nan)

    def level(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Days less the mean of the ordinary days of four weeks before and after; (nodes, n)."""
        start = np.maximum(at - _AROUND_DAYS, 0)
        end = np.minimum(at + _AROUND_DAYS + 1, TAIL_DAYS)
        count = np.maximum(self.counts[end] - self.counts[start], 1)
        mean = (self.sums[:, end] - self.sums[:, start]) / count
        return np.ascontiguousarray(self.logs.values[:, at] - mean)

    def by_monthday(self, snapshot: Snapshot, origin: int) -> NDArray[np.float64]:
        """Mean effect in a year on each day of the month and the two beside it; (nodes, 31)."""
        at = np.arange(TAIL_DAYS - YEAR, TAIL_DAYS)
        effect = np.nan_to_num(self.effect(at))
        day = snapshot.calendar.day["day_of_month"][np.maximum(at + origin + 1 - TAIL_DAYS, 0)]
        apart = np.abs(day[:, None] - np.arange(1, _MONTHDAYS + 1)[None])
        near = (np.minimum(apart, _MONTHDAYS - apart) <= 1) & self.ordinary[at][:, None]
        mean: NDArray[np.float64] = effect @ near / np.maximum(near.sum(axis=0), 1)
        return mean


def events(snapshot: Snapshot, origin: int, unusual: Unusual) -> Values:
    """What the named days ahead did when they last occurred, and other days a year before."""
    names = snapshot.calendar.names
    first = origin + 1 - TAIL_DAYS
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


def same_dates(snapshot: Snapshot, origin: int) -> Values:
    """How open the stores were on the same dates of the three years before; (nodes, 90).

    The series of a node's store, or of all stores, that sold on the date, divided by the mean of
    the two weeks before and after: about 0 on New Year's Day, wherever the day off was moved to.
    NaN where the data begin too late.
    """
    selling = snapshot.selling[:, : origin + 1]
    sums = np.pad(np.cumsum(selling, axis=1), ((0, 0), (1, 0)))
    ahead = snapshot.dates[origin + 1 : origin + 1 + MAX_HORIZON]
    months = ahead.astype("datetime64[M]")
    total = np.zeros((len(selling), MAX_HORIZON))
    years = np.zeros_like(total)
    for back in _YEARS_BACK:
        date = (months - np.timedelta64(12 * back, "M")).astype("datetime64[D]") + (ahead - months)
        at = (date - snapshot.dates[0]).astype(np.intp)
        inside = np.maximum(at, _FORTNIGHT)
        around = sums[:, inside + _FORTNIGHT + 1] - sums[:, inside - _FORTNIGHT]
        known = (at >= _FORTNIGHT) & (around > 0)
        share = selling[:, inside] * (2 * _FORTNIGHT + 1) / np.where(known, around, 1)
        total += np.where(known, share, 0)
        years += known
    open_share = np.where(years > 0, total / np.maximum(years, 1), np.nan)
    return {"date_open": open_share[snapshot.hierarchy.ancestor("store")]}
