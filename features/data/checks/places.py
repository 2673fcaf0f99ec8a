"""Checks of holidays (no store affected, listed twice, long events) and of similar names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from string import digits

import polars as pl

from features.data.calendar import EVENT, LOCAL, LONG_EVENT_DAYS, NATIONAL, REGIONAL, Holiday
from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.reading.names import find_near_duplicates, fold_name
from features.data.reading.reader import ReadTable
from features.data.reading.schema import HOLIDAYS, SALES
from features.data.specification import Specification

_CODES_SHARE = 0.5


def warn_of_places(
    tables: Mapping[str, ReadTable], specification: Specification, report: Report
) -> None:
    """Warn of local and regional holidays whose place matches no site, or only by case."""
    if HOLIDAYS not in tables:
        return
    holidays, sources = tables[HOLIDAYS], specification.holidays
    for locale, column in ((LOCAL, sources.local), (REGIONAL, sources.regional)):
        if column is None:
            continue
        known = _values_of(tables, specification, column)
        if known is None:
            continue
        by_case = {name.casefold(): name for name in known}
        rows = holidays.frame.select("locale", "locale_name").with_row_index("_at")
        for place, at, count in (
            rows.filter(pl.col("locale") == locale)
            .group_by("locale_name", maintain_order=True)
            .agg(pl.col("_at").first(), pl.len())
            .rows()
        ):
            if place in known:
                continue
            match = by_case.get(place.casefold())
            if match is not None:
                code, message = "place-case", f"{place!r} is taken for the {column} {match!r}"
                advice = None
            else:
                code = "place-unknown"
                message = f"{place!r} is the {column} of no store: no store keeps its holidays"
                advice = _suggest_names(place, known)
            report.add(
                holidays.find(
                    Severity.WARNING,
                    code,
                    message,
                    at=at,
                    column="locale_name",
                    value=place,
                    advice=advice,
                ),
                total=count,
            )


def _values_of(
    tables: Mapping[str, ReadTable], specification: Specification, column: str
) -> set[str] | None:
    """Return the values of an attribute; None if it was not read."""
    for attribute in specification.attributes:
        name = SALES if attribute.table == specification.sales else attribute.table
        if attribute.name == column and name in tables:
            return set(tables[name].frame[column])
    return None


def _suggest_names(place: str, known: set[str]) -> str | None:
    by_fold = {fold_name(name): name for name in known}
    matches = get_close_matches(fold_name(place), by_fold, n=3)
    return f"did you mean {' or '.join(repr(by_fold[m]) for m in matches)}?" if matches else None


def warn_of_events(tables: Mapping[str, ReadTable], report: Report) -> None:
    """Warn of rows of holidays that repeat another, and of events that take many days."""
    if HOLIDAYS not in tables:
        return
    holidays = tables[HOLIDAYS]
    frame = holidays.data
    repeated = frame.with_row_index("_at").filter(~pl.struct(frame.columns).is_first_distinct())
    report.add(
        *(
            holidays.find(
                Severity.WARNING,
                "holiday-repeated",
                f"{description!r} on {day} is listed again; it counts once",
                at=at,
                column="description",
                value=description,
            )
            for at, day, description in repeated.select("_at", "date", "description")
            .head(MAX_FINDINGS)
            .rows()
        ),
        total=repeated.height,
    )
    _warn_of_long_events(holidays, report)


def _warn_of_long_events(holidays: ReadTable, report: Report) -> None:
    events = holidays.frame.filter(
        pl.col("type") == EVENT, pl.col("locale") == NATIONAL, ~pl.col("transferred")
    )
    days: dict[tuple[str, int], set[object]] = {}
    for row in events.drop("_file", "_row").to_dicts():
        holiday = Holiday(**row)
        days.setdefault((holiday.name, holiday.date.year), set()).add(holiday.date)
    for (name, year), dates in days.items():
        if len(dates) > LONG_EVENT_DAYS:
            message = (
                f"the event {name!r} takes {len(dates)} days of {year}: more than "
                f"{LONG_EVENT_DAYS} are taken for a singular event, whose days teach nothing"
            )
            report.add(
                holidays.find(
                    Severity.WARNING, "long-event", message, column="description", value=name
                )
            )


NameCounts = dict[str, dict[str, int]]
"""Rows of each name, by the column of the names."""


def count_names(frame: pl.DataFrame, specification: Specification) -> NameCounts:
    """Return how many rows each name has, of each column of names."""
    names = {*specification.described} - set(specification.numbered)
    return {
        column: dict(frame[column].drop_nulls().value_counts().rows())
        for column in frame.columns
        if column in names
    }


def add_names(parts: Iterable[NameCounts]) -> NameCounts:
    """Return the counts of all parts of a table."""
    total: dict[str, Counter[str]] = {}
    for part in parts:
        for column, counts in part.items():
            total.setdefault(column, Counter()).update(counts)
    return {column: dict(counts) for column, counts in total.items()}


def warn_of_slips(table: ReadTable, counts: NameCounts, report: Report) -> None:
    """Warn of names that differ by case, accents, punctuation or one letter."""
    for column, sizes in counts.items():
        if _is_mostly_codes(sizes):
            continue
        for one, other in find_near_duplicates(sizes):
            message = (
                f"{one!r} ({sizes[one]:,} rows) and {other!r} ({sizes[other]:,} rows) are "
                f"almost the same, and are taken for two"
            )
            advice = "use one spelling if they are one"
            report.add(
                table.find(
                    Severity.WARNING,
                    "similar-names",
                    message,
                    column=column,
                    value=one,
                    advice=advice,
                )
            )


def _is_mostly_codes(names: Collection[str]) -> bool:
    """Return whether most names hold a digit: codes differ by a letter or a digit by design."""
    with_digits = sum(any(digit in name for digit in digits) for name in names)
    return with_digits > _CODES_SHARE * len(names)
