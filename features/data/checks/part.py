"""The checks of a part of the sales and of the days ahead, and the facts that the whole needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from features.data.checks.coverage import Ahead, Coverage, count_ahead, coverage_of
from features.data.checks.grid import Grid, store_grid
from features.data.checks.keys import check_keys
from features.data.checks.panel import panel_of
from features.data.checks.places import NameCounts, count_names
from features.data.checks.references import (
    Described,
    check_described,
    check_order,
    find_announced,
)
from features.data.checks.spans import (
    Days,
    refuse_beyond_bounds,
    refuse_far_ahead,
    refuse_isolated,
    warn_of_future,
)
from features.data.checks.spikes import Spikes, find_spikes
from features.data.checks.step import check_weekdays
from features.data.delivery import RecentRows, recent_rows
from features.data.findings import Section, SectionedReport
from features.data.outliers import judge_sales, suspected
from features.data.parts.part import StoredPart, TablePart
from features.data.parts.runner import make_own_folder
from features.data.reading.reader import ReadTable
from features.data.reading.schema import FUTURE, SALES
from features.data.specification import Kind, Specification
from features.data.step import Step


@dataclass(frozen=True)
class Whole:
    """Facts of all tables, with which a part is checked by itself.

    Attributes:
        today: day of the check.
        days: plausible days of the tables, by name; only of those that have any.
        weekday: of weekly sales.
        described: what the tables of attributes describe, by name.
        first_new: position of the first day that is screened; None without a screening.
        scratch: folder for the grids of parts; None where they stay in memory.
    """

    specification: Specification
    today: date
    days: Mapping[str, Days]
    weekday: int | None
    described: Mapping[str, Described]
    first_new: int | None
    scratch: Path | None


@dataclass(frozen=True)
class CheckTask:
    """A part to be checked, and its number."""

    part: TablePart
    number: int


@dataclass
class PartFacts:
    """Findings of a part, and the facts of it from which those of the whole follow.

    Attributes:
        sections: findings, by check.
        series: of the sales, each with the attributes of its first row, the number of its rows
            and their first and last day.
        ahead: keys of the series of the days ahead.
        announced: rows of the days ahead of series without sales, with their places.
        names: rows of each name, by table and column.
        recent: newest days with rows of the sales; None without sales.
        ahead_counts: counts for the check of the days ahead.
        coverage: days with rows; None without sales.
        outliers: rows of the sales that are outliers among those of their series.
        undecided: rows of the sales that the groups above the series decide on.
        suspects: rows whose count may be an outlier, by column.
        spikes: unusual sales; None without sales.
        grid: of the newest days; None without sales or screening.
    """

    sections: dict[str, Section]
    series: pl.DataFrame = field(default_factory=pl.DataFrame)
    ahead: pl.DataFrame = field(default_factory=pl.DataFrame)
    announced: pl.DataFrame = field(default_factory=pl.DataFrame)
    names: dict[str, NameCounts] = field(default_factory=dict)
    recent: RecentRows | None = None
    ahead_counts: Ahead = field(default_factory=Ahead)
    coverage: Coverage | None = None
    outliers: pl.DataFrame = field(default_factory=pl.DataFrame)
    undecided: pl.DataFrame = field(default_factory=pl.DataFrame)
    suspects: dict[str, pl.DataFrame] = field(default_factory=dict)
    spikes: Spikes | None = None
    grid: Grid | None = None


def check_part(whole: Whole, task: CheckTask) -> PartFacts:
    """Check the rows of a part.

    A pure function of what it is given and of the files of the part, apart from the grid that it
    writes into a folder of its own.
    """
    part = task.part
    report = SectionedReport()
    tables = _plausible_rows(part.tables(), whole, report)
    facts = PartFacts(report.sections)
    specification, keys = whole.specification, list(whole.specification.series)
    for name, table in tables.items():
        if specification.step is Step.WEEK and whole.weekday is not None:
            report.begin(f"weekday/{name}")
            check_weekdays(table, whole.weekday, report)
        for described in whole.described:
            report.begin(f"described/{described}/{name}")
            check_described(table, whole.described[described], report)
        facts.names[name] = count_names(table.frame, specification)
    sales, future = tables.get(SALES), tables.get(FUTURE)
    if sales is not None:
        _add_series(facts, sales, specification)
    if future is not None:
        facts.ahead = future.frame.select(keys).unique()
        if sales is not None:
            report.begin("order")
            check_order(future, whole.days[SALES].last, report)
            facts.announced = find_announced(facts.series, future, keys)
            facts.ahead_counts = count_ahead(
                sales.frame, facts.series, future.frame, keys, whole.days[SALES].last
            )
    if sales is not None and not sales.frame.is_empty():
        _add_values(facts, sales, task, whole)
    return facts


def _plausible_rows(
    tables: dict[str, ReadTable], whole: Whole, report: SectionedReport
) -> dict[str, ReadTable]:
    """Report repeated rows and dates that cannot be right; return the tables without these."""
    plausible = {}
    for name, table in tables.items():
        report.begin(f"keys/{name}")
        check_keys(table, report)
        report.begin(f"bounds/{name}")
        within = refuse_beyond_bounds(table, report, today=whole.today)
        if name == SALES and SALES in whole.days:
            report.begin(f"isolated/{name}")
            within = refuse_isolated(within, whole.days[SALES], report)
            report.begin(f"future/{name}")
            warn_of_future(within, whole.today, report)
        if name == FUTURE and SALES in whole.days:
            report.begin("far-ahead")
            within = refuse_far_ahead(within, whole.days[SALES].last, report)
        if name in whole.days:
            plausible[name] = within
    return plausible


def _add_series(facts: PartFacts, sales: ReadTable, specification: Specification) -> None:
    keys = list(specification.series)
    own = [each.name for each in specification.attributes if each.table == specification.sales]
    series = sales.frame.group_by(keys, maintain_order=True)
    facts.series = series.agg(pl.col(own).first(), *span_of_rows())


def span_of_rows() -> tuple[pl.Expr, ...]:
    """Return the number of rows of a series, and their first and last day."""
    day = pl.col("date")
    return pl.len().alias("_rows"), day.min().alias("_first"), day.max().alias("_last")


def _add_values(facts: PartFacts, sales: ReadTable, task: CheckTask, whole: Whole) -> None:
    """Add what follows from the values of the sales: newest rows, outliers, holes and spikes."""
    specification, days = whole.specification, whole.days[SALES]
    keys, frame = list(specification.series), sales.frame
    facts.recent = recent_rows(frame, keys, days.last, step=specification.step)
    facts.outliers, facts.undecided = judge_sales(frame, keys)
    for covariate in specification.covariates:
        if covariate.kind is Kind.COUNT and covariate.table == specification.sales:
            facts.suspects[covariate.source] = suspected(frame, covariate.source)
    n_days = (days.last - days.first).days // specification.step.days + 1
    panel = panel_of(sales, keys, step=specification.step, first=days.first, n_days=n_days)
    facts.coverage = coverage_of(panel)
    facts.spikes = find_spikes(panel)
    if whole.first_new is None:
        return
    if whole.scratch is None:
        facts.grid = panel
    else:
        part = task.part
        assert isinstance(part, StoredPart), "parts in memory need no scratch folder"
        folder = make_own_folder(whole.scratch, task.number)
        facts.grid = store_grid(panel, folder, part, specification, whole.first_new)
