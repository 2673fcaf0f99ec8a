"""Infers the specification of tables from what a retailer states and from the tables themselves.

A column that the table of days ahead has is known ahead; any other column of the sales is history
only. A table of its own without dates holds attributes of the series that its other columns name; a
table with dates holds covariates, known ahead if it reaches beyond the last day of sales. The kind
of a column follows from its values: two values are a flag, whole numbers of at least 0 that vary
with the series a count, other numbers are numbers; text that is the same on all days of a series is
an attribute, any other a flag for each of its values.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import polars as pl

from features.data.calendar import LONG_EVENT_DAYS
from features.data.column_values import (
    Values,
    classify_values,
    is_false,
    is_true,
    kind_of,
    repeats_date,
)
from features.data.findings import Report
from features.data.reading.columns import to_date
from features.data.reading.files import FUTURE_NAMES, SALES_NAMES, list_tables
from features.data.reading.layout import TableLayout
from features.data.reading.names import canonical
from features.data.reading.reader import read_all_columns
from features.data.reading.schema import EVENT_KIND, EVENT_NAME
from features.data.specification import (
    BOTTOM,
    TOTAL,
    Attribute,
    Covariate,
    Holidays,
    Kind,
    Level,
    Specification,
)
from features.data.stated import Stated, StatedCovariate
from features.data.statement_checks import (
    RESERVED,
    RetailerError,
    check_columns,
    check_names,
    date_column,
    first_table,
    list_names,
    target_column,
)
from features.data.step import Step, WeekDate

MAX_VALUES = 12
"""Values of a text that become flags; a text with more of them is not read."""
_MIN_GAPS = 7
"""Gaps between dates from which it is apparent that they are weeks apart."""


@dataclass
class Understanding:
    """A specification, and the columns that it leaves out.

    Attributes:
        unused: why a column or a table is not read, by its name.
    """

    specification: Specification
    unused: dict[str, str] = field(default_factory=dict)


def infer(folder: Path, stated: Stated, layout: TableLayout, report: Report) -> Understanding:
    """Infer the specification of a folder of tables.

    Faults of the files themselves are reported, not raised.

    Raises:
        RetailerError: a statement does not fit the tables.
    """
    inference = _Inference(folder, stated, layout, report)
    specification = inference.specification()
    return Understanding(specification, inference.unused)


class _Inference:
    """The tables of a folder as they are read, and what follows from them."""

    def __init__(self, folder: Path, stated: Stated, layout: TableLayout, report: Report) -> None:
        self.unused: dict[str, str] = {}
        self._stated = stated
        self._layout = layout
        self._date = date_column(stated)
        self._target = target_column(stated)
        stems = list_tables(folder)
        self._sales_name = first_table(SALES_NAMES, stems)
        self._future_name = next((name for name in FUTURE_NAMES if name in stems), None)
        self._events_name = Path(stated.calendar.holidays or "").name.partition(".")[0]
        self._events = self._read_events(folder, stems, report)
        skipped = {*stated.ignore, self._events_name}
        self._tables = {
            stem: table
            for stem in stems
            if stem not in skipped
            and (table := read_all_columns(folder, stem, layout, report)) is not None
        }
        if self._sales_name not in self._tables:
            message = f"the table {self._sales_name} cannot be read, for the faults that are listed"
            raise RetailerError("series", message)
        self._sales = self._tables[self._sales_name]
        self._future = self._tables.get(self._future_name) if self._future_name else None
        check_columns(stated, self._sales_name, self._sales.columns)
        self._last = self._last_date(self._sales)
        self._step = self._find_step()
        self._week_date = self._find_week_date()

    def _read_events(
        self, folder: Path, stems: Iterable[str], report: Report
    ) -> pl.DataFrame | None:
        """Return the table of the retailer's own holidays and events; None if none is stated."""
        if not self._events_name:
            return None
        if self._events_name not in stems:
            raise RetailerError(
                "calendar.holidays",
                f"the folder holds no {self._stated.calendar.holidays}; its tables are "
                f"{list_names(stems)}",
            )
        events = read_all_columns(folder, self._events_name, self._layout, report)
        if events is None:
            message = f"{self._events_name} cannot be read, for the faults that are listed"
            raise RetailerError("calendar.holidays", message)
        for column in (self._date, EVENT_NAME):
            if column not in events.columns:
                listed = ", ".join(events.columns)
                raise RetailerError(
                    "calendar.holidays",
                    f"{self._events_name} has no column {column}, which every row needs; it has "
                    f"{listed}",
                )
        return events

    def specification(self) -> Specification:
        attributes = self._attributes
        covariates = [*self._covariates(), *self._long_events()]
        check_names(self._stated, attributes, covariates, self.unused)
        stated = self._stated
        columns = {"date": self._date, "sales": self._target}
        return Specification(
            series=stated.series,
            attributes=attributes,
            levels=tuple(self._levels({attribute.name for attribute in attributes})),
            labels=stated.labels,
            covariates=tuple(covariates),
            holidays=self._holidays({*stated.series, *(each.name for each in attributes)}),
            sales=self._sales_name,
            future=self._future_name,
            columns={name: title for name, title in columns.items() if name != title},
            row_ids=self._future is not None and "id" in self._future.columns,
            missing=stated.missing,
            open=stated.open,
            returns=stated.returns,
            expect=stated.expect,
            fallback=stated.fallback,
            step=self._step,
            week_date=self._week_date,
            horizon=self._find_horizon(),
        )

    def _find_step(self) -> Step:
        """Return the stated step, or a week if all dates are whole weeks apart."""
        if self._stated.step is not None:
            return self._stated.step
        gaps = to_date(self._sales[self._date], self._layout).values.unique().sort().diff()
        days = gaps.dt.total_days().drop_nulls()
        weekly = len(days) >= _MIN_GAPS and bool((days % Step.WEEK.days == 0).all())
        return Step.WEEK if weekly else Step.DAY

    def _find_week_date(self) -> WeekDate:
        """Return the stated day of a week, or the last for dates on Fridays to Sundays."""
        if self._stated.week_date is not None:
            return self._stated.week_date
        is_last = self._step is Step.WEEK and self._last.weekday() >= calendar.FRIDAY
        return WeekDate.LAST if is_last else WeekDate.FIRST

    def _find_horizon(self) -> int:
        """Return the stated horizon, or the usual one, or that of the days ahead if longer."""
        stated, step = self._stated.horizon, self._step
        if stated is not None and stated > step.max_horizon:
            raise RetailerError(
                "horizon",
                f"{stated} {step}s are too many; at most {step.max_horizon} can be forecast",
            )
        if stated is not None or self._future is None:
            return stated or step.default_horizon
        ahead = (self._last_date(self._future) - self._last).days // step.days
        return min(max(step.default_horizon, ahead), step.max_horizon)

    def _levels(self, attributes: set[str]) -> Iterator[Level]:
        """Yield the levels: the total, those stated or the series' columns, and the bottom."""
        series, labels = self._stated.series, self._stated.labels
        stated = self._stated.levels or ([(name,) for name in series] if len(series) > 1 else [])
        yield Level(name=TOTAL, columns=())
        names = {TOTAL, BOTTOM}
        for columns in stated:
            for column in columns:
                if column not in {*series, *attributes}:
                    raise RetailerError(
                        "levels",
                        f"{column!r} is neither a column of the series nor an attribute; there "
                        f"are {list_names({*series, *attributes})}",
                    )
            if set(columns) == set(series):
                continue
            name = "_".join(labels.get(column, column) for column in columns)
            if name in names:
                raise RetailerError(
                    "levels", f"two levels would be named {name!r}; leave one out, or give a label"
                )
            names.add(name)
            yield Level(name=name, columns=columns)
        yield Level(name=BOTTOM, columns=series)

    @cached_property
    def _attributes(self) -> tuple[Attribute, ...]:
        return tuple(self._list_attributes())

    def _list_attributes(self) -> Iterator[Attribute]:
        """Yield the attributes of tables without dates, and those among the sales."""
        series = self._stated.series
        for name, table in self._others():
            if self._date in table.columns:
                continue
            keys = tuple(column for column in series if column in table.columns)
            if not keys:
                self.unused[name] = (
                    f"it has neither the column {self._date} nor one of the series "
                    f"({', '.join(series)})"
                )
                continue
            for column in self._read_columns(table, keys):
                yield self._attribute(name, table, column, keys)
        for column in self._read_columns(self._sales, (*series, self._date, self._target)):
            if self._is_attribute(column):
                yield self._attribute(self._sales_name, self._sales, column, series)

    def _attribute(
        self, name: str, table: pl.DataFrame, column: str, by: tuple[str, ...]
    ) -> Attribute:
        ordered = classify_values(table[column], self._layout) in (Values.WHOLE, Values.NUMBER)
        return Attribute(name=column, by=by, table=name, ordered=ordered)

    def _is_attribute(self, column: str) -> bool:
        """Return whether a column of the sales is text that no series changes."""
        if classify_values(self._sales[column], self._layout) is not Values.TEXT:
            return False
        per_series = self._sales.group_by(self._stated.series).agg(pl.col(column).n_unique())
        return bool((per_series[column] == 1).all())

    def _covariates(self) -> Iterator[Covariate]:
        """Yield the covariates among the sales, then those of tables of their own."""
        series, opened = self._stated.series, self._stated.open
        skip = (*series, self._date, self._target, *([opened] if opened else []))
        ahead = set() if self._future is None else set(self._future.columns)
        own = {each.name for each in self._attributes if each.table == self._sales_name}
        for column in self._read_columns(self._sales, skip):
            if column not in own:
                yield from self._covariates_of(
                    self._sales_name, self._sales, column, series, known_ahead=column in ahead
                )
        places = {*series, *(attribute.name for attribute in self._attributes)}
        end = self._last + timedelta(self._step.days - 1 - self._step.shift(self._week_date))
        for name, table in self._others():
            if self._date not in table.columns:
                continue
            keys = tuple(column for column in table.columns if column in places)
            reaches = self._last_date(table) > end
            for column in self._read_columns(table, (*keys, self._date)):
                yield from self._covariates_of(name, table, column, keys, known_ahead=reaches)

    def _covariates_of(
        self,
        name: str,
        table: pl.DataFrame,
        column: str,
        by: tuple[str, ...],
        *,
        known_ahead: bool,
    ) -> Iterator[Covariate]:
        values = classify_values(table[column], self._layout)
        stated = self._stated.covariates.get(column, StatedCovariate())
        if values is Values.NONE:
            self.unused[column] = "it has no value"
            return
        if name == self._sales_name and repeats_date(
            table[self._date], table[column], self._layout
        ):
            self.unused[column] = "it follows from the date"
            return

        def make(kind: Kind, *, value: str | None = None) -> Covariate:
            full = column if value is None else f"{column}={value}"
            return Covariate(
                name=full,
                label=self._stated.labels.get(column, column) + full.removeprefix(column),
                kind=kind,
                known_ahead=known_ahead,
                by=by,
                table=name,
                column=column if value is not None else None,
                value=value,
                used=stated.use,
            )

        text = table[column].cast(pl.String)
        if values is Values.FLAG:
            truth = next((each for each in text.drop_nulls().unique() if is_true(each)), "1")
            word = None if truth.strip() in ("1", "1.0") else canonical(truth)
            flag = make(Kind.FLAG, value=word)
            yield flag.model_copy(update={"name": column, "label": make(Kind.FLAG).label})
        elif values is Values.TEXT:
            counts = text.drop_nulls().value_counts(name="_rows")
            counts = counts.sort("_rows", column, descending=[True, False])
            if len(counts) > MAX_VALUES + 1:
                self.unused[column] = (
                    f"it is a text of {len(counts)} values, of which at most {MAX_VALUES + 1} "
                    "could become flags"
                )
                return
            # the usual day, from which the others differ, has no text, or else the most frequent
            others = counts[column].to_list()[0 if text.null_count() else 1 :]
            for value in sorted({canonical(value) for value in others}):
                if not is_false(value):
                    yield make(Kind.FLAG, value=value)
        else:
            yield make(kind_of(values, stated, adds_up=set(self._stated.series) <= set(by)))

    def _holidays(self, places: set[str]) -> Holidays:
        stated = self._stated.calendar
        if self._events is None:
            return Holidays(country=stated.country, regional=stated.region)
        place = next((each for each in self._events.columns if each in places), None)
        return Holidays(
            country=stated.country,
            events=self._events_name,
            kinds=EVENT_KIND in self._events.columns,
            place=place,
            regional=stated.region,
            local=place if place != stated.region else None,
        )

    def _long_events(self) -> Iterator[Covariate]:
        """Yield a flag for each event that takes more than `LONG_EVENT_DAYS` days of a year.

        Such as a sales season or school holidays: its days are no holidays, whose effects are
        those of single days, but a condition under which the weeks go on.
        """
        events = self._events
        if events is None:
            return
        known = {*self._stated.series, *(attribute.name for attribute in self._attributes)}
        by = tuple(column for column in events.columns if column in known)
        days = to_date(events[self._date], self._layout).values
        counts = events.with_columns(_day=days, _year=days.dt.year()).group_by(EVENT_NAME, "_year")
        longest = counts.agg(pl.col("_day").n_unique()).group_by(EVENT_NAME).agg(pl.max("_day"))
        long = longest.filter(pl.col("_day") > LONG_EVENT_DAYS)[EVENT_NAME]
        for name in sorted(canonical(name) for name in long):
            yield Covariate(
                name=name,
                label=self._stated.labels.get(name, name),
                kind=Kind.FLAG,
                known_ahead=True,
                by=by,
                table=self._events_name,
                column=EVENT_NAME,
                value=name,
            )

    def _others(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield the tables but those of sales and of days ahead, by name."""
        for name in sorted(self._tables.keys() - {self._sales_name, self._future_name}):
            yield name, self._tables[name]

    def _read_columns(self, table: pl.DataFrame, skip: Iterable[str]) -> Iterator[str]:
        """Yield the columns of a table that are not left out."""
        left_out = {*skip, *self._stated.ignore, "id"}
        for column in table.columns:
            if column in left_out:
                continue
            if column in RESERVED and column != self._stated.open:
                self.unused[column] = "the name has a meaning of its own; rename the column"
                continue
            yield column

    def _last_date(self, table: pl.DataFrame) -> date:
        last = to_date(table[self._date], self._layout).values.max()
        if not isinstance(last, date):
            raise RetailerError(
                "columns.date",
                f"{self._date!r} holds no date that can be read; dates such as 31.12.2023 need "
                "--dates dmy",
            )
        return last
