"""Tables and columns that are read, and the requirements on each column."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from features.data.calendar import HOLIDAY_TYPES, LOCALES


@dataclass(frozen=True)
class Column:
    """Requirements on one column."""

    name: str
    dtype: pl.DataType
    nullable: bool = False
    minimum: float | None = None
    choices: tuple[str, ...] | None = None


def key_column(name: str = "store_nbr") -> Column:
    """Return a column of whole numbers of at least 0."""
    return Column(name, pl.Int64(), minimum=0)


_DATE = Column("date", pl.Date())
_STORE = key_column()
_FAMILY = Column("family", pl.String())
_PROMOTION = Column("onpromotion", pl.Float64(), minimum=0)

SCHEMAS: dict[str, tuple[Column, ...]] = {
    "train": (_DATE, _STORE, _FAMILY, Column("sales", pl.Float64(), minimum=0), _PROMOTION),
    "stores": (
        _STORE,
        Column("city", pl.String()),
        Column("state", pl.String()),
        Column("type", pl.String()),
        Column("cluster", pl.String()),
    ),
    "oil": (_DATE, Column("dcoilwtico", pl.Float64(), nullable=True)),
    "holidays_events": (
        _DATE,
        Column("type", pl.String(), choices=HOLIDAY_TYPES),
        Column("locale", pl.String(), choices=LOCALES),
        Column("locale_name", pl.String()),
        Column("description", pl.String()),
        Column("transferred", pl.Boolean()),
    ),
    "transactions": (_DATE, _STORE, Column("transactions", pl.Float64(), minimum=0)),
    "test": (key_column("id"), _DATE, _STORE, _FAMILY, _PROMOTION),
}
UNIQUE: dict[str, tuple[str, ...]] = {
    "train": ("date", "store_nbr", "family"),
    "stores": ("store_nbr",),
    "oil": ("date",),
    "transactions": ("date", "store_nbr"),
    "test": ("date", "store_nbr", "family"),
}
"""Columns whose values together must not repeat within a table."""
