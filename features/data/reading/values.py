"""Converts a column of any source type to its dtype, and marks the values that do not fit.

Text is the common form: values of a CSV file and of text, categorical or decimal columns of Parquet
are parsed by the same functions, so that equal text gives equal values. Columns repeat few values
(days, stores, names), so each distinct text is parsed once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from features.data.findings import Severity
from features.data.reading.layout import DecimalMark, TableLayout
from features.data.reading.schema import Column

NO_DATE = "a date (YYYY-MM-DD) is expected"
NO_NUMBER = "a number is expected"
NO_TEXT = "a text is expected"
NO_BOOLEAN = "true or false is expected"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_WHOLE = r"^[+-]?[0-9]+(?:\.0*)?$"
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([.,])[0-9]{3}(?:\1[0-9]{3})+")
"""A whole number whose thousands are separated by one mark, at least twice: 1,234,567."""
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_EXACT, _EXACT_SINGLE = 2.0**53, 2.0**24
"""Up to here a float of double or single precision holds every whole number."""


@dataclass(frozen=True)
class Fault:
    """Values of a column that do not fit, or are read as something else.

    Attributes:
        rows: Boolean, one for each value.
        expected: follows the value and "where"; for a warning, follows the value.
    """

    code: str
    rows: pl.Series
    expected: str
    advice: str | None = None
    severity: Severity = Severity.ERROR


@dataclass
class Converted:
    """The values of a column with its dtype, null where they do not fit, and their faults."""

    values: pl.Series
    faults: list[Fault] = field(default_factory=list)

    def mark(self, rows: pl.Series, code: str, expected: str, advice: str | None = None) -> None:
        """Record values as faulty, and replace them by null."""
        rows = rows.fill_null(value=False)
        if rows.any():
            self.faults.append(Fault(code, rows, expected, advice))
            self.values = self.values.set(rows, None)


class ColumnKindError(ValueError):
    """A column of a kind that cannot mean what is wanted, whatever its values."""


def as_text(raw: pl.Series) -> pl.Series:
    """Return a column that carries text as one of text, with blank values as null.

    Raises:
        ColumnKindError: it holds bytes that are not UTF-8; names the first row.
    """
    if raw.dtype == pl.Binary:
        raw = _decode_bytes(raw)
    return raw if raw.dtype == pl.String else raw.cast(pl.String)


def carries_text(dtype: pl.DataType) -> bool:
    """Return whether a column's values are texts to be parsed."""
    return dtype in (pl.String, pl.Binary, pl.Null) or isinstance(dtype, pl.Categorical | pl.Enum)


def map_distinct(
    raw: pl.Series, function: Callable[[str], Any], dtype: type[pl.DataType]
) -> pl.Series:
    """Apply a function to each distinct text; null where it returns None."""
    distinct = raw.drop_nulls().unique()
    mapped = pl.Series([function(text) for text in distinct], dtype=dtype)
    if not distinct.len():
        return pl.Series(raw.name, [None] * raw.len(), dtype=dtype)
    return raw.replace_strict(distinct, mapped, default=None, return_dtype=dtype)


def to_number(raw: pl.Series, column: Column, layout: TableLayout) -> Converted:
    """Convert to numbers that are finite, and whole where the column is."""
    whole = column.dtype.is_integer()
    expected = f"{NO_NUMBER}: a whole one" if whole else NO_NUMBER
    if carries_text(raw.dtype):
        converted = _parse_numbers(as_text(raw), column, layout, expected)
    elif isinstance(raw.dtype, pl.Decimal) or (raw.dtype == pl.Float32 and not whole):
        # its shortest decimal form, as a CSV file would have it: 12.345, not 12.345000267
        converted = _parse_numbers(raw.cast(pl.String), column, TableLayout(), expected)
    elif not raw.dtype.is_numeric():
        raise ColumnKindError(expected)
    else:
        converted = Converted(raw.cast(column.dtype, strict=False))
        if raw.dtype.is_float() and whole:
            exact = _EXACT_SINGLE if raw.dtype == pl.Float32 else _EXACT
            converted.mark((raw != raw.floor()) | (raw.abs() > exact), "number", expected)
        converted.mark(raw.is_not_null() & converted.values.is_null(), "number", expected)
    values = converted.values
    if column.dtype.is_float():
        converted.mark(
            values.is_infinite() | values.is_nan(), "not-finite", "a finite number is expected"
        )
    if column.minimum is not None:
        least = f"a number of at least {column.minimum:g} is expected"
        converted.mark(values < column.minimum, "too-small", least, column.advice)
    if column.dtype.is_float():  # -0.0 is 0.0
        positive = column.minimum == 0
        numbers = converted.values
        converted.values = numbers.abs() if positive else numbers.set(numbers == 0, 0.0)
    return converted


def _parse_numbers(
    text: pl.Series, column: Column, layout: TableLayout, expected: str
) -> Converted:
    spelled = text
    if layout.decimal is DecimalMark.COMMA:
        pointed = text.str.contains(".", literal=True)
        spelled = text.str.replace(",", ".", literal=True).set(pointed, "a point")
    values = spelled.cast(column.dtype, strict=False)
    odd = (values.is_null() & text.is_not_null()).arg_true()
    if odd.len():
        values = values.scatter(odd, _parse_odd_numbers(spelled.gather(odd), column))
    converted = Converted(values)
    lost = _find_lost(text, values)
    converted.mark(lost, "number", expected, _advise_on_numbers(text.filter(lost), layout))
    return converted


def _parse_odd_numbers(text: pl.Series, column: Column) -> pl.Series:
    """Parse what a cast refuses: surrounding blanks, and whole numbers with a zero fraction."""
    stripped = text.str.strip_chars()
    if column.dtype.is_float():
        return stripped.cast(column.dtype, strict=False)
    digits = pl.select(
        pl.when(stripped.str.contains(_WHOLE)).then(stripped.str.replace(r"\.0*$", ""))
    ).to_series()
    number = pl.select(pl.when(stripped.str.contains(_NUMBER)).then(stripped)).to_series()
    floats = number.cast(pl.Float64, strict=False)
    exact = (floats == floats.floor()) & (floats.abs() <= _EXACT)
    rounded = floats.set(~exact.fill_null(value=False), None).cast(column.dtype, strict=False)
    return digits.cast(column.dtype, strict=False).fill_null(rounded)


def _advise_on_numbers(texts: pl.Series, layout: TableLayout) -> str | None:
    """Return advice on texts that are no numbers, derived from the format of the first ones."""
    advice = (advise_on_number(text.strip(), layout) for text in texts.drop_nulls().head(20))
    return next(filter(None, advice), None)


def advise_on_number(text: str, layout: TableLayout) -> str | None:
    """Return advice on a text that was refused as a number, derived from its format.

    Args:
        text: has no surrounding blanks. It is not parsed again: a text of more than 18 digits is
            called too large, although some numbers of 19 digits would not have been refused.
    """
    head, comma, tail = text.partition(",")
    if (comma and "." in text) or _GROUPED.fullmatch(text):
        return "write numbers without marks between thousands"
    if layout.decimal is DecimalMark.COMMA and "." in text:
        return "it has a point: leave out --decimal ',', or write decimal commas"
    if layout.decimal is DecimalMark.POINT and comma and (head.lstrip("+-") + tail).isdigit():
        if len(tail) == 3:  # 1,234 is 1.234 with a decimal comma, or 1234 in groups of thousands
            return "it has a decimal comma (pass --decimal ',') or a comma between thousands"
        return "it has a decimal comma: pass --decimal ',', or write a decimal point"
    if text.isdecimal() and len(text) > 18:
        return "the largest whole number is 9223372036854775807"
    return None


def to_boolean(raw: pl.Series) -> Converted:
    """Convert to true and false: the words in any case, 1 and 0."""
    if raw.dtype == pl.Boolean:
        return Converted(raw)
    if raw.dtype.is_integer():
        text = raw.cast(pl.String)
    elif raw.dtype.is_float() and raw.drop_nulls().is_in([0.0, 1.0]).all():
        text = raw.cast(pl.Int8).cast(pl.String)
    elif carries_text(raw.dtype):
        text = as_text(raw)
    else:
        raise ColumnKindError(NO_BOOLEAN)
    values = map_distinct(text, lambda word: _BOOLEANS.get(word.strip().lower()), pl.Boolean)
    converted = Converted(values)
    converted.mark(_find_lost(text, values), "boolean", NO_BOOLEAN)
    return converted


def _find_lost(text: pl.Series, values: pl.Series) -> pl.Series:
    """Return which texts that are not blank were converted to null."""
    lost = values.is_null() & text.is_not_null()
    return lost & (text.str.strip_chars() != "") if lost.any() else lost


def _decode_bytes(raw: pl.Series) -> pl.Series:
    values: list[str | None] = []
    for row, value in enumerate(raw.to_list()):
        try:
            values.append(None if value is None else value.decode("utf-8"))
        except UnicodeDecodeError:
            preview = value.decode("cp1252", errors="replace")[:40]
            raise ColumnKindError(
                f"text is expected: row {row + 1} holds bytes that are not UTF-8, which Latin-1 "
                f"would show as {preview!r}"
            ) from None
    return pl.Series(raw.name, values, dtype=pl.String)


def values_as_text(raw: pl.Series, positions: Sequence[int]) -> list[str | None]:
    """Return the values at some positions as text, unconverted."""
    picked = raw.gather(list(positions)).to_list()
    return [
        None
        if value is None
        else value.decode("utf-8", errors="replace")
        if isinstance(value, bytes)
        else str(value)
        for value in picked
    ]
