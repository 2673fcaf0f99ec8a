"""Dates that cannot be right: outside any plausible span, or far from all others.

The panel is dense, so a single wrong date would build thousands of days and move the origin, from
which everything is forecast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.reading.reader import ReadTable
from features.data.reading.schema import FUTURE, HOLIDAYS, SALES
from features.data.specification import Specification

FIRST_PLAUSIBLE = date(1990, 1, 1)
FUTURE_DAYS = 366
"""Sales dated more days after today are refused; others after today give a warning."""
HOLIDAY_YEARS = (60, 30)
"""Years before `FIRST_PLAUSIBLE` and after today within which holidays may lie."""
FAR_DAYS = 366
"""A few dates that are more days apart from all others are refused."""
APART_DAYS = 28
"""A few rows that are more days apart from all others are refused."""
FEW_DAYS = 7
FEW_ROWS = 0.2
"""A day has few rows if it has less than this share of what a day usually has."""
FUTURE_ROWS = "future-rows"


def check_spans(
    tables: Mapping[str, ReadTable], specification: Specification, report: Report, *, today: date
) -> dict[str, ReadTable]:
    """Report dates that cannot be right, and return the tables without their rows."""
    plausible = dict(tables)
    for name, table in tables.items():
        if "date" in table.frame.columns:
            plausible[name] = _check_bounds(table, _plausible_bounds(name, today), report)
    past_only = (
        each.table for each in specification.covariates if not each.known_ahead and each.by
    )
    for name in (SALES, *dict.fromkeys(past_only)):
        if name in plausible and plausible[name].frame.height:
            plausible[name] = _check_isolated(plausible[name], report)
            _warn_of_future(plausible[name], today, report)
    plausible = {name: table for name, table in plausible.items() if table.frame.height}
    if FUTURE in plausible and SALES in plausible:
        plausible[FUTURE] = _check_test(plausible[SALES], plausible[FUTURE], report)
    return {name: table for name, table in plausible.items() if table.frame.height}


def _plausible_bounds(name: str, today: date) -> tuple[date, date]:
    if name == HOLIDAYS:
        before, after = HOLIDAY_YEARS
        return date(FIRST_PLAUSIBLE.year - before, 1, 1), date(today.year + after, 12, 31)
    ahead = 2 * FUTURE_DAYS if name == FUTURE else FUTURE_DAYS
    return FIRST_PLAUSIBLE, today + timedelta(ahead)


def _check_bounds(table: ReadTable, bounds: tuple[date, date], report: Report) -> ReadTable:
    first, last = bounds
    rows = ~table.frame["date"].is_between(first, last)
    expected = f"a date from {first} to {last} is expected"
    return _refuse_rows(table, rows.to_numpy(), f"where {expected}", report)


def _check_isolated(table: ReadTable, report: Report) -> ReadTable:
    """Report a few rows at either end that are far from all others."""
    days = table.frame["date"].to_physical().to_numpy()
    distinct, counts = np.unique(days, return_counts=True)
    usual = float(np.median(counts))
    isolated = np.zeros(len(days), dtype=np.bool_)
    for gap in np.flatnonzero(np.diff(distinct) > APART_DAYS):
        length = int(distinct[gap + 1] - distinct[gap])
        earlier = gap + 1 < len(distinct) - gap - 1
        side = slice(None, gap + 1) if earlier else slice(gap + 1, None)
        few_days = len(distinct[side]) <= FEW_DAYS
        few_rows = counts[side].max() < FEW_ROWS * usual
        far = length > FAR_DAYS and len(distinct[side]) <= 4 * FEW_DAYS
        if far or (few_days and few_rows):
            isolated |= days <= distinct[gap] if earlier else days >= distinct[gap + 1]
    problem = f"is more than {APART_DAYS} days away from nearly all other dates"
    return _refuse_rows(table, isolated, problem, report)


def _check_test(train: ReadTable, test: ReadTable, report: Report) -> ReadTable:
    last = train.frame["date"].max()
    assert isinstance(last, date)
    rows = test.frame["date"] > last + timedelta(3 * FAR_DAYS)
    problem = f"is years after the last day of sales ({last})"
    return _refuse_rows(test, rows.to_numpy(), problem, report)


def _refuse_rows(
    table: ReadTable, rows: NDArray[np.bool_], problem: str, report: Report
) -> ReadTable:
    """Report rows, and return the table without them."""
    positions = np.flatnonzero(rows)
    findings = [
        table.find(
            Severity.ERROR,
            "date-span",
            f"{table.frame['date'][int(at)]} {problem}",
            at=int(at),
            column="date",
            value=table.frame["date"][int(at)],
            advice="correct the date, or leave out the row",
        )
        for at in positions[:MAX_FINDINGS]
    ]
    if not findings:
        return table
    report.add(*findings, total=len(positions))
    return replace(table, frame=table.frame.filter(pl.Series(~rows)))


def _warn_of_future(table: ReadTable, today: date, report: Report) -> None:
    late = (table.frame["date"] > today).arg_true()
    findings = [
        table.find(
            Severity.WARNING,
            FUTURE_ROWS,
            f"{table.frame['date'][at]} is after today ({today})",
            at=at,
            column="date",
            value=table.frame["date"][at],
            advice="what is planned belongs into test; sales of the future are not known",
        )
        for at in late.head(MAX_FINDINGS)
    ]
    if findings:
        report.add(*findings, total=late.len())
