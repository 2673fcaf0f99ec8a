"""Tables and columns that are read, and the requirements on each column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from features.data.calendar import EVENT, HOLIDAY_TYPES, LOCALES, WORK_DAY
from features.data.specification import (
    FAVORITA,
    Attribute,
    Covariate,
    Holidays,
    Returns,
    Specification,
)
from features.data.stated import RETAILER_FILE

SALES, FUTURE, HOLIDAYS = "train", "test", "holidays_events"
"""Names by which checks know the tables that are special, whatever their files are called."""
DATE, UNITS, OPEN, ROW_ID = "date", "sales", "open", "id"
"""Names of the columns that are special, whatever they are called in the files."""
EVENT_NAME, EVENT_KIND = "name", "kind"
EVENT_KINDS = {"holiday": "Holiday", "event": EVENT, "work_day": WORK_DAY}
"""Columns of a retailer's own holidays and events; the type that each kind is in a calendar."""


@dataclass(frozen=True)
class Column:
    """Requirements on one column.

    Attributes:
        name: by which checks know it.
        source: its name in the file, where that is another.
        strict: whether a text NA stands for no value; elsewhere it may be the code of a place.
        advice: on a value below the minimum.
    """

    name: str
    dtype: pl.DataType
    nullable: bool = False
    minimum: float | None = None
    choices: tuple[str, ...] | None = None
    source: str | None = None
    strict: bool = False
    advice: str | None = None

    @property
    def title(self) -> str:
        """Name of the column in the file."""
        return self.source or self.name


_ON_NEGATIVE = (
    "if it is what was returned, write returns: net (taken off the sales before) or returns: clip "
    f"(read as 0) into {RETAILER_FILE}"
)


@dataclass(frozen=True)
class TableSchema:
    """Requirements on one table.

    Attributes:
        stem: name of its file, without the suffix.
        columns: that are read; any others are ignored.
        keys: columns whose values together must not repeat; none where rows may.
        optional: whether it may be missing.
    """

    stem: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()
    optional: bool = False


def key_column(name: str = "store_nbr") -> Column:
    """Return a column of whole numbers of at least 0."""
    return Column(name, pl.Int64(), minimum=0)


HOLIDAY_COLUMNS = (
    Column(DATE, pl.Date()),
    Column("type", pl.String(), choices=HOLIDAY_TYPES),
    Column("locale", pl.String(), choices=LOCALES),
    Column("locale_name", pl.String()),
    Column("description", pl.String()),
    Column("transferred", pl.Boolean()),
)


def schemas_of(specification: Specification) -> dict[str, TableSchema]:
    """Return the tables of a specification, by the names that checks know them by."""
    series = tuple(_series_column(specification, name) for name in specification.series)
    date = Column(DATE, pl.Date(), source=specification.columns.get(DATE))
    keys = (DATE, *specification.series)
    minimum = 0 if specification.returns is Returns.REFUSE else None
    source = specification.columns.get(UNITS)
    units = Column(UNITS, pl.Float64(), minimum=minimum, source=source, advice=_ON_NEGATIVE)
    of_sales = [each for each in specification.covariates if each.table == specification.sales]
    past = [_covariate_column(each) for each in of_sales]
    ahead = [_covariate_column(each) for each in of_sales if each.known_ahead]
    opened = [Column(OPEN, pl.Boolean(), source=specification.open)] if specification.open else []
    described = [
        _attribute_column(specification, each.name)
        for each in specification.attributes
        if each.table == specification.sales
    ]
    sales = (date, *series, units, *past, *opened, *described)
    schemas = {SALES: TableSchema(specification.sales, _distinct(sales), keys)}
    events = specification.holidays.events
    for table in dict.fromkeys(each.table for each in _others(specification)):
        if table != events:
            schemas[table] = _schema_of_other(specification, table, date, series)
    if events:
        schemas[events] = _schema_of_events(events, specification.holidays, date)
    if specification.holidays.table:
        schemas[HOLIDAYS] = TableSchema(specification.holidays.table, HOLIDAY_COLUMNS)
    if specification.future:
        row_ids = [key_column(ROW_ID)] if specification.row_ids else []
        future = (*row_ids, date, *series, *ahead, *opened)
        schemas[FUTURE] = TableSchema(specification.future, _distinct(future), keys, optional=True)
    return schemas


def _others(specification: Specification) -> Iterator[Attribute | Covariate]:
    """Yield what stands in tables of its own."""
    everything: tuple[Attribute | Covariate, ...] = (
        *specification.attributes,
        *specification.covariates,
    )
    for each in everything:
        if each.table != specification.sales:
            yield each


def _schema_of_other(
    specification: Specification, table: str, date: Column, series: tuple[Column, ...]
) -> TableSchema:
    attributes = [each for each in specification.attributes if each.table == table]
    covariates = [each for each in specification.covariates if each.table == table]
    keys_of = (*(each.by for each in attributes), *(each.by for each in covariates))
    by = dict.fromkeys(name for keys in keys_of for name in keys)
    of_series = {column.name: column for column in series}
    keys = [of_series.get(name) or Column(name, pl.String()) for name in by]
    dated = [date] if covariates else []
    values = [
        *(_attribute_column(specification, each.name) for each in attributes),
        *(_covariate_column(each) for each in covariates),
    ]
    names = tuple(column.name for column in (*dated, *keys))
    return TableSchema(table, _distinct((*dated, *keys, *values)), names)


def _schema_of_events(table: str, holidays: Holidays, date: Column) -> TableSchema:
    optional = []
    if holidays.kinds:
        optional.append(Column(EVENT_KIND, pl.String(), choices=tuple(EVENT_KINDS)))
    if holidays.place:
        optional.append(Column(holidays.place, pl.String(), nullable=True))
    return TableSchema(table, (date, Column(EVENT_NAME, pl.String()), *optional))


def _series_column(specification: Specification, name: str) -> Column:
    source = specification.columns.get(name)
    if name in specification.numbered:
        return Column(name, pl.Int64(), minimum=0, source=source)
    return Column(name, pl.String(), source=source, strict=True)


def _attribute_column(specification: Specification, name: str) -> Column:
    """Return an attribute's column, which needs values where they place a series."""
    regions = (specification.holidays.regional, specification.holidays.local)
    of_levels = {column for level in specification.levels for column in level.columns}
    by = {column for each in specification.covariates for column in each.by}
    places = {*regions, *of_levels, *by}
    return Column(name, pl.String(), nullable=specification != FAVORITA and name not in places)


def _covariate_column(covariate: Covariate) -> Column:
    if covariate.value is not None:
        return Column(covariate.source, pl.String(), nullable=True)
    adds_up = covariate.kind.adds_up
    # a count that is not known is a row that is left out; a price may be unknown on some days
    return Column(
        covariate.source,
        pl.Float64(),
        nullable=not adds_up,
        minimum=0 if adds_up else None,
    )


def _distinct(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple({column.name: column for column in columns}.values())


_FAVORITA = schemas_of(FAVORITA)
SCHEMAS: Mapping[str, tuple[Column, ...]] = {
    name: schema.columns for name, schema in _FAVORITA.items()
}
"""Columns of the tables in the form of the Favorita data."""
