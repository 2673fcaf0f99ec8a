"""Dates that cannot be right: outside any plausible span, or far from all others.

The panel is dense, so a single wrong date would build thousands of days and move the origin, from
which everything is forecast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Days:
    """Days of a table that can be right.

    Attributes:
        counts: date, rows, and the place of the first row of each day; sorted by date.
        isolated: days far from all others, which are not among those of `counts`.
    """

    counts: pl.DataFrame
    isolated: frozenset[date] = frozenset()

    @property
    def first(self) -> date:
        return self._day(0)

    @property
    def last(self) -> date:
        return self._day(-1)

    def _day(self, at: int) -> date:
        day = self.counts["date"][at]
        assert isinstance(day, date)
        return day


def count_days(*frames: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of each day, and the place of the first of them, sorted by date.

    Args:
        frames: rows of a table in their order, or such counts of them.
    """
    parts = [
        frame
        if "_rows" in frame.columns
        else frame.group_by("date").agg(_rows=pl.len(), **_first_place())
        for frame in frames
    ]
    counts = pl.concat(parts).group_by("date", maintain_order=True)
    return counts.agg(pl.col("_rows").sum(), **_first_place()).sort("date")


def _first_place() -> dict[str, pl.Expr]:
    return {"_file": pl.col("_file").first(), "_row": pl.col("_row").first()}


def plausible_days(name: str, counts: pl.DataFrame, today: date, *, isolates: bool) -> Days:
    """Return the days of a table that are within bounds and, if wanted, near to others."""
    within = counts.filter(pl.col("date").is_between(*_plausible_bounds(name, today)))
    if not isolates or within.is_empty():
        return Days(within)
    isolated = _find_isolated(within)
    return Days(within.filter(~pl.col("date").is_in(list(isolated))), isolated)


def isolating(specification: Specification) -> tuple[str, ...]:
    """Return the tables of which a few days far from all others are refused."""
    past_only = (
        each.table for each in specification.covariates if not each.known_ahead and each.by
    )
    return (SALES, *dict.fromkeys(past_only))


def refuse_beyond_bounds(table: ReadTable, report: Report, *, today: date) -> ReadTable:
    """Report dates outside any plausible span, and return the table without their rows."""
    first, last = _plausible_bounds(table.name, today)
    rows = ~table.frame["date"].is_between(first, last)
    expected = f"a date from {first} to {last} is expected"
    return _refuse_rows(table, rows.to_numpy(), f"where {expected}", report)


def refuse_isolated(table: ReadTable, days: Days, report: Report) -> ReadTable:
    """Report rows of isolated days, and return the table without them."""
    if not days.isolated:
        return table
    rows = table.frame["date"].is_in(list(days.isolated)).to_numpy()
    problem = f"is more than {APART_DAYS} days away from nearly all other dates"
    return _refuse_rows(table, rows, problem, report)


def _plausible_bounds(name: str, today: date) -> tuple[date, date]:
    if name == HOLIDAYS:
        before, after = HOLIDAY_YEARS
        return date(FIRST_PLAUSIBLE.year - before, 1, 1), date(today.year + after, 12, 31)
    ahead = 2 * FUTURE_DAYS if name == FUTURE else FUTURE_DAYS
    return FIRST_PLAUSIBLE, today + timedelta(ahead)


def _find_isolated(counts: pl.DataFrame) -> frozenset[date]:
    """Return the days of a few rows at either end that are far from all others."""
    distinct = counts["date"].to_physical().to_numpy()
    rows = counts["_rows"].to_numpy()
    usual = float(np.median(rows))
    isolated = np.zeros(len(distinct), dtype=np.bool_)
    for gap in np.flatnonzero(np.diff(distinct) > APART_DAYS):
        length = int(distinct[gap + 1] - distinct[gap])
        earlier = gap + 1 < len(distinct) - gap - 1
        side = slice(None, gap + 1) if earlier else slice(gap + 1, None)
        few_days = len(distinct[side]) <= FEW_DAYS
        few_rows = rows[side].max() < FEW_ROWS * usual
        far = length > FAR_DAYS and len(distinct[side]) <= 4 * FEW_DAYS
        if far or (few_days and few_rows):
            isolated[side] = True
    return frozenset(counts["date"].filter(pl.Series(isolated)))


def last_day_ahead(last: date) -> date:
    """Return the day after which rows of the days ahead are refused."""
    return last + timedelta(3 * FAR_DAYS)


def refuse_far_ahead(test: ReadTable, last: date, report: Report) -> ReadTable:
    """Report rows of the days ahead years after the last day of sales; return the others."""
    rows = test.frame["date"] > last_day_ahead(last)
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


def warn_of_future(table: ReadTable, today: date, report: Report) -> None:
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
