"""Checks for missing rows: days, stores and series without rows, and tables that end too early.

A day without a row is read as a day without sales, which is right for a closed shop and wrong for
a day that was never exported. A gap deserves a warning only where rows are usual: in a table that
lists sold rows only, most gaps mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.checks.panel import Panel
from features.data.findings import Report, Severity
from features.data.reading.reader import ReadTable

DENSE_SHARE = 0.98
"""A table lists unsold families if this share of days between a series' ends has a row."""
STALE_DAYS = 30
"""Largest lag of oil or transactions behind the last sales without a warning, in days."""
_WEEK = 7

Grid = NDArray[np.bool_]


def warn_of_holes(panel: Panel, holidays: ReadTable | None, report: Report) -> None:
    """Warn of days on which the retailer, a store or a series has no rows."""
    present = panel.present
    open_days: Grid = np.asarray(present.any(axis=0))
    off = set(holidays.frame["date"]) if holidays is not None else set()
    for first, last in _iter_runs(np.asarray(~open_days)):
        if not (first == last and _is_usual(panel, open_days, first, off)):
            _warn_of_gap(panel, "no row of any store", first, last, "gap-retailer", report)
    stores = panel.series["store_nbr"].to_numpy()
    for store in np.unique(stores):
        rows: Grid = np.asarray(present[stores == store].any(axis=0))
        for first, last in _inner_gaps(rows, open_days):
            _warn_of_gap(panel, f"no row of store_nbr {store}", first, last, "gap-store", report)
    _warn_of_series(panel, present, stores, report)


def _warn_of_series(panel: Panel, present: Grid, stores: NDArray[np.int64], report: Report) -> None:
    """Warn of series that lack rows while their store has some, in tables of unsold rows too."""
    store_open = np.zeros_like(present)
    for store in np.unique(stores):
        members = stores == store
        store_open[members] = present[members].any(axis=0)
    started = np.maximum.accumulate(present, axis=1)
    ended = np.maximum.accumulate(present[:, ::-1], axis=1)[:, ::-1]
    inner = store_open & started & ended
    holes = inner & ~present
    if not holes.any() or holes.sum() > (1 - DENSE_SHARE) * inner.sum():
        return
    findings = []
    for series in np.flatnonzero(holes.any(axis=1)):
        store, family = panel.series.row(int(series))
        days = np.flatnonzero(holes[series])
        message = (
            f"store_nbr {store}, family {family} has no row on {len(days)} days on which its "
            f"store has some, {panel.day(days[0])} the first: they are read as days without sales"
        )
        findings.append(panel.train.find(Severity.WARNING, "gap-series", message))
    report.add(*findings)


def _is_usual(panel: Panel, open_days: Grid, day: int, off: set[date]) -> bool:
    """Return whether a closed day is a holiday, or closed each week or each year."""
    when = panel.day(day)
    if {when - timedelta(1), when, when + timedelta(1)} & off:
        return True
    same_weekday = open_days[day % _WEEK :: _WEEK]
    same_date = [
        open_days[index]
        for year in range(panel.first.year, panel.day(panel.n_days - 1).year + 1)
        if (when.month, when.day) != (2, 29)
        and 0 <= (index := (when.replace(year=year) - panel.first).days) < panel.n_days
    ]
    return bool(same_weekday.mean() < 0.5 or (len(same_date) > 1 and not any(same_date)))


def _inner_gaps(rows: Grid, open_days: Grid) -> Iterator[tuple[int, int]]:
    """Yield runs of days without rows between a store's first and last, while others sell."""
    present = np.flatnonzero(rows)
    if len(present) < 0.9 * open_days[present[0] : present[-1] + 1].sum():
        return  # a store that is open on some days only
    holes = open_days & ~rows
    holes[: present[0]] = holes[present[-1] :] = False
    yield from _iter_runs(holes | (~open_days & _find_bridges(holes)))


def _find_bridges(holes: Grid) -> Grid:
    """Return the days that have a hole on either side within a day."""
    before, after = np.roll(holes, 1), np.roll(holes, -1)
    before[0] = after[-1] = False
    return before & after


def _iter_runs(flags: Grid) -> Iterator[tuple[int, int]]:
    """Yield first and last position of each run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    for first, end in edges.reshape(-1, 2):
        yield int(first), int(end) - 1


def _warn_of_gap(panel: Panel, what: str, first: int, last: int, code: str, report: Report) -> None:
    span = f"on {panel.day(first)}"
    if last > first:
        span = f"from {panel.day(first)} to {panel.day(last)}"
    message = f"{what} {span}: read as days without sales"
    advice = "deliver the rows if there were sales"
    report.add(panel.train.find(Severity.WARNING, code, message, advice=advice))


def warn_of_missing(tables: Mapping[str, ReadTable], report: Report) -> None:
    """Warn of tables without rows for stores, series or days of train."""
    train = tables["train"].frame
    last = train["date"].max()
    assert isinstance(last, date)
    if "stores" in tables:
        _warn_of_idle_stores(tables["stores"], train, report)
    for name, value in (("transactions", "transactions"), ("oil", "dcoilwtico")):
        if name in tables:
            _warn_of_stale(tables[name], value, last, report)
    if "transactions" in tables:
        _warn_of_silent_stores(tables["transactions"], train, report)
    if "test" in tables:
        _warn_of_partial_test(tables["test"], train, last, report)


def _warn_of_idle_stores(stores: ReadTable, train: pl.DataFrame, report: Report) -> None:
    selling = set(train["store_nbr"].unique())
    for at, store in enumerate(stores.frame["store_nbr"]):
        if store not in selling:
            message = f"store_nbr {store} has no rows in train, and gets no forecast"
            report.add(
                stores.find(
                    Severity.WARNING, "store-without-rows", message, at=at, column="store_nbr"
                )
            )


def _warn_of_stale(table: ReadTable, value: str, last: date, report: Report) -> None:
    newest = table.frame.filter(pl.col(value).is_not_null())["date"].max()
    if newest is None:
        message = "has no value at all"
        report.add(table.find(Severity.WARNING, "stale", message, column=value))
        return
    assert isinstance(newest, date)
    if (age := (last - newest).days) > STALE_DAYS:
        message = f"ends on {newest}, {age} days before the last day of train ({last})"
        report.add(table.find(Severity.WARNING, "stale", message, column="date"))


def _warn_of_silent_stores(transactions: ReadTable, train: pl.DataFrame, report: Report) -> None:
    known = set(transactions.frame["store_nbr"].unique())
    for store in sorted(set(train["store_nbr"].unique()) - known):
        message = f"says nothing of store_nbr {store}, which has rows in train"
        report.add(transactions.find(Severity.WARNING, "no-transactions", message))


def _warn_of_partial_test(test: ReadTable, train: pl.DataFrame, last: date, report: Report) -> None:
    """Warn if test does not name each series that still sells on each of its days."""
    recent = train.filter(pl.col("date") > last - timedelta(28))
    series = recent.select("store_nbr", "family").unique()
    planned = test.frame.select("store_nbr", "family").unique()
    if absent := series.join(planned, on=["store_nbr", "family"], how="anti").height:
        message = f"leaves out {absent} of {series.height} series; their promotions are not known"
        report.add(test.find(Severity.WARNING, "test-partial", message))
    days = test.frame["date"].n_unique()
    if planned.height * days != test.frame.height:
        missing = planned.height * days - test.frame.height
        message = f"lacks {missing} of {planned.height * days} rows of its series and days"
        report.add(test.find(Severity.WARNING, "test-partial", message))
    span = test.frame["date"].max()
    assert isinstance(span, date)
    ahead = (span - last).days
    if days < ahead:
        message = f"names {days} of the {ahead} days up to {span}; the others are not known"
        report.add(test.find(Severity.WARNING, "test-partial", message))
