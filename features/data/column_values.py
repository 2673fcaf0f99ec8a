"""Kinds of the values of a column, from which the meaning of the column is inferred."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from features.data.reading.columns import to_date
from features.data.reading.layout import DecimalMark, TableLayout
from features.data.specification import Kind
from features.data.stated import StatedCovariate

_TRUE = frozenset({"true", "yes", "y", "t", "1", "1.0"})
_FALSE = frozenset({"false", "no", "n", "f", "0", "0.0", ""})


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


def classify_values(column: pl.Series, layout: TableLayout) -> Values:
    """Return the kind of the values of a column."""
    text = column.cast(pl.String).str.strip_chars().drop_nulls()
    distinct = text.filter(text != "").unique()
    if not len(distinct):
        return Values.NONE
    folded = {value.casefold() for value in distinct.head(3)}
    if len(distinct) <= 2 and folded <= _TRUE | _FALSE:
        return Values.FLAG
    if layout.decimal is DecimalMark.COMMA:
        distinct = distinct.str.replace(",", ".", literal=True)
    numbers = distinct.cast(pl.Float64, strict=False)
    if numbers.null_count():
        return Values.TEXT
    whole = (numbers >= 0).all() and (numbers == numbers.floor()).all()
    return Values.WHOLE if whole else Values.NUMBER


def kind_of(values: Values, stated: StatedCovariate, *, adds_up: bool) -> Kind:
    """Return the kind of a number: the stated one, or a count if it is whole and adds up."""
    if stated.transform == "log":
        return Kind.PRICE
    if stated.kind is not None:
        return Kind(stated.kind)
    return Kind.COUNT if values is Values.WHOLE and adds_up else Kind.NUMBER


def is_true(value: str) -> bool:
    """Return whether one of the two values of a flag means yes."""
    return value.casefold() in _TRUE


def is_false(value: str) -> bool:
    """Return whether a text means no, in any case of letters."""
    return value.casefold() in _FALSE


def repeats_date(dates: pl.Series, column: pl.Series, layout: TableLayout) -> bool:
    """Return whether a column is the weekday, the month or another part of the date."""
    distinct = pl.DataFrame({"date": dates, "value": column}).unique()
    if distinct.height > distinct["date"].n_unique():
        return False
    days = to_date(distinct["date"], layout).values
    numbers = distinct["value"].cast(pl.Float64, strict=False)
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
