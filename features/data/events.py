"""Holidays of a retailer: the public ones of its country, and those of its own table.

Public holidays come from the package `holidays`, for every year that the sales or a forecast touch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

import polars as pl

from features.data.calendar import EVENT, LOCAL, NATIONAL, REGIONAL
from features.data.findings import SPECIFICATION, Finding, Report, Severity
from features.data.reading.schema import DATE, EVENT_KIND, EVENT_KINDS, EVENT_NAME, HOLIDAY_COLUMNS
from features.data.specification import Specification
from features.data.stated import RETAILER_FILE

if TYPE_CHECKING:
    from holidays import HolidayBase

_LANGUAGE = "en_US"
"""Of the names, so that they do not follow the environment; some countries have only their own."""
_HOLIDAY = EVENT_KINDS["holiday"]
_Row = tuple[date, str, str, str, str, bool]


def check_country(specification: Specification, report: Report) -> bool:
    """Return whether the country of a specification is known, or none is stated."""
    country = specification.holidays.country
    if country is None:
        return True
    from holidays import list_supported_countries  # large, and rarely wanted

    known = list_supported_countries()
    if country in known:
        return True
    close = get_close_matches(country, known, n=3)
    message = f"the public holidays of {country!r} are not known"
    advice = f"did you mean {' or '.join(close)}?" if close else "state them in a file of holidays"
    report.add(
        Finding(
            Severity.ERROR,
            SPECIFICATION,
            RETAILER_FILE,
            message,
            column="calendar.country",
            value=country,
            advice=advice,
        )
    )
    return False


def warn_of_regions(
    specification: Specification,
    sales: pl.DataFrame,
    tables: Mapping[str, pl.DataFrame],
    report: Report,
) -> None:
    """Warn of regions of the sites that are none of the country's."""
    country, column = specification.holidays.country, specification.holidays.regional
    if country is None or column is None:
        return
    from holidays import country_holidays

    known = _divisions(country_holidays(country))
    for region in _regions(specification, sales, tables):
        if region not in known:
            close = get_close_matches(region, known, n=3)
            report.add(
                Finding(
                    Severity.WARNING,
                    "place-unknown",
                    RETAILER_FILE,
                    f"calendar.region: {region!r} of {column} is no code of a region of {country}: "
                    "only the holidays of the whole country are kept there",
                    advice=f"did you mean {' or '.join(close)}?" if close else None,
                )
            )


def _divisions(national: HolidayBase) -> set[str]:
    """Return the codes and the other names of a country's regions."""
    return {*national.subdivisions, *national.subdivisions_aliases}


def list_holidays(
    specification: Specification, sales: pl.DataFrame, tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    """Return the holidays and events of a specification, in the form of the Favorita data."""
    first, last = sales[DATE].min(), sales[DATE].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    reach = timedelta((specification.horizon + 1) * specification.step.days)
    years = range(first.year, (last + reach).year + 1)
    rows: list[_Row] = []
    if specification.holidays.country is not None:
        rows += _public_holidays(specification, _regions(specification, sales, tables), years)
    if specification.holidays.events is not None:
        rows += _own_events(specification, tables[specification.holidays.events])
    schema = {column.name: column.dtype for column in HOLIDAY_COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _regions(
    specification: Specification, sales: pl.DataFrame, tables: Mapping[str, pl.DataFrame]
) -> list[str]:
    """Return the regions of the sites."""
    column = specification.holidays.regional
    if column is None:
        return []
    by_name = {each.name: each.table for each in specification.attributes}
    table = tables.get(by_name.get(column, ""), sales)
    return sorted(table[column].unique())


def _public_holidays(
    specification: Specification, regions: list[str], years: range
) -> Iterator[_Row]:
    """Yield the public holidays of the country, then those of its regions alone."""
    from holidays import country_holidays

    country = specification.holidays.country or ""
    national = country_holidays(country, years=years, language=_LANGUAGE)
    for day, name in sorted(national.items()):
        yield day, _HOLIDAY, NATIONAL, country, name, False
    for region in filter(_divisions(national).__contains__, regions):
        regional = country_holidays(country, subdiv=region, years=years, language=_LANGUAGE)
        for day, name in sorted(regional.items()):
            if day not in national:
                yield day, _HOLIDAY, REGIONAL, region, name, False


def _own_events(specification: Specification, events: pl.DataFrame) -> Iterator[_Row]:
    """Yield the events of the retailer's table, but those that are covariates."""
    sources = specification.holidays
    covariates = {each.value for each in specification.covariates if each.table == sources.events}
    for row in events.iter_rows(named=True):
        if row[EVENT_NAME] in covariates:
            continue
        kind = EVENT_KINDS[row[EVENT_KIND]] if sources.kinds else EVENT
        place = row[sources.place] if sources.place else None
        locale = NATIONAL
        if place is not None:
            locale = REGIONAL if sources.place == sources.regional else LOCAL
        yield row[DATE], kind, locale, place or "everywhere", row[EVENT_NAME], False
