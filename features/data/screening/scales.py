"""Decimal shifts: sales close to a power of ten times the expected ones, of a node or a series.

A decimal point that was lost, or a unit that was changed, moves all values of an export by the same
power of ten. So a node above the series counts as shifted only if its total is, beside the other
nodes of its level, and most of its series are by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from features.data.screening.expectation import Floats, common_to_group
from features.data.screening.new_days import Flags, Groups, NewDays, iter_spans
from features.data.screening.outlier import Outlier, OutlierKind, OutlierSeverity
from features.data.screening.sentences import context_text, number_text, span_text

POWERS = (-3, -2, -1, 1, 2, 3)
TOLERANCE = 0.12
"""Largest distance from a power of ten, in decimal logarithms: 0.76 to 1.32 times it."""
MEMBER_TOLERANCE = 0.25
MEMBER_SHARE = 0.6
"""Share of a node's series that must be shifted themselves, each within a wider tolerance."""
DAY_BEFORE = 3.0
"""Largest ratio of the sales of the day before to the expected ones: what rises within days is a
season such as Valentine's Day, and no fault."""
LEAST_MEMBER = 3.0
"""Least expected units of a series that counts as a member."""
DEVIATIONS = 6.0
MOVED_TOGETHER = 0.7
"""Largest residual, in logarithms, that the peers of a series may have in common: where all of a
site sold half, it was closed early, and no decimal point is wrong."""
LEAST_UP, LEAST_DOWN = 20.0, 50.0
"""Least expected units of a value that is too large, or too small."""
BEYOND = 1.5
"""Least ratio of a value that is too large to the largest of the year before."""

Powers = NDArray[np.int64]
"""Power of ten by which a value is shifted, 0 where it is not."""


def find_decimal_shifts(days: NewDays, claimed: Flags) -> Iterator[Outlier]:
    """Yield the decimal shifts, those of the largest nodes first; mark their cells as claimed."""
    for groups in _levels(days):
        yield from _find_in_groups(days, groups, claimed)
    yield from _find_in_series(days, claimed)


def _levels(days: NewDays) -> list[Groups]:
    levels = [days.total, days.products, days.sites]
    single = len(days.panel.series.columns) == 1  # its sites are the series
    distinct = [each for each in levels if len(each.keys) > 1 or each is days.total]
    return [each for each in distinct if not (single and each is days.sites)]


def _nearest_power(ratio: Floats, tolerance: float) -> Powers:
    """Return the power of ten that a ratio is close to; 0 if there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(ratio)
    power = np.where(np.isfinite(logs), np.rint(np.nan_to_num(logs, posinf=0, neginf=0)), 0)
    near = np.abs(logs - power) <= tolerance
    return np.where(near & np.isin(power, POWERS), power, 0).astype(np.int64)


def _ratio(units: Floats, expected: Floats, common: Floats) -> Floats:
    """Return sales over the expected ones, after what is common to the peers of a node."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(units / (np.expm1(np.maximum(expected, 0)) * np.exp(common)))


def _suspected(ratio: Floats, expected: Floats, deviations: Floats) -> Powers:
    power = _nearest_power(ratio, TOLERANCE)
    expected_units = np.expm1(np.nan_to_num(expected))
    enough = expected_units >= np.where(power > 0, LEAST_UP, LEAST_DOWN)
    return np.where(enough & (np.abs(deviations) >= DEVIATIONS), power, 0)


def _find_in_groups(days: NewDays, groups: Groups, claimed: Flags) -> Iterator[Outlier]:
    totals = days.totals(groups)
    of_nodes = days.residuals_of(totals)
    one_group = np.zeros(len(groups.keys), dtype=np.intp)
    common = common_to_group(of_nodes.values, one_group)
    ratio = _ratio(of_nodes.units, of_nodes.expected, common)
    rest_of_day = of_nodes.values - common
    power = _suspected(ratio, of_nodes.expected, rest_of_day / of_nodes.deviation)
    power[:, : days.new.start] = 0
    for number in np.flatnonzero((power != 0).any(axis=1)):
        members = np.flatnonzero(groups.of_series == number)
        agreed = power[number] * _members_agree(days, members, power[number], common[number])
        agreed *= ~claimed[members].all(axis=0)
        largest = days.reached_by_group(members)
        agreed[(agreed > 0) & (of_nodes.units[number] < BEYOND * largest)] = 0
        for shift in np.unique(agreed[agreed != 0]):
            for _, first, last in iter_spans((agreed == shift)[None]):
                if first and abs(rest_of_day[number, first - 1]) > np.log(DAY_BEFORE):
                    continue
                claimed[members, first : last + 1] = True
                yield _make_outlier(
                    days,
                    days.name_of_group(groups, int(number)),
                    int(shift),
                    first,
                    last,
                    totals[number],
                    of_nodes.units[number],
                    np.expm1(of_nodes.expected[number]) * np.exp(common[number]),
                    OutlierSeverity.CRITICAL,
                )


def _members_agree(
    days: NewDays, members: NDArray[np.intp], power: Powers, common: Floats
) -> Flags:
    """Return on which days most series of a node are shifted by the power of the node."""
    of_series = days.series
    expected = np.expm1(np.nan_to_num(of_series.expected[members]))
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.log10(of_series.units[members] / expected)
    counts = expected >= LEAST_MEMBER
    own = own - common / np.log(10)
    near = counts & (np.abs(own - power) <= MEMBER_TOLERANCE)
    return np.asarray(near.sum(axis=0) >= np.maximum(MEMBER_SHARE * counts.sum(axis=0), 1))


def _find_in_series(days: NewDays, claimed: Flags) -> Iterator[Outlier]:
    of_series = days.series
    common = days.common_to_products + days.common_to_sites
    ratio = _ratio(of_series.units, of_series.expected, common)
    rest = (of_series.values - common) / of_series.deviation
    power = _suspected(ratio, of_series.expected, rest)
    power[claimed | (np.abs(common) > MOVED_TOGETHER)] = 0
    power[:, : days.new.start] = 0
    suspects = np.flatnonzero((power != 0).any(axis=1))
    if not len(suspects):
        return
    largest = days.reached(suspects)
    lowest = _lowest(days, suspects)
    for number, most, least in zip(suspects, largest, lowest, strict=True):
        own = power[number]
        units = of_series.units[number]
        own[(own > 0) & (units < BEYOND * most)] = 0
        own[(own < 0) & (units * BEYOND > least)] = 0
        for shift in np.unique(own[own != 0]):
            for _, first, last in iter_spans((own == shift)[None]):
                claimed[number, first : last + 1] = True
                yield _make_outlier(
                    days,
                    days.name_of_series(int(number)),
                    int(shift),
                    first,
                    last,
                    days.sales[number],
                    units,
                    np.expm1(of_series.expected[number]) * np.exp(common[number]),
                    OutlierSeverity.WARNING,
                )


def _lowest(days: NewDays, series: NDArray[np.intp]) -> Floats:
    """Return the second smallest value of series with sales before the new days."""
    past = days.sales[series, : days.first_new]
    return np.sort(np.where(past > 0, past, np.inf), axis=1)[:, 1]


def _make_outlier(
    days: NewDays,
    node: str,
    power: int,
    first: int,
    last: int,
    window: Floats,
    units: Floats,
    expected: Floats,
    severity: OutlierSeverity,
) -> Outlier:
    span = slice(first, last + 1)
    value, usual = float(units[span].sum()), float(expected[span].sum())
    factor = f"{10**power:,} times" if power > 0 else f"1/{10**-power:,} of"
    begin, end = days.date_of(first), days.date_of(last)
    return Outlier(
        kind=OutlierKind.DECIMAL_SHIFT,
        severity=severity,
        node=node,
        column="sales",
        first=begin,
        last=end,
        value=value,
        expected=usual,
        message=(
            f"{node} sold {number_text(value)} {span_text(begin, end)}, close to {factor} the "
            f"{number_text(usual)} expected: a decimal point or a unit may be wrong. It sold "
            f"{context_text(days, window, first)}"
        ),
    )
