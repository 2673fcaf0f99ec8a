"""Spikes and stock-outs of single series on the new days."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from features.data.screening.expectation import Floats, median_known
from features.data.screening.new_days import Flags, NewDays, iter_spans
from features.data.screening.outlier import Outlier, OutlierKind, OutlierSeverity
from features.data.screening.sentences import context_text, count_text, number_text, span_text
from features.data.specification import Kind
from features.data.stockouts import STOCKOUT_DAYS, STOCKOUT_WEEKS, is_stockout

SPIKE_DEVIATIONS = 8.0
"""Robust deviations from the expectation of a spike, beyond what its peers have in common."""
SPIKE_UNITS = 20.0
SPIKE_BEYOND, PROMOTED_BEYOND = 2.0, 3.0
"""Least ratio to the largest sales of the year before; on a promotion that the weeks before did not
have, a higher one."""

PEERS_WITH_SPIKE, PEER_DAYS = 3, 7
"""A product whose sales rise so far in this many sites within this many days has its season."""

NEARLY_EVERY = 0.9
"""Least share of days with sales of a series whose stock-out is listed."""

LONGEST_STOCKOUT_DAYS = 28
"""A series without sales for longer is gone, or its assortment was changed."""


def find_spikes(days: NewDays, claimed: Flags) -> Iterator[Outlier]:
    """Yield series that sold far more than is plausible; mark their cells as claimed."""
    # What the series of a product have in common on a day (a holiday, a season) and what those of
    # a site have (a fair in its street) are plausible reasons to sell more. Where they sell less,
    # that is no reason to expect less of this series: it would make spikes of those that did not.
    of_series = days.series
    lift = np.maximum(days.common_to_products, 0) + np.maximum(days.common_to_sites, 0)
    expected = np.expm1(of_series.expected + lift)
    suspected = (
        ((of_series.values - lift) > SPIKE_DEVIATIONS * of_series.deviation)
        & (of_series.units - expected > SPIKE_UNITS)
        & ~claimed
    )
    suspected &= ~_in_season(days, suspected)
    suspected[:, : days.new.start] = False
    suspects = np.flatnonzero(suspected.any(axis=1))
    if not len(suspects):
        return
    beyond = np.where(_newly_promoted(days, suspects), PROMOTED_BEYOND, SPIKE_BEYOND)
    limit = beyond * days.reached(suspects)[:, None]
    spikes = suspected[suspects] & (of_series.units[suspects] > limit)
    for at, first, last in iter_spans(spikes):
        number = int(suspects[at])
        claimed[number, first : last + 1] = True
        yield _make_spike(days, number, first, last, expected[number])


def _in_season(days: NewDays, suspected: Flags) -> Flags:
    """Return on which days several series of the same product have risen in the last days."""
    lately = np.zeros_like(suspected)
    for before in range(max(days.panel.step.steps_in(PEER_DAYS), 1)):
        lately[:, before:] |= suspected[:, : suspected.shape[1] - before]
    counts = np.zeros((len(days.products.keys), suspected.shape[1]), dtype=np.int64)
    np.add.at(counts, days.products.of_series, lately)
    return np.asarray(counts >= PEERS_WITH_SPIKE)[days.products.of_series]


def _newly_promoted(days: NewDays, series: NDArray[np.intp]) -> Flags:
    """Return on which judged days series have more promotions than is usual for them."""
    promoted = np.zeros((len(series), days.judged.stop - days.judged.start), dtype=np.bool_)
    specification = days.specification
    for covariate in specification.known_ahead:
        if covariate.table != specification.sales or covariate.value is not None:
            continue
        if covariate.kind not in (Kind.COUNT, Kind.FLAG):
            continue
        window = slice(days.start, None)
        values = np.nan_to_num(days.panel.values(covariate.source, (series, window)))
        usual = median_known(values[:, : days.first_new], axis=1)
        promoted |= values[:, days.judged] > usual[:, None]
    return promoted


def _make_spike(days: NewDays, series: int, first: int, last: int, expected: Floats) -> Outlier:
    span = slice(first, last + 1)
    value = float(days.series.units[series, span].sum())
    usual = float(expected[span].sum())
    begin, end = days.date_of(first), days.date_of(last)
    node = days.name_of_series(series)
    return Outlier(
        kind=OutlierKind.SPIKE,
        severity=OutlierSeverity.WARNING,
        node=node,
        column="sales",
        first=begin,
        last=end,
        value=value,
        expected=usual,
        message=(
            f"{node} sold {number_text(value)} {span_text(begin, end)}, where "
            f"{number_text(usual)} were expected, more than its year before, its promotions and "
            f"its peers explain. It sold {context_text(days, days.sales[series], first)}"
        ),
    )


def find_stockouts(days: NewDays, claimed: Flags) -> Iterator[Outlier]:
    """Yield series that usually sell and have sold nothing; mark their cells as claimed.

    Days on which the site is closed, or that belong to another outlier, neither count nor end a
    run of days without sales.
    """
    week, before = days.week, STOCKOUT_WEEKS * days.week
    units = days.sales.copy()
    open_sites = days.totals(days.sites)[days.sites.of_series] > 0
    units[~open_sites] = np.nan
    units[:, days.judged][claimed] = np.nan
    rows, first, last = _runs_without_sales(units, days)
    if not len(rows):
        return
    past = units[rows[:, None], first[:, None] - before + np.arange(before)]
    sold = np.where(np.isnan(past), np.nan, past > 0)
    with np.errstate(invalid="ignore"):
        share = np.nan_to_num(np.nansum(sold, axis=1) / (~np.isnan(sold)).sum(axis=1))
        by_weekday = past.reshape(len(rows), -1, week)
        usual = np.nan_to_num(np.nansum(by_weekday, axis=1) / (~np.isnan(by_weekday)).sum(axis=1))
    steps = np.arange(int((last - first).max()) + 1)
    at = np.minimum(first[:, None] + steps, days.n_days - 1)
    idle = (units[rows[:, None], at] == 0) & (steps <= (last - first)[:, None])
    expected = (usual[:, steps % week] * idle).sum(axis=1).astype(np.float64)
    n_idle = idle.sum(axis=1)
    least = max(days.panel.step.steps_in(STOCKOUT_DAYS), 1)
    listed = (
        (n_idle >= least)
        & (share >= NEARLY_EVERY)
        & is_stockout(expected, n_idle, share, days.panel.step)
    )
    for number in np.flatnonzero(listed):
        series, start = int(rows[number]), days.judged.start
        begin, end = max(int(first[number]) - start, 0), int(last[number]) - start
        claimed[series, begin : end + 1] = True
        yield _make_stockout(days, series, begin, end, float(expected[number]))


def _runs_without_sales(
    units: Floats, days: NewDays
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return series, first and last day of the runs without sales that reach the new days."""
    idle = ~(units > 0)
    padded = np.zeros((idle.shape[0], idle.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = idle
    edges = np.diff(padded, axis=1)
    rows, first = np.nonzero(edges == 1)
    last = np.nonzero(edges == -1)[1] - 1
    longest = days.panel.step.steps_in(LONGEST_STOCKOUT_DAYS)
    least = max(days.panel.step.steps_in(STOCKOUT_DAYS), 1)
    length = last - first + 1
    candidates = (
        (last >= days.first_new)
        & (first >= STOCKOUT_WEEKS * days.week)
        & (length >= least)
        & (length <= longest)
    )
    return rows[candidates], first[candidates], last[candidates]


def _make_stockout(days: NewDays, series: int, first: int, last: int, expected: float) -> Outlier:
    begin, end = days.date_of(first), days.date_of(last)
    node = days.name_of_series(series)
    return Outlier(
        kind=OutlierKind.STOCKOUT,
        severity=OutlierSeverity.WARNING,
        node=node,
        column="sales",
        first=begin,
        last=end,
        value=0.0,
        expected=expected,
        message=(
            f"{node} sold nothing {span_text(begin, end)} ({count_text(days, first, last)}), where "
            f"{number_text(expected)} were expected: it may have been out of stock. It sold "
            f"{context_text(days, days.sales[series], first)}"
        ),
    )
