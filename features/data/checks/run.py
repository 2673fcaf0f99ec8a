"""All checks of tables, in order; those of the sales and of the days ahead part by part.

A part is checked by itself (`features.data.checks.part`). Computed from the facts of all parts are:

- the plausible days, the first and the last one, and the step, from the rows of each day;
- series of the days ahead without sales, from the series of all parts;
- similar names and places of holidays, from the rows of each name;
- outliers of series with few values and of counts, whose usual maximum is that of a group of
  series in all sites, or of the whole table: from its values, which are read only then;
- undelivered days, from the newest rows; series that the days ahead leave out, from counts;
- days without rows, from the days on which each site has some;
- the screening of the newest days, from the grids of all parts;
- the order of unusual sales, which is that of their size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from features.data.checks.coverage import (
    Ahead,
    warn_of_holes,
    warn_of_missing,
    warn_of_partial_future,
)
from features.data.checks.grid import join_grids
from features.data.checks.keys import check_keys
from features.data.checks.late import warn_of_outliers, warn_of_undelivered
from features.data.checks.panel import Timeline
from features.data.checks.part import CheckTask, PartFacts, Whole, check_part
from features.data.checks.places import (
    add_names,
    count_names,
    warn_of_events,
    warn_of_places,
    warn_of_slips,
)
from features.data.checks.references import check_described, check_series, list_described
from features.data.checks.spans import (
    Days,
    count_days,
    isolating,
    last_day_ahead,
    plausible_days,
    refuse_beyond_bounds,
    refuse_isolated,
    warn_of_future,
)
from features.data.checks.spikes import warn_of_spikes
from features.data.checks.step import check_distances, usual_weekday
from features.data.delivery import find_undelivered
from features.data.events import list_holidays
from features.data.findings import MAX_FINDINGS, Finding, Report, Section, SectionedReport
from features.data.outliers import (
    judge_by_groups,
    judge_counts,
    value_outliers,
    values_of,
)
from features.data.parts.part import PARTED, Parted
from features.data.reading.reader import Place, ReadTable
from features.data.reading.schema import FUTURE, HOLIDAYS, SALES, UNITS
from features.data.screening.new_days import first_new_day
from features.data.screening.treatment import Screened, Screening, screen_tables
from features.data.specification import Kind, Missing, Specification
from features.data.step import Step

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Checked:
    """Facts of checked tables.

    Attributes:
        outline: two rows for each series of the sales, on its first and its last day, with its
            attributes; stands for the sales where no values are wanted.
        ahead: series of the days ahead, on the first and the last of them, if there are any.
        series: of the sales, with the number of their rows and their first and last day.
        outliers: rows of the sales that are outliers.
        late: undelivered days, by series and date.
    """

    outline: pl.DataFrame = field(default_factory=pl.DataFrame)
    ahead: pl.DataFrame = field(default_factory=pl.DataFrame)
    series: pl.DataFrame = field(default_factory=pl.DataFrame)
    outliers: pl.DataFrame = field(default_factory=pl.DataFrame)
    late: pl.DataFrame = field(default_factory=pl.DataFrame)
    screened: Screened = field(default_factory=Screened)


def run_checks(
    parted: Parted,
    others: Mapping[str, ReadTable],
    names: Sequence[str],
    specification: Specification,
    report: Report,
    screening: Screening | None,
    today: date,
    progress: Progress = lambda done, total: None,
) -> Checked:
    """Check tables that were read, and report in the same order whatever the parts are.

    Args:
        others: the tables that are read whole.
        names: of all tables, in their order.
        progress: called with the number of checked parts, and that of all.
    """
    return _Checks(parted, others, names, specification, report, screening, today).run(progress)


class _Checks:
    def __init__(
        self,
        parted: Parted,
        others: Mapping[str, ReadTable],
        names: Sequence[str],
        specification: Specification,
        report: Report,
        screening: Screening | None,
        today: date,
    ) -> None:
        self._parted, self._names = parted, names
        self._specification, self._report = specification, report
        self._screening, self._today = screening, today
        self._own = SectionedReport()
        self._others = self._check_others(others)
        self._days = self._find_days()
        self._facts: list[PartFacts] = []

    def _check_others(self, others: Mapping[str, ReadTable]) -> dict[str, ReadTable]:
        """Check keys and dates of the tables that are read whole; return their plausible rows."""
        plausible = {}
        isolates = isolating(self._specification)
        for name, table in others.items():
            self._own.begin(f"keys/{name}")
            check_keys(table, self._own)
            within = table
            if "date" in table.frame.columns:
                self._own.begin(f"bounds/{name}")
                within = refuse_beyond_bounds(table, self._own, today=self._today)
                if name in isolates and within.frame.height:
                    counts = count_days(within.frame)
                    days = plausible_days(name, counts, self._today, isolates=True)
                    self._own.begin(f"isolated/{name}")
                    within = refuse_isolated(within, days, self._own)
                    self._own.begin(f"future/{name}")
                    warn_of_future(within, self._today, self._own)
            if within.frame.height:
                plausible[name] = within
        return plausible

    def _find_days(self) -> dict[str, Days]:
        """Return the plausible days of the sales and of the days ahead, where there are any."""
        days = {
            name: plausible_days(name, counts, self._today, isolates=name == SALES)
            for name, counts in self._parted.counts.items()
        }
        if SALES in days and not days[SALES].counts.is_empty() and FUTURE in days:
            end = last_day_ahead(days[SALES].last)
            days[FUTURE] = Days(days[FUTURE].counts.filter(pl.col("date") <= end))
        return {name: each for name, each in days.items() if not each.counts.is_empty()}

    def run(self, progress: Progress) -> Checked:
        self._check_parts(progress)
        for check in ("keys", "bounds"):
            for name in self._names:
                self._emit(f"{check}/{name}")
        for name in isolating(self._specification):
            self._emit(f"isolated/{name}")
            self._emit(f"future/{name}")
        self._emit("far-ahead")
        self._check_step()
        self._check_references()
        outlines = self._outline_tables()
        warn_of_places(outlines, self._specification, self._report)
        warn_of_events(self._others, self._report)
        self._warn_of_slips()
        outliers, known = self._warn_of_outliers()
        if SALES not in self._days:
            return Checked()
        late = find_undelivered(
            [facts.recent for facts in self._facts if facts.recent is not None],
            self._days[SALES].last,
            step=self._specification.step,
        )
        sales = outlines[SALES]
        if self._specification.missing is not Missing.CLOSED:
            warn_of_undelivered(sales, late, self._specification.series, self._report)
        warn_of_missing(outlines, self._specification, self._report)
        if FUTURE in self._days:
            counts = sum((facts.ahead_counts for facts in self._facts), Ahead())
            last, step = self._days[SALES].last, self._specification.step
            warn_of_partial_future(
                outlines[FUTURE], counts, self._days[FUTURE], last, step, self._report
            )
        timeline = self._make_timeline()
        if self._specification.missing is Missing.ZERO:
            coverage = [facts.coverage for facts in self._facts if facts.coverage is not None]
            warn_of_holes(timeline, coverage, self._others.get(HOLIDAYS), self._report)
        screened = self._screen(timeline, outlines, known)
        spikes = [facts.spikes for facts in self._facts if facts.spikes is not None]
        warn_of_spikes(timeline, spikes, self._report, known=screened.rows | known)
        return Checked(
            outline=sales.data,
            ahead=outlines[FUTURE].data if FUTURE in self._days else pl.DataFrame(),
            series=self._series,
            outliers=outliers,
            late=late,
            screened=screened,
        )

    def _check_parts(self, progress: Progress) -> None:
        specification, scratch = self._specification, self._parted.scratch
        weekly = specification.step is Step.WEEK and SALES in self._days
        first_new = None
        if self._screening is not None and SALES in self._days:
            timeline = self._make_timeline()
            first_new = first_new_day(timeline, self._screening.served)
        whole = Whole(
            specification=specification,
            today=self._today,
            days=self._days,
            weekday=usual_weekday(self._days[SALES]) if weekly else None,
            described=list_described(self._others, specification),
            first_new=first_new,
            scratch=None if scratch is None else scratch.path,
        )
        for name, table in self._others.items():
            for described in whole.described:
                if described != name:
                    self._own.begin(f"described/{described}/{name}")
                    check_described(table, whole.described[described], self._own)
        self._described = tuple(whole.described)
        tasks = [CheckTask(part, number) for number, part in enumerate(self._parted.parts)]
        for facts in self._parted.runner.run(check_part, whole, tasks):
            self._facts.append(facts)
            progress(len(self._facts), len(tasks))

    def _emit(self, section: str) -> None:
        """Report the findings of a check: those of a table read whole, or of all parts."""
        sections = [each for each in self._sections(section) if each.count]
        if not sections:
            return
        findings = [finding for each in sections for finding in each.findings]
        if len(sections) > 1:
            findings.sort(key=self._place_of)  # parts are not in the order of the rows
        count = sum(each.count for each in sections)
        self._report.add(*findings[:MAX_FINDINGS], total=count)

    def _sections(self, section: str) -> Iterator[Section]:
        for sections in (self._own.sections, *(facts.sections for facts in self._facts)):
            if section in sections:
                yield sections[section]

    def _place_of(self, finding: Finding) -> Place:
        for table in self._parted.blank.values():
            if finding.file in table.files:
                return table.files.index(finding.file), finding.row or 0
        return 0, finding.row or 0

    def _check_step(self) -> None:
        if SALES not in self._days:
            return
        if self._specification.step is Step.DAY:
            sales = self._parted.blank[SALES]
            check_distances(sales, self._days[SALES], self._report)
        for name in PARTED:
            self._emit(f"weekday/{name}")

    def _check_references(self) -> None:
        for described in self._described:
            for name in self._names:
                self._emit(f"described/{described}/{name}")
        if SALES in self._days and FUTURE in self._days:
            blank = self._parted.blank
            announced = pl.concat([f.announced for f in self._facts if f.announced.width])
            check_series(
                announced.sort("_file", "_row", maintain_order=True),
                self._series,
                blank[SALES],
                blank[FUTURE],
                self._specification,
                self._report,
            )
            self._emit("order")

    def _outline_tables(self) -> dict[str, ReadTable]:
        """Return all tables in their order, with outlines of the sales and of the days ahead."""
        tables: dict[str, ReadTable] = {}
        for name in self._names:
            if name in self._others:
                tables[name] = self._others[name]
            elif name in self._days:
                ends = self._ends_of_series(name)
                tables[name] = replace(self._parted.blank[name], frame=pl.concat(ends))
        return tables

    def _ends_of_series(self, name: str) -> list[pl.DataFrame]:
        """Return the series of a table on their first day, and on their last."""
        place = {each: pl.lit(0, dtype=pl.UInt32) for each in ("_file", "_row")}
        if name == SALES:
            series = self._series.with_columns(**place)
            rest = series.drop("_rows", "_first", "_last")
            return [rest.with_columns(date=series[end]) for end in ("_first", "_last")]
        ahead = pl.concat([facts.ahead for facts in self._facts if facts.ahead.width])
        days = self._days[name]
        return [
            ahead.with_columns(date=pl.lit(day, dtype=pl.Date), **place)
            for day in (days.first, days.last)
        ]

    @property
    def _series(self) -> pl.DataFrame:
        return pl.concat([facts.series for facts in self._facts if facts.series.width])

    def _warn_of_slips(self) -> None:
        for name in self._names:
            if name in self._others:
                table = self._others[name]
                counts = count_names(table.frame, self._specification)
                warn_of_slips(table, counts, self._report)
            elif name in self._days:
                counts = add_names(facts.names.get(name, {}) for facts in self._facts)
                warn_of_slips(self._parted.blank[name], counts, self._report)

    def _warn_of_outliers(self) -> tuple[pl.DataFrame, set[Place]]:
        """Warn of outliers; return those of the sales, and the places of their rows."""
        specification, blank = self._specification, self._parted.blank
        outliers, known = pl.DataFrame(), set[Place]()
        if SALES in self._days:
            outliers = self._find_sales_outliers()
            known = warn_of_outliers(blank[SALES], outliers, UNITS, self._report)
        for covariate in specification.covariates:
            if covariate.kind is not Kind.COUNT:
                continue
            value = covariate.source
            if covariate.table != specification.sales:
                if covariate.table in self._others:
                    table = self._others[covariate.table]
                    rows = value_outliers(table.frame, value=value, keys=covariate.by)
                    warn_of_outliers(table, rows, value, self._report)
            elif SALES in self._days:
                suspects = self._join([facts.suspects.get(value) for facts in self._facts])
                usual = values_of(value, *(part.scan(SALES) for part in self._parted.parts))
                rows = judge_counts(suspects, usual, value=value, keys=specification.pooled)
                warn_of_outliers(blank[SALES], rows, value, self._report)
        return outliers, known

    def _find_sales_outliers(self) -> pl.DataFrame:
        keys = self._specification.series
        undecided = self._join([facts.undecided for facts in self._facts])
        usual = values_of(UNITS, *(part.scan(SALES) for part in self._parted.parts))
        above = judge_by_groups(undecided, usual, keys)
        return self._join([*(facts.outliers for facts in self._facts), above])

    @staticmethod
    def _join(parts: Sequence[pl.DataFrame | None]) -> pl.DataFrame:
        """Return rows of all parts in the order of their table."""
        rows = pl.concat([part for part in parts if part is not None and part.width])
        return rows.sort("_file", "_row", maintain_order=True)

    def _make_timeline(self) -> Timeline:
        days, step = self._days[SALES], self._specification.step
        n_days = (days.last - days.first).days // step.days + 1
        sales = self._parted.blank[SALES]
        series = sales.frame.select(self._specification.series)
        return Timeline(sales, series, days.first, step, n_days)

    def _screen(
        self, timeline: Timeline, tables: Mapping[str, ReadTable], known: set[Place]
    ) -> Screened:
        # rows that cannot be right are missing, and would look like outliers
        if self._screening is None or self._report.errors:
            return Screened()
        grids = [facts.grid for facts in self._facts if facts.grid is not None]
        return screen_tables(
            join_grids(timeline, grids),
            self._specification,
            self._screening,
            self._report,
            holidays=self._days_off(tables),
            known=frozenset(known),
        )

    def _days_off(self, tables: Mapping[str, ReadTable]) -> frozenset[date]:
        """Return the days of holidays and events, of the tables or of the country."""
        if HOLIDAYS in tables:
            return frozenset(tables[HOLIDAYS].frame["date"])
        frames = {name: table.frame for name, table in tables.items()}
        return frozenset(list_holidays(self._specification, frames[SALES], frames)["date"])
