"""Effects of unusual days: holidays and events, days of the month, same dates of past years."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.data.calendar import NO_HOLIDAY
from features.data.snapshot import Snapshot
from features.data.specification import Specification
from features.data.step import Step
from features.feature import LOG_RATIO, SHARE, Feature, Group
from features.tail import TAIL_DAYS, Tail, Values, running_sums

MONTHDAY, YEAR_EFFECT = "monthday_effect", "year_effect"
DATE_OPEN = "date_open"
DATE_EFFECT = "date_effect"
EVENT_EFFECT, EVENT_LEVEL = "event_effect", "event_level"


def monthday_features(specification: Specification) -> tuple[Feature, ...]:
    """Return the features about the day of the month, of the node and of those above it."""
    label, what = "Time of the month", "about the day of the month, against the same weekdays"
    return _with_ancestors(specification, MONTHDAY, label, Group.SEASON, what, daily=True)


def year_effect_features(specification: Specification) -> tuple[Feature, ...]:
    """Return the features about the same day a year before."""
    label, what = "Day a year before", "364 days before, against the same weekdays around"
    return _with_ancestors(specification, YEAR_EFFECT, label, Group.SEASON, what)


def date_effect_features(specification: Specification) -> tuple[Feature, ...]:
    """Return the features about the same date of past years, which the turn of a year follows."""
    label, what = "Same date in past years", "same dates of 2 years, against the same weekdays"
    return (
        *_with_ancestors(specification, DATE_EFFECT, label, Group.SEASON, what, daily=True),
        Feature(
            f"total_{DATE_EFFECT}",
            f"{label}, total",
            Group.SEASON,
            LOG_RATIO,
            "the same of the total",
            daily=True,
        ),
    )


def event_features(specification: Specification) -> tuple[Feature, ...]:
    """Return the features about the last times that the holiday or event of the day occurred."""
    site = specification.label(specification.site)
    return (
        *_with_ancestors(
            specification,
            EVENT_EFFECT,
            "Past effect of the holiday",
            Group.HOLIDAY,
            "the last times, against the same weekdays around",
        ),
        *_with_ancestors(
            specification,
            EVENT_LEVEL,
            "Past level on the holiday",
            Group.HOLIDAY,
            "the last times, against the mean of the four weeks around",
        ),
        Feature(
            "total_event_effect",
            "Past effect of the holiday on the total",
            Group.HOLIDAY,
            LOG_RATIO,
            "the effect on the total",
        ),
        Feature(
            "total_event_level",
            "Past level of the total on the holiday",
            Group.HOLIDAY,
            LOG_RATIO,
            "the level of the total",
        ),
        Feature(
            DATE_OPEN,
            "Open on this date in past years",
            Group.HOLIDAY,
            SHARE,
            f"series of the {site} that sold on the date in the last 3 years",
            daily=True,
        ),
    )


def _with_ancestors(
    specification: Specification,
    name: str,
    label: str,
    group: Group,
    description: str,
    *,
    daily: bool = False,
) -> tuple[Feature, ...]:
    """Return a feature, and that of the node's ancestor at each level between."""
    return (
        Feature(name, label, group, LOG_RATIO, description, daily),
        *(
            Feature(
                f"{level}_{name}",
                f"{label}, whole {level}",
                group,
                LOG_RATIO,
                f"the same of the {level}",
                daily,
            )
            for level in specification.between
        ),
    )


_MONTHDAYS = 31
_WEEKS_BESIDE = ((-2, -1), (1, 2))
"""Weeks from a day to its neighbours before and after it."""
_AROUND_DAYS = 28
_YEARS_BACK = (1, 2, 3)
_YEARS_OF_DATE = (1, 2)
"""Years whose dates the tail holds."""
_FORTNIGHT = 14
_MAX_NAME_SHARE = 0.5
_BREAK = 1.0
"""Difference of the neighbours before and after a day, in log1p units, that is a break."""

_Sum = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Sum of ordinary days, shape (nodes, n), and their number, shape (n,)."""


def mark_ordinary_days(snapshot: Snapshot, origin: int) -> NDArray[np.bool_]:
    """Return which of the last `TAIL_DAYS` days are ordinary; shape (days,).

    Not ordinary are holidays, events and days before the data begin. If more than
    `_MAX_NAME_SHARE` of the days have a name, a name distinguishes nothing, and all are ordinary.
    """
    has_name = snapshot.calendar.names[: origin + 1] != NO_HOLIDAY
    tail = snapshot.step.steps_in(TAIL_DAYS)
    ordinary = np.zeros(tail, dtype=np.bool_)
    known = min(origin + 1, tail)
    if has_name[-known:].mean() > _MAX_NAME_SHARE:
        has_name = np.zeros_like(has_name)
    ordinary[-known:] = ~has_name[-known:]
    return ordinary


class UnusualDays:
    """Differences of past days from the ordinary days around them, in log1p units."""

    # An effect is the day's value less the mean of its neighbours, so that it can be carried over
    # to another level: next year's holiday gets the effect on top of next year's level. The
    # neighbours are ordinary days only; if holidays counted among them, Christmas and New Year,
    # one week apart, would cancel each other out. Values of other days are masked to zero once,
    # and sums are divided by counts of ordinary days: both must use the same mask.
    #
    # Where a series starts or stops selling beside the day (an article that is delisted at the end
    # of the year), its neighbours before and after have nothing in common, and their mean would be
    # an effect of the break. Only the side that the day belongs to counts then.

    def __init__(self, logs: Tail, ordinary: NDArray[np.bool_], step: Step = Step.DAY) -> None:
        self.logs = logs
        self._step = step
        self._days = len(ordinary)
        self.ordinary = ordinary
        self.masked = logs.values * ordinary
        self.sums = running_sums(self.masked)
        self.counts = np.concatenate(([0], np.cumsum(ordinary)))

    def effect(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return days less the ordinary same weekdays of two weeks before and after; (nodes, n).

        NaN where there are none, and where the node had not sold for two weeks by then.
        """
        before, after = (
            self._sum_days(at[None] + self._step.week * np.array(weeks)[:, None])
            for weeks in _WEEKS_BESIDE
        )
        return self._compare(at, before, after)

    def level(self, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return days less the mean of the ordinary days within four weeks; shape (nodes, n).

        NaN where there are none, and where the node had not sold for two weeks by then.
        """
        around = self._step.steps_in(_AROUND_DAYS)
        before = self._sum_span(np.maximum(at - around, 0), at)
        after = self._sum_span(at, np.minimum(at + around + 1, self._days))
        return self._compare(at, before, after)

    def _compare(self, at: NDArray[np.intp], before: _Sum, after: _Sum) -> NDArray[np.float64]:
        """Return days less their neighbours, NaN up to two weeks after the first sale."""
        value = self.logs.values[:, at]
        opened = self._days - 1 - at[None] + 2 * self._step.week < self.logs.age[:, None]
        return np.where(opened, value - _compute_usual(value, before, after), np.nan)

    def _sum_days(self, days: NDArray[np.intp]) -> _Sum:
        """Add up ordinary days, shape (parts, n)."""
        inside = (days >= 0) & (days < self._days)
        days = np.clip(days, 0, self._days - 1)
        counted = inside & self.ordinary[days]
        total = sum(self.masked[:, part] * use for part, use in zip(days, counted, strict=True))
        return np.asarray(total), counted.sum(axis=0)

    def _sum_span(self, start: NDArray[np.intp], end: NDArray[np.intp]) -> _Sum:
        """Add up the ordinary days from `start` up to, not including, `end`; each of shape (n,)."""
        return self.sums[:, end] - self.sums[:, start], self.counts[end] - self.counts[start]

    def monthday_effects(self, snapshot: Snapshot, origin: int) -> NDArray[np.float64]:
        """Return the mean effect in a year of each day of the month ± 1 day; shape (nodes, 31)."""
        at = np.arange(self._days - self._step.year, self._days)
        effect = np.nan_to_num(self.effect(at))
        day = snapshot.calendar.day["day_of_month"][np.maximum(at + origin + 1 - self._days, 0)]
        apart = np.abs(day[:, None] - np.arange(1, _MONTHDAYS + 1)[None])
        near = (np.minimum(apart, _MONTHDAYS - apart) <= 1) & self.ordinary[at][:, None]
        # Sparse products add the days up one after the other, whatever the number of nodes; a dense
        # one has last bits that depend on it. Each half of the year has a sum of its own, as in the
        # dense products with which bundles were trained, so that effects that cancel out are the
        # same zeros.
        half = len(at) // 2
        days = sparse.csr_array(near.T.astype(np.float64))
        sums = (days[:, :half] @ effect.T[:half] + days[:, half:] @ effect.T[half:]).T
        mean: NDArray[np.float64] = sums / np.maximum(near.sum(axis=0), 1)
        return mean


def _compute_usual(value: NDArray[np.float64], before: _Sum, after: _Sum) -> NDArray[np.float64]:
    """Return the mean of the neighbours of days, on one side if a break is between; (nodes, n).

    NaN for a day without neighbours.
    """
    (total_before, n_before), (total_after, n_after) = before, after
    count = n_before + n_after
    mean = np.where(count > 0, (total_before + total_after) / np.maximum(count, 1), np.nan)
    earlier = total_before / np.maximum(n_before, 1)
    later = total_after / np.maximum(n_after, 1)
    known = (n_before > 0) & (n_after > 0)
    broken = known & (np.abs(earlier - later) > _BREAK)
    nearer = np.where(np.abs(value - earlier) <= np.abs(value - later), earlier, later)
    usual: NDArray[np.float64] = np.where(broken, nearer, mean)
    return usual


def measure_name_effects(snapshot: Snapshot, origin: int, unusual_days: UnusualDays) -> Values:
    """Return past effects of the days ahead; each of shape (nodes, horizon).

    For a day with a name, the mean effect and level of the past days of that name; for a day
    without one, the effect of the day 364 days before.
    """
    # A holiday is matched by name and not by date, because holidays move and are transferred. A
    # plain day is matched with its own weekday 52 weeks before, and only if that day was ordinary:
    # otherwise the effect of a holiday would be ascribed to a day that has none. Days that match
    # nothing stay NaN, which the trees treat as missing; 0 would claim "no effect".
    names = snapshot.calendar.names
    first = origin + 1 - len(unusual_days.ordinary)
    past = np.arange(max(first, 0), origin + 1)
    ahead = origin + np.arange(1, snapshot.horizon + 1)
    shape = (len(unusual_days.logs.age), snapshot.horizon)
    values = {
        EVENT_EFFECT: np.full(shape, np.nan),
        EVENT_LEVEL: np.full(shape, np.nan),
        YEAR_EFFECT: np.full(shape, np.nan),
    }
    for day in np.flatnonzero(names[ahead] != NO_HOLIDAY):
        before = past[names[past] == names[ahead[day]]] - first
        if len(before):
            values[EVENT_EFFECT][:, day] = _average_known(unusual_days.effect(before))
            values[EVENT_LEVEL][:, day] = _average_known(unusual_days.level(before))
    year_before = np.minimum(ahead - snapshot.step.year, origin) - first
    is_past = ahead - snapshot.step.year <= origin
    is_plain = is_past & (names[ahead] == NO_HOLIDAY) & unusual_days.ordinary[year_before]
    plain = np.flatnonzero(is_plain)
    values[YEAR_EFFECT][:, plain] = unusual_days.effect(year_before[plain])
    return values


def measure_date_effects(snapshot: Snapshot, origin: int, unusual_days: UnusualDays) -> Values:
    """Return the mean effect of the same dates of two past years; shape (nodes, horizon).

    The days around the turn of the year follow the date, and most have no name by which they could
    be matched. A past day that has a name does not count: its effect is that of the name.
    """
    first = origin + 1 - len(unusual_days.ordinary)
    ahead = np.arange(origin + 1, origin + 1 + snapshot.horizon)
    shape = (len(unusual_days.logs.age), len(ahead), len(_YEARS_OF_DATE))
    effects = np.full(shape, np.nan)
    for place, back in enumerate(_YEARS_OF_DATE):
        at = _same_dates(snapshot, ahead, back) - first
        known = (at >= 0) & (at < len(unusual_days.ordinary))
        known[known] = unusual_days.ordinary[at[known]]
        effects[:, known, place] = unusual_days.effect(at[known])
    return {DATE_EFFECT: _average_known(effects)}


def _average_known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the values on the last axis that are known, NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    # one after the other: `sum` adds up nine values or more of a single node in another order
    total = np.zeros(values.shape[:-1])
    for place in range(values.shape[-1]):
        total += np.where(known[..., place], values[..., place], 0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _same_dates(snapshot: Snapshot, days: NDArray[np.intp], years_back: int) -> NDArray[np.intp]:
    """Return the indices of the same dates some years before, which may lie before the data.

    For 29 February, it is 1 March of the other years.
    """
    dates = snapshot.dates[days]
    months = dates.astype("datetime64[M]")
    past = (months - np.timedelta64(12 * years_back, "M")).astype("datetime64[D]")
    index: NDArray[np.intp] = (past + (dates - months) - snapshot.dates[0]).astype(np.intp)
    return index


def measure_open_share(snapshot: Snapshot, origin: int) -> NDArray[np.float64]:
    """Return the share of series that sold on the same dates of past years; (upper, horizon).

    The number of series of a site (or of all sites) that sold on the date, over its mean
    in the two weeks before and after, averaged over three years: about 0 on New Year's Day,
    whatever day its day off was transferred to. NaN where the data begin too late.
    """
    # Matched by calendar date and not by weekday or name: a closing such as 1 January follows the
    # date. The window around it normalises for stores and series that were added since.
    selling = snapshot.selling[:, : origin + 1]
    sums = np.pad(np.cumsum(selling, axis=1), ((0, 0), (1, 0)))
    ahead = np.arange(origin + 1, origin + 1 + snapshot.horizon)
    total, last = np.zeros((len(selling), len(ahead))), selling.shape[1] - 1 - _FORTNIGHT
    years = np.zeros_like(total)
    for back in _YEARS_BACK:
        at = _same_dates(snapshot, ahead, back)
        inside = np.clip(at, _FORTNIGHT, last)
        around = sums[:, inside + _FORTNIGHT + 1] - sums[:, inside - _FORTNIGHT]
        known = (at == inside) & (around > 0)
        share = selling[:, inside] * (2 * _FORTNIGHT + 1) / np.where(known, around, 1)
        total += np.where(known, share, 0)
        years += known
    open_share: NDArray[np.float64] = np.where(years > 0, total / np.maximum(years, 1), np.nan)
    return open_share
