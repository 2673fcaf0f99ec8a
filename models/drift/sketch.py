"""Sketches of features: how often each span of values occurs, by month.

The distribution of a feature is compared with that of the same season. A sketch has few spans, so
it is small; figures of two sketches are those of their samples with values rounded to spans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

SPANS = 16
"""Spans of known values; of one more the values are missing."""
MONTHS = 12
_LEAST_SHARE = 1e-3
"""Share that an empty span counts as in PSI, which would be infinite."""


def edges_of(values: NDArray[np.floating]) -> Values:
    """Return the edges between the spans of a feature, shape (SPANS - 1,): its quantiles.

    A value that is frequent alone has a span of its own: equal edges leave spans between empty.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(SPANS - 1)
    quantiles = np.quantile(known, np.linspace(0, 1, SPANS + 1)[1:-1], method="inverted_cdf")
    return np.asarray(quantiles, dtype=np.float64)


def count_spans(values: NDArray[np.floating], edges: Values) -> Values:
    """Return how many values lie in each span, the missing ones last; shape (SPANS + 1,)."""
    known = values[~np.isnan(values)]
    counts = np.zeros(SPANS + 1)
    counts[:SPANS] = np.bincount(np.searchsorted(edges, known, side="left"), minlength=SPANS)
    counts[SPANS] = len(values) - len(known)
    return counts


def compute_psi(reference: Values, current: Values) -> Values:
    """Return the population stability index of counts of spans along the last axis."""
    expected, actual = _shares(reference), _shares(current)
    expected, actual = np.maximum(expected, _LEAST_SHARE), np.maximum(actual, _LEAST_SHARE)
    return np.asarray(((actual - expected) * np.log(actual / expected)).sum(axis=-1))


def compute_ks(reference: Values, current: Values) -> Values:
    """Return the largest difference of the cumulative shares of known values (Kolmogorov-Smirnov).

    That of two samples is larger by at most the share of one span.
    """
    expected = np.cumsum(_shares(reference[..., :-1]), axis=-1)
    actual = np.cumsum(_shares(current[..., :-1]), axis=-1)
    return np.asarray(np.abs(expected - actual).max(axis=-1))


def _shares(counts: Values) -> Values:
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))


@dataclass(frozen=True)
class Sketches:
    """Sketches of features at the origins of the reference.

    Attributes:
        names: of the features.
        edges: shape (features, SPANS - 1).
        counts: by month of the origin, shape (features, MONTHS, SPANS + 1).
        origins: number of origins of each month, shape (MONTHS,).
        usual_psi, usual_ks: the largest figures of a single origin of the reference against the
            others of its season, shape (features,).
    """

    names: tuple[str, ...]
    edges: Values
    counts: Values
    origins: NDArray[np.intp]
    usual_psi: Values
    usual_ks: Values

    def season(self, month: int) -> Values:
        """Return the counts around a month of the year, 1 to 12; shape (features, SPANS + 1)."""
        return pool_season(self.counts, self.origins, month)

    def compare(self, rows: NDArray[np.floating], month: int) -> tuple[Values, Values]:
        """Return PSI and KS of each feature of some rows, shape (n, features), in a month."""
        current = sketch_rows(rows, self.edges)
        reference = self.season(month)
        return compute_psi(reference, current), compute_ks(reference, current)


def sketch_rows(rows: NDArray[np.floating], edges: Values) -> Values:
    """Return the counts of spans of each column, shape (features, SPANS + 1)."""
    return np.stack([count_spans(rows[:, at], of) for at, of in enumerate(edges)])


def pool_season(counts: Values, origins: NDArray[np.intp], month: int) -> Values:
    """Return the counts of a month and of those beside it; of all months if none has an origin.

    Args:
        counts: shape (features, MONTHS, SPANS + 1).
        origins: number of origins of each month, shape (MONTHS,).
        month: 1 to 12.
    """
    near = (np.arange(month - 2, month + 1)) % MONTHS
    if not origins[near].any():
        near = np.arange(MONTHS)
    return np.asarray(counts[:, near].sum(axis=1))


def make_sketches(
    names: tuple[str, ...],
    rows: list[NDArray[np.floating]],
    months: NDArray[np.intp],
    years: NDArray[np.intp],
) -> Sketches:
    """Sketch the rows of the origins of a reference.

    Args:
        rows: of each origin, shape (n, features).
        months: month of each origin, 1 to 12, shape (origins,).
        years: year of each origin, shape (origins,).
    """
    # The rows of one origin share a day, a season, a trend: their distribution differs from that of
    # the others by far more than that of as many independent rows would. What one origin usually
    # differs by is measured on the reference itself, each origin against the other years.
    pooled = np.concatenate(rows)
    edges = np.stack([edges_of(pooled[:, at]) for at in range(len(names))])
    each = np.stack([sketch_rows(of, edges) for of in rows])
    counts = np.stack([each[months == month].sum(axis=0) for month in range(1, MONTHS + 1)], axis=1)
    origins = np.bincount(months - 1, minlength=MONTHS)
    figures = []
    for number, (month, year) in enumerate(zip(months.tolist(), years.tolist(), strict=True)):
        others = years != year
        if not others.any():
            others = np.arange(len(months)) != number
        if not others.any():
            continue
        rest = np.stack(
            [each[others & (months == m)].sum(axis=0) for m in range(1, MONTHS + 1)], axis=1
        )
        present = np.bincount(months[others] - 1, minlength=MONTHS)
        season = pool_season(rest, present, month)
        figures.append((compute_psi(season, each[number]), compute_ks(season, each[number])))
    usual = np.array(figures).max(axis=0) if figures else np.full((2, len(names)), np.inf)
    return Sketches(names, edges, counts, origins, usual[0], usual[1])
