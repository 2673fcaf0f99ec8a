"""Drift of errors: the daily sums of scored forecasts against the reference of their bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from lifecycle.monitoring.daily import DailySums
from lifecycle.monitoring.findings import Finding
from models.drift.measures import (
    BIAS,
    COVERAGE_80,
    COVERAGE_95,
    LARGEST_LOSS,
    LOSS,
    compute_measures,
    find_plain_days,
)
from models.drift.reference import DriftReference
from models.drift.sequential import Span, find_spans
from storage.drift_events import Detector, Severity

Values = NDArray[np.float64]

WINDOW_DAYS, QUIET_DAYS = 14, 5
"""An event is over once, on so many days, the days before them are back to half of the change that
is worth an event."""
LARGE_BIAS, CRITICAL_BIAS = 0.10, 0.25
LARGE_LOSS, SMALL_LOSS = 1.25, 0.75
"""Errors over those of the reference from which a change is worth an event."""
_CRITICAL_LOSS = 1.5
NOMINAL = {COVERAGE_80: 0.80, COVERAGE_95: 0.95}
_LOW_COVERAGE = {COVERAGE_80: 0.70, COVERAGE_95: 0.90}
_CRITICAL_COVERAGE = {COVERAGE_80: 0.60, COVERAGE_95: 0.85}


@dataclass(frozen=True)
class _Test:
    """One sequential test of all cells, on plain days.

    Attributes:
        scores: in the direction that is tested, shape (days, groups, buckets).
        slack, limit: shape (groups, buckets).
    """

    detector: Detector
    measure: str
    scores: Values
    slack: Values
    limit: Values


def find_performance_drift(
    reference: DriftReference, daily: DailySums, snapshot: Snapshot
) -> list[Finding]:
    """Return the drifts of errors, bias and coverage in the days of some sums.

    The result depends on the sums alone: judged again with more days, a drift is the same one.
    """
    judged = _select(reference, daily, snapshot)
    if judged is None:
        return []
    findings = [
        _describe(test, group, span, judged, reference)
        for test in _list_tests(reference, judged)
        for group in range(len(judged.groups))
        for span in _spans_of(test, group, judged, reference)
    ]
    return [*findings, *_find_single_days(reference, judged)]


@dataclass(frozen=True)
class _Judged:
    """Sums of the plain days, by group and bucket of the reference.

    Attributes:
        rows, columns: positions of groups and buckets in the reference.
    """

    days: list[date]
    weekday: NDArray[np.intp]
    groups: tuple[str, ...]
    buckets: tuple[str, ...]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    sums: dict[str, Values]
    measures: dict[str, Values]


def _select(reference: DriftReference, daily: DailySums, snapshot: Snapshot) -> _Judged | None:
    """Return the plain days of the groups and buckets that the reference knows; None if none."""
    first = snapshot.dates[0]
    positions = ((daily.days - first).astype(np.int64)) // snapshot.step.days
    inside = (positions >= 0) & (positions < len(snapshot.dates))
    plain = find_plain_days(snapshot.calendar, snapshot.step)
    chosen = np.flatnonzero(inside)[plain[positions[inside]]]
    group = {name: row for row, name in enumerate(reference.groups)}
    bucket = {name: column for column, name in enumerate(reference.buckets)}
    groups = [at for at, name in enumerate(daily.groups) if name in group]
    buckets = [at for at, name in enumerate(daily.buckets) if name in bucket]
    if not (len(chosen) and groups and buckets):
        return None
    cells = np.ix_(chosen, groups, buckets)
    sums = {name: np.asarray(values[cells]) for name, values in daily.sums.items()}
    names = tuple(daily.groups[at] for at in groups)
    spans = tuple(daily.buckets[at] for at in buckets)
    return _Judged(
        days=[each.astype("datetime64[D]").astype(date) for each in daily.days[chosen]],
        weekday=snapshot.calendar.weekday[positions[chosen]],
        groups=names,
        buckets=spans,
        rows=np.array([group[name] for name in names]),
        columns=np.array([bucket[name] for name in spans]),
        sums=sums,
        measures=compute_measures(sums),
    )


def _scores(reference: DriftReference, judged: _Judged, measure: str) -> Values:
    cells = reference.cells[measure]
    at = np.ix_(np.arange(len(cells.mean)), judged.rows, judged.columns)
    own = np.ix_(judged.rows, judged.columns)
    return np.asarray((judged.measures[measure] - cells.mean[at][judged.weekday]) / cells.sd[own])


def _list_tests(reference: DriftReference, judged: _Judged) -> Iterator[_Test]:
    own = np.ix_(judged.rows, judged.columns)
    for measure, detectors in {
        LOSS: ((Detector.LOSS, 1), (Detector.IMPROVEMENT, -1)),
        BIAS: ((Detector.TOO_HIGH, 1), (Detector.TOO_LOW, -1)),
        COVERAGE_80: ((Detector.COVERAGE_80, 1),),
        COVERAGE_95: ((Detector.COVERAGE_95, 1),),
    }.items():
        if measure not in reference.cells:
            continue
        cells = reference.cells[measure]
        scores = _scores(reference, judged, measure)
        for detector, sign in detectors:
            limit = (cells.limit if sign > 0 else cells.limit_down)[own]
            yield _Test(detector, measure, sign * scores, cells.slack[own], limit)


def _spans_of(test: _Test, group: int, judged: _Judged, reference: DriftReference) -> list[Span]:
    """Return the spans in which a group drifts."""

    def is_large(bucket: int, start: int, last: int) -> bool:
        return _exceeds(test, *_figures(test, judged, reference, group, bucket, start, last), 1.0)

    def is_small(bucket: int, day: int) -> bool:
        start = max(day + 1 - WINDOW_DAYS, 0)
        return not _exceeds(
            test, *_figures(test, judged, reference, group, bucket, start, day), 0.5
        )

    return find_spans(
        test.scores[:, group],
        test.slack[group],
        test.limit[group],
        is_large=is_large,
        is_small=is_small,
        quiet=QUIET_DAYS,
    )


def _figures(
    test: _Test,
    judged: _Judged,
    reference: DriftReference,
    group: int,
    bucket: int,
    start: int,
    last: int,
) -> tuple[float, float]:
    """Return the figure of a cell from one day to another, and that of the reference."""
    days = slice(start, last + 1)
    cells = reference.cells[test.measure]
    usual = float(np.mean(cells.mean[:, judged.rows[group], judged.columns[bucket]]))
    if test.measure == LOSS:
        # of logarithms, as in the reference: a mean of shares would be larger
        figure = float(np.nanmean(judged.measures[LOSS][days, group, bucket]))
        return float(np.exp(figure)), float(np.exp(usual))
    sums = {name: float(values[days, group, bucket].sum()) for name, values in judged.sums.items()}
    if test.measure == BIAS:
        # the measure is symmetric, and is stated as a share of what was sold
        sold = sums["sold"]
        return (sums["excess"] / sold if sold > 0 else LARGEST_LOSS), usual / (1 - usual / 2)
    within = "within_80" if test.measure == COVERAGE_80 else "within_95"
    return sums[within] / max(sums["known"], 1), 1 - usual


def _exceeds(test: _Test, figure: float, expected: float, part: float) -> bool:
    """Return whether a change is at least a part of that which is worth an event."""
    match test.detector:
        case Detector.LOSS:
            return figure >= (1 + part * (LARGE_LOSS - 1)) * expected
        case Detector.IMPROVEMENT:
            return figure <= (1 - part * (1 - SMALL_LOSS)) * expected
        case Detector.TOO_HIGH:
            return figure >= part * LARGE_BIAS
        case Detector.TOO_LOW:
            return figure <= -part * LARGE_BIAS
        case _:
            nominal = NOMINAL[test.measure]
            return figure < nominal - part * (nominal - _LOW_COVERAGE[test.measure])


def _describe(
    test: _Test, group: int, span: Span, judged: _Judged, reference: DriftReference
) -> Finding:
    bucket, start = span.bucket, span.start
    last = len(judged.days) - 1 if span.closed is None else span.closed
    figure, expected = _figures(test, judged, reference, group, bucket, start, last)
    name, ahead = judged.groups[group], judged.buckets[bucket]
    where = f"{name}, {ahead} days ahead, since {judged.days[start]}"
    return Finding(
        detector=test.detector,
        subject=name,
        bucket=ahead,
        severity=_severity_of(test, figure, expected),
        figure=figure,
        reference=expected,
        since=judged.days[start],
        opened=judged.days[span.opened],
        closed=None if span.closed is None else judged.days[span.closed],
        message=_SENTENCES[test.detector](where, figure, expected),
        look=f"/accuracy?level={name}" if ":" not in name else f"/historical?node={name}",
    )


def _severity_of(test: _Test, figure: float, expected: float) -> Severity:
    match test.detector:
        case Detector.IMPROVEMENT:
            return Severity.INFO
        case Detector.LOSS:
            critical = figure >= _CRITICAL_LOSS * expected
        case Detector.TOO_HIGH | Detector.TOO_LOW:
            critical = abs(figure) >= CRITICAL_BIAS
        case _:
            critical = figure < _CRITICAL_COVERAGE[test.measure]
    return Severity.CRITICAL if critical else Severity.WARNING


def _find_single_days(reference: DriftReference, judged: _Judged) -> list[Finding]:
    """Return the days whose bias in some group is out of all proportion; runs of them as one."""
    if BIAS not in reference.cells:
        return []
    cells = reference.cells[BIAS]
    own = np.ix_(judged.rows, judged.columns)
    scores = np.nan_to_num(np.abs(_scores(reference, judged, BIAS)) / cells.day_limit[own])
    findings: list[Finding] = []
    previous = -2
    for day in np.flatnonzero((scores >= 1).any(axis=(1, 2))).tolist():
        over = None if day == len(judged.days) - 1 else judged.days[day + 1]
        if day == previous + 1:
            findings[-1] = replace(findings[-1], closed=over)
        else:
            findings.append(replace(_describe_day(judged, scores[day], day), closed=over))
        previous = day
    return findings


def _describe_day(judged: _Judged, ratios: Values, day: int) -> Finding:
    group, bucket = np.unravel_index(int(ratios.argmax()), ratios.shape)
    name, date_of = judged.groups[int(group)], judged.days[day]
    sold, forecast, known = (
        float(judged.sums[each][day, group, bucket]) for each in ("sold", "forecast", "known")
    )
    groups = int((ratios >= 1).any(axis=1).sum())
    others = f", and in {groups - 1} other groups" if groups > 1 else ""
    return Finding(
        detector=Detector.DAY_ERROR,
        subject=name,
        bucket=judged.buckets[int(bucket)],
        severity=Severity.WARNING,
        figure=(forecast - sold) / sold if sold > 0 else LARGEST_LOSS,
        reference=0.0,
        ratio=float(ratios.max()),
        since=date_of,
        opened=date_of,
        message=(
            f"{name} on {date_of}{others}: {sold / known:,.0f} units sold for each value and "
            f"{forecast / known:,.0f} forecast; no day of the reference is as far off. Check the "
            "data of this day."
        ),
        look=f"/historical?node={name}",
    )


def _describe_loss(where: str, figure: float, expected: float) -> str:
    return f"{where}: the error is {figure:.1%} of sales, usually {expected:.1%}."


def _describe_bias(where: str, figure: float, expected: float) -> str:
    side = "high" if figure > 0 else "low"
    return (
        f"{where}: forecasts are {abs(figure):.1%} too {side} (in the reference {expected:+.1%})."
    )


def _describe_coverage(nominal: int, where: str, figure: float, expected: float) -> str:
    return (
        f"{where}: {figure:.1%} of the sales lie within their {nominal} % intervals, "
        f"usually {expected:.1%}."
    )


_SENTENCES: Mapping[Detector, Callable[[str, float, float], str]] = {
    Detector.LOSS: _describe_loss,
    Detector.IMPROVEMENT: _describe_loss,
    Detector.TOO_HIGH: _describe_bias,
    Detector.TOO_LOW: _describe_bias,
    Detector.COVERAGE_80: partial(_describe_coverage, 80),
    Detector.COVERAGE_95: partial(_describe_coverage, 95),
}
