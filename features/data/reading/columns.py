"""Converts the columns of one file to the dtypes of the schema, and reports faulty values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import polars as pl

from features.data.findings import MAX_FINDINGS, Finding, Report, Severity
from features.data.reading.days import advise_on_days, parse_day
from features.data.reading.layout import TableLayout
from features.data.reading.names import canonical, is_no_value
from features.data.reading.schema import Column
from features.data.reading.values import (
    NO_BOOLEAN,
    NO_DATE,
    NO_NUMBER,
    NO_TEXT,
    ColumnKindError,
    Converted,
    Fault,
    as_text,
    carries_text,
    map_distinct,
    to_boolean,
    to_number,
    values_as_text,
)

FAULT_ORDER = (
    *("column-kind", "no-value", "date", "boolean", "number", "not-finite", "too-small"),
    *("leading-zeros", "no-value-word", "control-character", "damaged-text", "choice"),
    "name-form",
)
"""Codes of the faults of one column, in the order in which they are reported."""
_ROW = "_row"
_LONGEST = 60


def convert_columns(
    frame: pl.DataFrame,
    file: str,
    columns: tuple[Column, ...],
    layout: TableLayout,
    report: Report,
    labels: Mapping[str, pl.Series] | None = None,
) -> pl.DataFrame:
    """Return the rows whose values all fit, with the dtypes of the schema and `_row`.

    Args:
        labels: of some rows of a file, the distinct values that its columns have in all rows: how
            a label is read may depend on the others. Those of `frame` by default.
    """
    rows = frame[_ROW]
    fitting = pl.repeat(value=True, n=frame.height, eager=True)
    converted = [rows]
    for column in columns:
        raw = frame[column.title]
        try:
            every = raw if labels is None else labels.get(column.title, raw)
            result = _convert_column(raw, column, layout, every)
        except ColumnKindError as error:
            report.add(_wrong_kind(raw, column, file, str(error)))
            result = Converted(pl.Series(column.title, [None] * frame.height, dtype=column.dtype))
        else:
            _mark_missing(result, column)
            for fault in result.faults:
                _report_fault(fault, raw, rows, column, file, report)
        if not column.nullable:
            fitting &= result.values.is_not_null()
        elif faulty := [f.rows for f in result.faults if f.severity is Severity.ERROR]:
            fitting &= ~pl.select(pl.any_horizontal(faulty)).to_series()
        converted.append(result.values.alias(column.name))
    typed = pl.DataFrame(converted)
    return typed if fitting.all() else typed.filter(fitting)


def _convert_column(
    raw: pl.Series, column: Column, layout: TableLayout, every: pl.Series
) -> Converted:
    if column.dtype == pl.Date:
        return to_date(raw, layout)
    if column.dtype == pl.Boolean:
        return to_boolean(raw)
    if column.dtype == pl.String:
        return _to_name(raw, column, every)
    converted = to_number(raw, column, layout)
    if column.dtype.is_integer() and carries_text(raw.dtype):
        _warn_of_leading_zeros(converted, as_text(raw), as_text(every))
    return converted


def to_date(raw: pl.Series, layout: TableLayout) -> Converted:
    """Convert to dates, read in the order of the layout; null where a value is none."""
    if raw.dtype == pl.Date:
        return Converted(raw)
    if isinstance(raw.dtype, pl.Datetime):
        local = raw.dt.replace_time_zone(None)  # the time of day in the column's own zone
        converted = Converted(local.cast(pl.Date))
        zone = f" in {raw.dtype.time_zone}" if raw.dtype.time_zone else ""
        advice = f"it is an instant that is not midnight{zone}: store the day as a date"
        converted.mark(local != local.dt.truncate("1d"), "date", NO_DATE, advice)
        return converted
    if not carries_text(raw.dtype):
        raise ColumnKindError(NO_DATE)
    text = as_text(raw)
    values = map_distinct(text, lambda day: parse_day(day.strip(), layout.dates), pl.Date)
    converted = Converted(values)
    missing = values.is_null() & text.is_not_null()
    if missing.any():
        filled = missing & (text.str.strip_chars() != "")
        written = text.filter(filled).unique(maintain_order=True).head(1000)
        advice = advise_on_days([value.strip() for value in written])
        converted.mark(filled, "date", NO_DATE, advice)
    return converted


def _to_name(raw: pl.Series, column: Column, every: pl.Series) -> Converted:
    text = _read_labels(raw, every)
    distinct = {name: canonical(name) for name in text.drop_nulls().unique()}
    values = text
    if any(name != clean or not clean for name, clean in distinct.items()):
        values = map_distinct(text, lambda name: distinct[name] or None, pl.String)
    converted = Converted(values)
    _mark_names(converted, column, set(distinct.values()))
    changed = (values != text) & values.is_not_null()
    if changed.any():
        note = "is read without blanks or invisible characters, in Unicode's form NFC"
        converted.faults.append(
            Fault("name-form", changed, note, "correct the source", Severity.WARNING)
        )
    return converted


def _mark_names(converted: Converted, column: Column, names: set[str]) -> None:
    """Mark invalid names: words for a missing value, control characters, unknown choices."""

    def mark(faulty: Callable[[str], bool], code: str, expected: str, advice: str | None) -> None:
        if wrong := [name for name in names if name and faulty(name)]:
            converted.mark(converted.values.is_in(wrong), code, expected, advice)

    no_value = partial(is_no_value, strictly=column.strict)
    advice = "it is how programs write that there is no value: fill it in, or leave out the row"
    mark(no_value, "no-value-word", NO_TEXT, advice)
    mark(lambda name: not name.isprintable(), "control-character", NO_TEXT, "remove the character")
    mark(lambda name: "\ufffd" in name, "damaged-text", NO_TEXT, "export it again as UTF-8")
    if column.choices is not None:
        known = set(column.choices)
        expected = f"one of {', '.join(column.choices)} is expected"
        mark(lambda name: name not in known, "choice", expected, None)


def _read_labels(raw: pl.Series, every: pl.Series) -> pl.Series:
    """Return a column of labels as text; whole numbers lose a zero fraction, such as 3.0."""
    text = _label_text(raw)
    distinct = (text if every is raw else _label_text(every)).drop_nulls().unique()
    # a column of codes with a missing value: data frames write 3.0 for 3
    if distinct.str.contains(r"\.0+$").any() and distinct.str.contains(r"^[0-9]+(\.0+)?$").all():
        return text.str.replace(r"\.0+$", "")
    return text


def _label_text(raw: pl.Series) -> pl.Series:
    if carries_text(raw.dtype):
        return as_text(raw)
    if not (raw.dtype.is_numeric() or raw.dtype == pl.Boolean):
        raise ColumnKindError(NO_TEXT)
    return (raw.fill_nan(None) if raw.dtype.is_float() else raw).cast(pl.String)


def _warn_of_leading_zeros(converted: Converted, text: pl.Series, every: pl.Series) -> None:
    distinct = every.drop_nulls().unique()
    zeros = distinct.filter(distinct.str.contains(r"^\s*\+?0[0-9]"))
    if not zeros.len():
        return
    bare = set(distinct)
    both = [name for name in zeros if name.strip().lstrip("+0") in bare]
    if both:
        note = "is read as the same number as the one without leading zeros"
        rows = text.is_in(both).fill_null(value=False)
        advice = "write each number in one way"
        converted.faults.append(Fault("leading-zeros", rows, note, advice, Severity.WARNING))


def _mark_missing(result: Converted, column: Column) -> None:
    """Mark values that are absent or blank where the column must hold one."""
    if column.nullable:
        return
    absent = result.values.is_null()
    if not absent.any():
        return
    for fault in result.faults:
        if fault.severity is Severity.ERROR:
            absent &= ~fault.rows
    expected = {pl.Date: NO_DATE, pl.Boolean: NO_BOOLEAN, pl.String: NO_TEXT}
    words = expected.get(type(column.dtype), NO_NUMBER)
    if absent.any():
        result.faults.insert(0, Fault("no-value", absent, words))


def _wrong_kind(raw: pl.Series, column: Column, file: str, expected: str) -> Finding:
    kind = "lists or records" if raw.dtype.is_nested() else str(raw.dtype).partition("(")[0]
    message = f"holds {kind} where {expected}"
    return Finding(Severity.ERROR, "column-kind", file, message, column=column.title)


def _report_fault(
    fault: Fault, raw: pl.Series, rows: pl.Series, column: Column, file: str, report: Report
) -> None:
    positions = fault.rows.arg_true()
    first = positions.head(MAX_FINDINGS).to_list()
    findings = []
    for position, value in zip(first, values_as_text(raw, first), strict=True):
        value_text = (
            "no value" if value is None or fault.code == "no-value" else repr(_shorten_value(value))
        )
        link = " where " if fault.severity is Severity.ERROR else " "
        findings.append(
            Finding(
                fault.severity,
                fault.code,
                file,
                f"{value_text}{link}{fault.expected}",
                row=rows[position],
                column=column.title,
                value=value if value is None else _shorten_value(value),
                advice=fault.advice,
            )
        )
    report.add(*findings, total=positions.len())


def _shorten_value(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
