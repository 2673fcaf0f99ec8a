"""Checks for missing rows: days, stores and series without rows, and tables that end too early.

A day without a row is read as a day without sales, which is right for a closed shop and wrong for
a day that was never exported. A gap deserves a warning only where rows are usual: in a table that
lists sold rows only, most gaps mean nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.panel import Panel
from features.data.findings import Report, Severity
from features.data.reading.reader import ReadTable
from features.data.reading.schema import DATE, FUTURE, SALES
from features.data.specification import Specification

DENSE_SHARE = 0.98
"""A table lists unsold families if this share of days between a series' ends has a row."""
STALE_DAYS = 30
"""Largest lag of a covariate's table behind the last sales without a warning, in days."""

Grid = NDArray[np.bool_]


def warn_of_holes(panel: Panel, holidays: ReadTable | None, report: Report) -> None:
    """Warn of days on which the retailer, a store or a series has no rows."""
    present = panel.present
    open_days: Grid = np.asarray(present.any(axis=0))
    off = set(holidays.frame["date"]) if holidays is not None else set()
    for first, last in iter_runs(np.asarray(~open_days)):
        if not (first == last and is_usual_gap(panel, open_days, first, off)):
            _warn_of_gap(
                panel,
                f"no row of any {panel.series.columns[0]}",
                first,
                last,
                "gap-retailer",
                report,
            )
    sites = panel.series.to_series(0).to_numpy()
    for site in np.unique(sites):
        rows: Grid = np.asarray(present[sites == site].any(axis=0))
        for first, last in _inner_gaps(rows, open_days):
            what = f"no row of {panel.series.columns[0]} {site}"
            _warn_of_gap(panel, what, first, last, "gap-store", report)
    _warn_of_series(panel, present, sites, report)


def _warn_of_series(panel: Panel, present: Grid, sites: NDArray[Any], report: Report) -> None:
    """Warn of series that lack rows while their site has some, in tables of unsold rows too."""
    site_open = np.zeros_like(present)
    for site in np.unique(sites):
        members = sites == site
        site_open[members] = present[members].any(axis=0)
    started = np.maximum.accumulate(present, axis=1)
    ended = np.maximum.accumulate(present[:, ::-1], axis=1)[:, ::-1]
    inner = site_open & started & ended
    holes = inner & ~present
    if not holes.any() or holes.sum() > (1 - DENSE_SHARE) * inner.sum():
        return
    findings = []
    for series in np.flatnonzero(holes.any(axis=1)):
        days = np.flatnonzero(holes[series])
        message = (
            f"{panel.name(int(series))} has no row on {len(days)} {panel.step}s on which its "
            f"{panel.series.columns[0]} has some, {panel.day(days[0])} the first: they are read as "
            f"{panel.step}s without sales"
        )
        findings.append(panel.sales.find(Severity.WARNING, "gap-series", message))
    report.add(*findings)


def is_usual_gap(panel: Panel, open_days: Grid, day: int, off: Container[date]) -> bool:
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


def _warn_of_gap(panel: Panel, what: str, first: int, last: int, code: str, report: Report) -> None:
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
    if FUTURE in tables:
        _warn_of_partial_future(tables[FUTURE], specification, sales, last, report)


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


def _warn_of_partial_future(
    future: ReadTable,
    specification: Specification,
    sales: pl.DataFrame,
    last: date,
    report: Report,
) -> None:
    """Warn if the days ahead do not name each series that still sells on each of their days.

    A new series may begin on any of them.
    """
    keys = specification.series
    recent = sales.filter(pl.col(DATE) > last - timedelta(28))
    series = recent.select(keys).unique()
    rows = future.frame.join(sales.select(keys).unique(), on=list(keys), how="semi")
    planned = rows.select(keys).unique()
    if absent := series.join(planned, on=list(keys), how="anti").height:
        message = f"leaves out {absent} of {series.height} series; their covariates are not known"
        report.add(future.find(Severity.WARNING, "test-partial", message))
    days = future.frame[DATE].n_unique()
    if planned.height * days != rows.height:
        missing = planned.height * days - rows.height
        message = f"lacks {missing} of {planned.height * days} rows of its series and days"
        report.add(future.find(Severity.WARNING, "test-partial", message))
    span = future.frame[DATE].max()
    assert isinstance(span, date)
    ahead = (span - last).days // specification.step.days
    if days < ahead:
        message = f"names {days} of the {ahead} days up to {span}; the others are not known"
        report.add(future.find(Severity.WARNING, "test-partial", message))
