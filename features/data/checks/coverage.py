"""Checks for missing rows: days, stores and series without rows, and tables that end too early.

A day without a row is read as a day without sales, which is right for a closed shop and wrong for
a day that was never exported. A gap deserves a warning only where rows are usual: in a table that
lists sold rows only, most gaps mean nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.panel import Panel, Timeline
from features.data.checks.spans import Days
from features.data.findings import MAX_FINDINGS, Report, Section, Severity
from features.data.reading.reader import ReadTable
from features.data.reading.schema import DATE, FUTURE, SALES
from features.data.specification import Specification
from features.data.step import Step

DENSE_SHARE = 0.98
"""A table lists unsold families if this share of days between a series' ends has a row."""
STALE_DAYS = 30
"""Largest lag of a covariate's table behind the last sales without a warning, in days."""

Grid = NDArray[np.bool_]


@dataclass(frozen=True)
class Coverage:
    """Days with rows, of the sites and of the series in them.

    Attributes:
        sites: names of the sites, in order.
        rows: whether a site has rows on a day; shape (sites, days).
        n_holes: days between the ends of series on which their site has rows, and they have none.
        n_inner: all days between the ends of series on which their site has rows.
        holes: the first warnings of series with such days, and the number of all.
    """

    sites: Sequence[Any]
    rows: Grid
    n_holes: int
    n_inner: int
    holes: Section


def coverage_of(panel: Panel) -> Coverage:
    """Return the days with rows of some whole sites."""
    present = panel.present
    sites = panel.series.to_series(0).to_numpy()
    distinct = np.unique(sites)
    rows = np.zeros((len(distinct), panel.n_days), dtype=np.bool_)
    site_open = np.zeros_like(present)
    for number, site in enumerate(distinct):
        members = sites == site
        rows[number] = present[members].any(axis=0)
        site_open[members] = rows[number]
    started = np.maximum.accumulate(present, axis=1)
    ended = np.maximum.accumulate(present[:, ::-1], axis=1)[:, ::-1]
    inner = site_open & started & ended
    holes = inner & ~present
    n_holes, n_inner = int(holes.sum()), int(inner.sum())
    return Coverage(distinct.tolist(), rows, n_holes, n_inner, _list_holes(panel, holes))


def _list_holes(panel: Panel, holes: Grid) -> Section:
    """Return warnings of series that lack rows while their site has some."""
    with_holes = np.flatnonzero(holes.any(axis=1))
    findings = []
    for series in with_holes[:MAX_FINDINGS]:
        days = np.flatnonzero(holes[series])
        message = (
            f"{panel.name(int(series))} has no row on {len(days)} {panel.step}s on which its "
            f"{panel.series.columns[0]} has some, {panel.day(days[0])} the first: they are read as "
            f"{panel.step}s without sales"
        )
        findings.append(panel.sales.find(Severity.WARNING, "gap-series", message))
    return Section(tuple(findings), len(with_holes))


def warn_of_holes(
    timeline: Timeline, parts: Sequence[Coverage], holidays: ReadTable | None, report: Report
) -> None:
    """Warn of days on which the retailer, a site or a series has no rows.

    Args:
        parts: coverage of all sites, in order.
    """
    open_days: Grid = np.logical_or.reduce([part.rows.any(axis=0) for part in parts])
    off = set(holidays.frame["date"]) if holidays is not None else set()
    site_column = timeline.series.columns[0]
    for first, last in iter_runs(np.asarray(~open_days)):
        if not (first == last and is_usual_gap(timeline, open_days, first, off)):
            _warn_of_gap(
                timeline, f"no row of any {site_column}", first, last, "gap-retailer", report
            )
    for part in parts:
        for site, rows in zip(part.sites, part.rows, strict=True):
            for first, last in _inner_gaps(rows, open_days):
                what = f"no row of {site_column} {site}"
                _warn_of_gap(timeline, what, first, last, "gap-store", report)
    _warn_of_series(parts, report)


def _warn_of_series(parts: Sequence[Coverage], report: Report) -> None:
    """Warn of series that lack rows while their site has some, in tables of unsold rows too."""
    n_holes, n_inner = sum(part.n_holes for part in parts), sum(part.n_inner for part in parts)
    if not n_holes or n_holes > (1 - DENSE_SHARE) * n_inner:
        return
    findings = [finding for part in parts for finding in part.holes.findings]
    count = sum(part.holes.count for part in parts)
    report.add(*findings[:MAX_FINDINGS], total=count)


def is_usual_gap(panel: Timeline, open_days: Grid, day: int, off: Container[date]) -> bool:
    """Return whether a closed day is a holiday, or closed each week or each year."""
    when = panel.day(day)
    if any(when + timedelta(number) in off for number in (-1, 0, 1)):
        return True
    week = panel.step.week
    same_weekday = open_days[day % week :: week]
    same_date = [
        open_days[index]
        for year in range(panel.first.year, panel.day(panel.n_days - 1).year + 1)
        if (when.month, when.day) != (2, 29)
        and 0 <= (index := panel.index_of(when.replace(year=year))) < panel.n_days
    ]
    return bool(same_weekday.mean() < 0.5 or (len(same_date) > 1 and not any(same_date)))


def _inner_gaps(rows: Grid, open_days: Grid) -> Iterator[tuple[int, int]]:
    """Yield runs of days without rows between a store's first and last, while others sell."""
    present = np.flatnonzero(rows)
    if len(present) < 0.9 * open_days[present[0] : present[-1] + 1].sum():
        return  # a store that is open on some days only
    holes = open_days & ~rows
    holes[: present[0]] = holes[present[-1] :] = False
    yield from iter_runs(holes | (~open_days & _find_bridges(holes)))


def _find_bridges(holes: Grid) -> Grid:
    """Return the days that have a hole on either side within a day."""
    before, after = np.roll(holes, 1), np.roll(holes, -1)
    before[0] = after[-1] = False
    return before & after


def iter_runs(flags: Grid) -> Iterator[tuple[int, int]]:
    """Yield first and last position of each run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    for first, end in edges.reshape(-1, 2):
        yield int(first), int(end) - 1


def _warn_of_gap(
    panel: Timeline, what: str, first: int, last: int, code: str, report: Report
) -> None:
    span = f"on {panel.day(first)}"
    if last > first:
        span = f"from {panel.day(first)} to {panel.day(last)}"
    message = f"{what} {span}: read as {panel.step}s without sales"
    advice = "deliver the rows if there were sales"
    report.add(panel.sales.find(Severity.WARNING, code, message, advice=advice))


def warn_of_missing(
    tables: Mapping[str, ReadTable], specification: Specification, report: Report
) -> None:
    """Warn of tables without rows for sites, series or days of the sales."""
    sales = tables[SALES].frame
    last = sales[DATE].max()
    assert isinstance(last, date)
    site = specification.site
    ahead = set(tables[FUTURE].frame[site].unique()) if FUTURE in tables else set()
    for table in tables.values():
        if table.keys == (site,):
            _warn_of_idle_sites(table, site, ahead | set(sales[site].unique()), report)
    for covariate in specification.covariates:
        if covariate.table in tables.keys() - {specification.sales, specification.holidays.events}:
            _warn_of_stale(tables[covariate.table], covariate.source, last, report)
            if covariate.by == (specification.site,):
                _warn_of_silent_sites(tables[covariate.table], specification.site, sales, report)


def _warn_of_idle_sites(table: ReadTable, site: str, listed: set[object], report: Report) -> None:
    for at, name in enumerate(table.frame[site]):
        if name not in listed:
            message = f"{site} {name} has no sales, and gets no forecast"
            report.add(
                table.find(Severity.WARNING, "store-without-rows", message, at=at, column=site)
            )


def _warn_of_stale(table: ReadTable, value: str, last: date, report: Report) -> None:
    newest = table.frame.filter(pl.col(value).is_not_null())[DATE].max()
    if newest is None:
        message = "has no value at all"
        report.add(table.find(Severity.WARNING, "stale", message, column=value))
        return
    assert isinstance(newest, date)
    if (age := (last - newest).days) > STALE_DAYS:
        message = f"ends on {newest}, {age} days before the last day of sales ({last})"
        report.add(table.find(Severity.WARNING, "stale", message, column=DATE))


def _warn_of_silent_sites(table: ReadTable, site: str, sales: pl.DataFrame, report: Report) -> None:
    known = set(table.frame[site].unique())
    for name in sorted(set(sales[site].unique()) - known):
        message = f"says nothing of {site} {name}, which has sales"
        report.add(table.find(Severity.WARNING, f"no-{table.name}", message))


@dataclass(frozen=True)
class Ahead:
    """Counts of the series and rows of the days ahead, of some whole sites.

    Attributes:
        recent: series that still sell.
        absent: those of them that the days ahead do not name.
        planned: series with sales that the days ahead name.
        rows: of these.
    """

    recent: int = 0
    absent: int = 0
    planned: int = 0
    rows: int = 0

    def __add__(self, other: Ahead) -> Ahead:
        return Ahead(
            self.recent + other.recent,
            self.absent + other.absent,
            self.planned + other.planned,
            self.rows + other.rows,
        )


def count_ahead(
    sales: pl.DataFrame, known: pl.DataFrame, future: pl.DataFrame, keys: Sequence[str], last: date
) -> Ahead:
    """Return the counts of sites from their rows.

    Args:
        known: series of the sales.
    """
    series = sales.filter(pl.col(DATE) > last - timedelta(28)).select(keys).unique()
    rows = future.join(known.select(keys), on=list(keys), how="semi")
    planned = rows.select(keys).unique()
    absent = series.join(planned, on=list(keys), how="anti").height
    return Ahead(series.height, absent, planned.height, rows.height)


def warn_of_partial_future(
    future: ReadTable, counts: Ahead, days: Days, last: date, step: Step, report: Report
) -> None:
    """Warn if the days ahead do not name each series that still sells on each of their days.

    A new series may begin on any of them.
    """
    if counts.absent:
        message = (
            f"leaves out {counts.absent} of {counts.recent} series; their covariates are not known"
        )
        report.add(future.find(Severity.WARNING, "test-partial", message))
    n_days = days.counts.height
    if (wanted := counts.planned * n_days) != counts.rows:
        message = f"lacks {wanted - counts.rows} of {wanted} rows of its series and days"
        report.add(future.find(Severity.WARNING, "test-partial", message))
    ahead = (days.last - last).days // step.days
    if n_days < ahead:
        message = f"names {n_days} of the {ahead} days up to {days.last}; the others are not known"
        report.add(future.find(Severity.WARNING, "test-partial", message))
