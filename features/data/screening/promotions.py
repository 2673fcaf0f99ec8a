"""Promotions on the new days: counts beyond any before, and columns that lost their values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from features.data.screening.expectation import Floats
from features.data.screening.new_days import Flags, NewDays, iter_spans
from features.data.screening.outlier import Outlier, OutlierKind, OutlierSeverity
from features.data.screening.sentences import number_text, span_text
from features.data.specification import Covariate, Kind

BEYOND_COUNT = 3.0
"""Least ratio of a count to the largest of the same product before, to be out of range."""
LEAST_COUNT = 20.0
USUAL_SERIES = 5
"""Least series with a promotion on each of the days before, of a column that became all zero."""
NEARLY_ALL = 0.9
"""Share of the series with a promotion that no day before reached, of one that is never zero."""
MIN_SERIES = 3
MANY_SERIES = 3
"""Series of a product with counts out of range from which they are one outlier of the product."""


def find_promotion_faults(days: NewDays) -> Iterator[Outlier]:
    """Yield counts out of range, and columns of promotions that became all zero or never zero."""
    specification = days.specification
    for covariate in specification.covariates:
        of_sales = covariate.table == specification.sales and covariate.value is None
        if of_sales and covariate.known_ahead and covariate.kind in (Kind.COUNT, Kind.FLAG):
            yield from _find_of_column(days, covariate)


def _find_of_column(days: NewDays, covariate: Covariate) -> Iterator[Outlier]:
    window = days.panel.values(covariate.source, (slice(None), slice(days.start, None)))
    values = window[:, days.judged]
    open_days: Flags = np.asarray(~np.isnan(values).all(axis=0))
    rows = (~np.isnan(values)).sum(axis=0)
    promoted = (values > 0).sum(axis=0)
    past = promoted[: days.new.start][open_days[: days.new.start]]
    if len(past) and len(values) >= MIN_SERIES:
        usual = float(np.median(past))
        share = promoted / np.maximum(rows, 1)
        emptied: Flags = np.asarray((promoted == 0) & bool(past.min() >= USUAL_SERIES))
        seldom_all = bool(share[: days.new.start].max() < NEARLY_ALL)
        filled: Flags = np.asarray((promoted == rows) & seldom_all)
        for flags, text in ((emptied, "no series"), (filled, "every series")):
            new = np.flatnonzero(flags & open_days)
            for first, last in _spans_of(new[new >= days.new.start]):
                begin, end = days.date_of(first), days.date_of(last)
                yield _make_column_outlier(
                    days, covariate, values[:, first : last + 1], begin, end, text, usual
                )
    if covariate.kind is Kind.COUNT:
        yield from _find_out_of_range(days, covariate, values)


def _spans_of(positions: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of positions without a gap."""
    for run in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1):
        if len(run):
            yield int(run[0]), int(run[-1])


def _make_column_outlier(
    days: NewDays,
    covariate: Covariate,
    values: Floats,
    first: date,
    last: date,
    text: str,
    usual: float,
) -> Outlier:
    return Outlier(
        kind=OutlierKind.PROMOTION_COLUMN,
        severity=OutlierSeverity.CRITICAL,
        node=days.name_of_group(days.total, 0),
        column=covariate.source,
        first=first,
        last=last,
        value=float(np.nansum(values)),
        expected=None,
        message=(
            f"{text} has a value in {covariate.source} {span_text(first, last)}, where "
            f"{number_text(usual)} series had one on half of the {days.panel.step}s before: the "
            "column may have lost its values"
        ),
    )


def _find_out_of_range(days: NewDays, covariate: Covariate, values: Floats) -> Iterator[Outlier]:
    suspected = np.nan_to_num(values) >= LEAST_COUNT
    suspected[:, : days.new.start] = False
    end = days.start + days.first_new
    for product in np.unique(days.products.of_series[suspected.any(axis=1)]):
        members = np.flatnonzero(days.products.of_series == product)
        most = float(days.panel.largest(covariate.source, members, end).max())
        if most == 0:  # nothing to compare with
            continue
        beyond = suspected[members] & (values[members] > BEYOND_COUNT * most)
        if beyond.any(axis=1).sum() >= MANY_SERIES:  # one outlier of the product instead of many
            number = int(product)
            node = days.name_of_group(days.products, number)
            spans = iter_spans(np.atleast_2d(beyond.any(axis=0)))
            places = [(node, members, first, last) for _, first, last in spans]
        else:
            places = [
                (days.name_of_series(int(members[at])), members[at : at + 1], first, last)
                for at, first, last in iter_spans(beyond)
            ]
        for node, rows, first, last in places:
            span = values[rows, first : last + 1]
            begin, until = days.date_of(first), days.date_of(last)
            yield Outlier(
                kind=OutlierKind.PROMOTION_RANGE,
                severity=OutlierSeverity.WARNING,
                node=node,
                column=covariate.source,
                first=begin,
                last=until,
                value=float(np.nansum(span)),
                expected=None,
                message=(
                    f"{node} has up to {number_text(float(np.nanmax(span)))} in "
                    f"{covariate.source} {span_text(begin, until)}; the largest before was "
                    f"{number_text(most)}, of all sites"
                ),
            )
