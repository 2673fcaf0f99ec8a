"""Sites and the whole on the new days: closed sites, totals that jumped, days without any sale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from features.data.checks.coverage import is_usual_gap
from features.data.screening.expectation import Floats, common_to_group, median_known
from features.data.screening.new_days import Flags, NewDays, iter_spans
from features.data.screening.outlier import Outlier, OutlierKind, OutlierSeverity
from features.data.screening.sentences import context_text, count_text, number_text, span_text
from features.data.specification import Missing

USUALLY_OPEN = 0.85
"""Least share of the same weekdays before on which a site that is closed sold."""
OTHERS_OPEN = 0.5
"""Least share of the other sites that sell on a day on which a closed one is told."""
LONGEST_CLOSURE_DAYS = 28
"""A site without sales for longer was shut for good, or for long: that is a fact, not a fault."""

SHIFT_DAYS = 7
"""Newest days whose median says where a site's total has moved."""
LEAST_SHIFT = 0.18
"""Least jump of a site's total beside the others, in logarithms: 20 % up, 16 % down."""
SHIFT_DEVIATIONS = 5.0
"""Least jump in robust deviations of the same median on the days before."""


def find_missing_days(days: NewDays, claimed: Flags) -> Iterator[Outlier]:
    """Yield new days on which nobody sold anything, unless that is usual; mark them as claimed."""
    if days.specification.missing is not Missing.ZERO:
        return
    panel = days.panel
    sells = panel.sells
    known: Flags = np.asarray(~np.isnan(days.sales).all(axis=0))
    total = days.totals(days.total)
    expected = np.expm1(days.residuals_of(total).expected[0])
    for at in range(days.new.start, days.new.stop):
        day = days.start + days.judged.start + at
        stated = known[days.judged.start + at]  # neither closed nor unknown for all
        if sells[day] or not stated or is_usual_gap(panel, sells, day, days.holidays):
            continue
        claimed[:, at] = True
        yield Outlier(
            kind=OutlierKind.MISSING_DAY,
            severity=OutlierSeverity.CRITICAL,
            node=days.name_of_group(days.total, 0),
            column="sales",
            first=days.date_of(at),
            last=days.date_of(at),
            value=0.0,
            expected=None if np.isnan(expected[at]) else float(expected[at]),
            message=(
                f"nobody sold anything on {days.date_of(at)}, which is no holiday: the "
                f"{panel.step} may be missing. All together sold "
                f"{context_text(days, total[0], at)}"
            ),
        )


def find_closed_sites(days: NewDays, claimed: Flags) -> Iterator[Outlier]:
    """Yield sites that sold nothing while others did; mark their cells as claimed."""
    totals = days.totals(days.sites)
    if len(totals) < 2:
        return
    sells = totals > 0
    active = np.maximum.accumulate(sells, axis=1) & (_days_since_sale(sells) < 60)
    others = (sells.sum(axis=0) - sells) / np.maximum(active.sum(axis=0) - active, 1)
    closed = (totals == 0) & (others >= OTHERS_OPEN)
    # a day on which all are closed does not end the closure of one
    closed |= (totals == 0) & _between(closed)
    longest = days.panel.step.steps_in(LONGEST_CLOSURE_DAYS)
    for site, first, last in iter_spans(closed):
        before = np.arange(first - days.week, -1, -days.week)[:8]
        if last < days.first_new or last - first >= longest or len(before) < 4:
            continue
        if sells[site, before].mean() < USUALLY_OPEN:
            continue
        members = days.sites.of_series == site
        begin, end = max(first - days.judged.start, 0), last - days.judged.start
        claimed[members, begin : end + 1] = True
        yield _make_closure(days, site, totals[site], begin, end)


def _days_since_sale(sells: Flags) -> Floats:
    at = np.arange(sells.shape[1])
    return np.asarray(at - np.maximum.accumulate(np.where(sells, at, 0), axis=1))


def _between(flags: Flags) -> Flags:
    """Return the days with a flag on both sides."""
    result = np.zeros_like(flags)
    result[:, 1:-1] = flags[:, :-2] & flags[:, 2:]
    return result


def _make_closure(days: NewDays, site: int, totals: Floats, first: int, last: int) -> Outlier:
    node = days.name_of_group(days.sites, site)
    begin, end = days.date_of(first), days.date_of(last)
    start = days.judged.start + first
    weeks = start - days.week * np.arange(1, 5)[:, None] + np.arange(days.week)
    usual = median_known(totals[np.maximum(weeks, 0)], axis=0)
    expected = float(np.nansum(usual[np.arange(last - first + 1) % days.week]))
    return Outlier(
        kind=OutlierKind.CLOSED_SITE,
        severity=OutlierSeverity.WARNING,
        node=node,
        column="sales",
        first=begin,
        last=end,
        value=0.0,
        expected=expected,
        message=(
            f"{node} sold nothing {span_text(begin, end)} ({count_text(days, first, last)}) while "
            f"others sold; {number_text(expected)} were expected: it was closed, or its rows are "
            f"wrong. It sold {context_text(days, totals, first)}"
        ),
    )


def find_level_shifts(days: NewDays, claimed: Flags) -> Iterator[Outlier]:
    """Yield sites whose total has jumped, beside the other sites on the same days."""
    totals = days.totals(days.sites)
    if len(totals) < 3:
        return
    of_sites = days.residuals_of(np.where(totals > 0, totals, np.nan))
    one_group = np.zeros(len(totals), dtype=np.intp)
    moved = of_sites.values - common_to_group(of_sites.values, one_group)
    # days of another outlier say nothing of the level
    share = np.zeros_like(moved)
    np.add.at(share, days.sites.of_series, claimed)
    counts = np.bincount(days.sites.of_series)[:, None]
    moved[share > 0.1 * counts] = np.nan
    length = SHIFT_DAYS if days.week > 1 else 3
    level = _trailing_median(moved, length)
    past = level[:, : days.new.start]
    deviation = 1.4826 * median_known(np.abs(past - median_known(past, 1)[:, None]), axis=1)
    limit = np.fmax(LEAST_SHIFT, SHIFT_DEVIATIONS * deviation)[:, None]
    for sign in (1, -1):
        shifted = sign * level > limit
        for site, first, last in iter_spans(shifted):
            if last >= days.new.start:
                height = float((sign * level[site, first : last + 1]).max())
                window = np.arange(max(first - length + 1, 0), last + 1)
                beyond = window[sign * moved[site, window] > height / 2]
                if len(beyond) > length // 2 and beyond[-1] >= days.new.start:
                    yield _make_shift(days, site, moved[site], totals[site], beyond[0], beyond[-1])


def _trailing_median(values: Floats, length: int) -> Floats:
    """Return the median of the last days up to each day; NaN where too few are known."""
    padded = np.concatenate((np.full((len(values), length - 1), np.nan), values), axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)
    enough = (~np.isnan(windows)).sum(axis=-1) > length // 2 + 1
    return np.where(enough, median_known(windows, axis=-1), np.nan)


def _make_shift(
    days: NewDays,
    site: int,
    moved: Floats,
    totals: Floats,
    first: int,
    last: int,
) -> Outlier:
    node = days.name_of_group(days.sites, site)
    begin, end = days.date_of(first), days.date_of(last)
    units = totals[days.judged][first : last + 1]
    known = ~np.isnan(moved[first : last + 1])
    value = float(units[known].sum())
    expected = float((units[known] / np.exp(moved[first : last + 1][known])).sum())
    change = value / expected - 1
    direction = "more" if change > 0 else "less"
    return Outlier(
        kind=OutlierKind.LEVEL_SHIFT,
        severity=OutlierSeverity.WARNING,
        node=node,
        column="sales",
        first=begin,
        last=end,
        value=value,
        expected=expected,
        message=(
            f"{node} sold {number_text(value)} {span_text(begin, end)}, "
            f"{100 * abs(change):.0f} % {direction} than the {number_text(expected)} that its "
            f"weekdays before and the other sites let expect. On {begin} it sold "
            f"{number_text(float(units[0]))}, after {context_text(days, totals, first)}"
        ),
    )
