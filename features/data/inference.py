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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import polars as pl

from features.data.calendar import LONG_EVENT_DAYS
from features.data.findings import Report
from features.data.reading.columns import to_date
from features.data.reading.files import list_tables
from features.data.reading.layout import DecimalMark, TableLayout
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
from features.data.step import Step, WeekDate

MAX_VALUES = 12
"""Values of a text that become flags; a text with more of them is not read."""
SALES_NAMES, FUTURE_NAMES = ("sales", "train"), ("future", "test")
_MIN_GAPS = 7
"""Gaps between dates from which it is apparent that they are weeks apart."""
_RESERVED = frozenset({"date", "sales", "open", "id"})
_TRUE = frozenset({"true", "yes", "y", "t", "1", "1.0"})
_FALSE = frozenset({"false", "no", "n", "f", "0", "0.0", ""})


class RetailerError(ValueError):
    """A statement that does not fit the tables.

    Attributes:
        key: of the statement.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class Values(StrEnum):
    """Kind of the values of a column.

    Attributes:
        FLAG: at most two values that mean no and yes.
        WHOLE: whole numbers of at least 0.
        NUMBER: other numbers.
        TEXT: anything else.
        NONE: no value at all.
    """

    FLAG = "flag"
    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"
    NONE = "none"


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
        self._date = stated.columns.get("date", "date")
        self._target = stated.columns.get("target", stated.target)
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
        self._check_columns()
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
                f"{_list(stems)}",
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

    def _check_columns(self) -> None:
        """Refuse statements that name columns of the sales that it does not have."""
        wanted = [("columns.date", self._date), ("target", self._target)]
        wanted += [("series", name) for name in self._stated.series]
        wanted += [("open", self._stated.open)] if self._stated.open else []
        for key, name in wanted:
            if name not in self._sales.columns:
                listed = ", ".join(self._sales.columns)
                raise RetailerError(
                    key, f"the table {self._sales_name} has no column {name!r}; it has {listed}"
                )
        for name in self._stated.series:
            if name in _RESERVED:
                raise RetailerError(
                    "series",
                    f"a column of the series may not be called {name!r}, which has a meaning of "
                    "its own; rename it in all tables",
                )

    def specification(self) -> Specification:
        attributes = self._attributes
        covariates = [*self._covariates(), *self._long_events()]
        self._check_names(attributes, covariates)
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

    def _check_names(
        self, attributes: Sequence[Attribute], covariates: Sequence[Covariate]
    ) -> None:
        known = {each.source for each in covariates} | set(self.unused)
        for name in self._stated.covariates:
            if name not in known:
                listed = ", ".join(sorted(each.source for each in covariates)) or "none"
                raise RetailerError(
                    f"covariates.{name}",
                    f"no table has a covariate of this name; there are {listed}",
                )
        places = {*self._stated.series, *(each.name for each in attributes)}
        region = self._stated.calendar.region
        if region is not None and region not in places:
            raise RetailerError(
                "calendar.region",
                f"{region!r} is neither a column of the series nor an attribute; there are "
                f"{_list(places)}",
            )

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
                        f"are {_list({*series, *attributes})}",
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
        ordered = self._values(table[column]) in (Values.WHOLE, Values.NUMBER)
        return Attribute(name=column, by=by, table=name, ordered=ordered)

    def _is_attribute(self, column: str) -> bool:
        """Return whether a column of the sales is text that no series changes."""
        if self._values(self._sales[column]) is not Values.TEXT:
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
        values = self._values(table[column])
        stated = self._stated.covariates.get(column, StatedCovariate())
        if values is Values.NONE:
            self.unused[column] = "it has no value"
            return
        if name == self._sales_name and self._repeats_date(table, column):
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
            truth = next((each for each in text.drop_nulls().unique() if _is_true(each)), "1")
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
                if value.casefold() not in _FALSE:
                    yield make(Kind.FLAG, value=value)
        else:
            yield make(_kind_of(values, stated, adds_up=set(self._stated.series) <= set(by)))

    def _repeats_date(self, table: pl.DataFrame, column: str) -> bool:
        """Return whether a column is the weekday, the month or another part of the date."""
        distinct = table.select(self._date, column).unique()
        if distinct.height > distinct[self._date].n_unique():
            return False
        days = to_date(distinct[self._date], self._layout).values
        numbers = distinct[column].cast(pl.Float64, strict=False)
        if numbers.null_count():  # a text, or a day without a value
            return False
        parts = (
            days.dt.weekday(),
            days.dt.weekday() - 1,
            days.dt.weekday() % 7,
            days.dt.day(),
            days.dt.month(),
            days.dt.year(),
            days.dt.week(),
            days.dt.ordinal_day(),
            days.dt.quarter(),
        )
        return any(bool((numbers == part).all()) for part in parts)

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
            if column in _RESERVED and column != self._stated.open:
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

    def _values(self, column: pl.Series) -> Values:
        text = column.cast(pl.String).str.strip_chars().drop_nulls()
        distinct = text.filter(text != "").unique()
        if not len(distinct):
            return Values.NONE
        folded = {value.casefold() for value in distinct.head(3)}
        if len(distinct) <= 2 and folded <= _TRUE | _FALSE:
            return Values.FLAG
        if self._layout.decimal is DecimalMark.COMMA:
            distinct = distinct.str.replace(",", ".", literal=True)
        numbers = distinct.cast(pl.Float64, strict=False)
        if numbers.null_count():
            return Values.TEXT
        whole = (numbers >= 0).all() and (numbers == numbers.floor()).all()
        return Values.WHOLE if whole else Values.NUMBER


def _kind_of(values: Values, stated: StatedCovariate, *, adds_up: bool) -> Kind:
    """Return the kind of a number: the stated one, or a count if it is whole and adds up."""
    if stated.transform == "log":
        return Kind.PRICE
    if stated.kind is not None:
        return Kind(stated.kind)
    return Kind.COUNT if values is Values.WHOLE and adds_up else Kind.NUMBER


def _is_true(value: str) -> bool:
    return value.casefold() in _TRUE


def first_table(names: Sequence[str], stems: Iterable[str]) -> str:
    """Return the first of some names that a table has.

    Raises:
        RetailerError: none of the tables has one of the names.
    """
    present = set(stems)
    for name in names:
        if name in present:
            return name
    listed = _list(present) if present else "no table"
    raise RetailerError(
        "series",
        f"the folder has no table of sales; it holds {listed}. Name that of the sales "
        f"{names[0]}.csv or {names[0]}.parquet",
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
