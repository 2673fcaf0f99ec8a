"""Rows that refer to a store or a series that another table does not contain.

A series of the days ahead that has no sales is taken for one that begins there: a shop that will
open, or an article that was listed. A misspelt name looks the same, so one that is nearly a known
name is an error, and of the others the closest known names are suggested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches

import polars as pl

from features.data.checks.keys import distinct_rows
from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.reading.names import find_slips, fold_name
from features.data.reading.reader import ReadTable
from features.data.reading.schema import FUTURE, SALES
from features.data.specification import Specification

_FIRST = 3
"""New series, and suggestions, that a warning names."""


def check_references(
    tables: Mapping[str, ReadTable], specification: Specification, report: Report
) -> None:
    """Report rows whose keys a table of attributes lacks, and series ahead without sales.

    A series of the days ahead whose name is misspelt, or of which an attribute is not known, is an
    error; any other that has no sales is new.
    """
    for name in dict.fromkeys(each.table for each in specification.attributes):
        if name in tables:
            described = tables[name]
            known = described.frame.select(described.keys).unique()
            for other in tables.values():
                if other is not described and set(described.keys) <= set(other.frame.columns):
                    where = f"the {described.title} table"
                    _check_keys(other, described.keys, known, where, "unknown-store", report)
    if FUTURE in tables and SALES in tables:
        sales, future = tables[SALES], tables[FUTURE]
        _check_series(sales, future, specification, report)
        _check_order(sales, future, report)


def _check_series(
    sales: ReadTable, future: ReadTable, specification: Specification, report: Report
) -> None:
    """Report the series of the days ahead that the sales do not contain."""
    keys = list(specification.series)
    known = distinct_rows(sales.frame.select(keys))
    rows = future.frame.select(keys).with_row_index("_at").drop_nulls()
    unknown = rows.join(known, on=keys, how="anti", maintain_order="left")
    if unknown.is_empty():
        return
    refused = _find_misspelt(unknown, known, specification)
    new = unknown.filter(~refused).unique(keys, keep="first", maintain_order=True)
    if not new.is_empty():
        _report_new(new, known, sales, future, specification, report)
    _check_keys(
        future,
        keys,
        known,
        f"the {sales.title} table",
        "unknown-series",
        report,
        among=unknown.filter(refused),
    )


def _report_new(
    new: pl.DataFrame,
    known: pl.DataFrame,
    sales: ReadTable,
    future: ReadTable,
    specification: Specification,
    report: Report,
) -> None:
    """Warn of new series, or refuse them where the sales alone hold an attribute."""
    keys, count = specification.series, new.height
    names = [_name_series(row, keys) for row in new.head(_FIRST).iter_rows(named=True)]
    lacking = [each.name for each in specification.attributes if each.table == specification.sales]
    if lacking:
        severity, code = Severity.ERROR, "unknown-series"
        message = f"{names[0]} is not in the {sales.title} table, so its {lacking[0]} is not known"
        advice: str | None = f"describe {lacking[0]} in a table of its own"
    else:
        severity, code = Severity.WARNING, "new-series"
        what, verb = (f"{count:,} series", "are") if count > 1 else ("a series", "is")
        listed = "; ".join([*names, *["…"] * (count > _FIRST)])
        message = f"{what} not in the {sales.title} table {verb} taken for new: {listed}"
        advice = _suggest_series(new, known, specification)
    finding = future.find(severity, code, message, at=new["_at"][0], column=keys[-1], advice=advice)
    report.add(finding, total=count if lacking else 1)


def _find_misspelt(
    unknown: pl.DataFrame, known: pl.DataFrame, specification: Specification
) -> pl.Series:
    """Return which unknown series have a name that is nearly a known one."""
    misspelt = pl.repeat(False, unknown.height, dtype=pl.Boolean, eager=True)
    for column in _text_columns(specification):
        slips = find_slips(unknown[column].unique(), known[column].unique())
        misspelt |= unknown[column].is_in(list(slips))
    return misspelt


def _text_columns(specification: Specification) -> list[str]:
    """Return the columns of the series that hold names, not numbers."""
    return [name for name in specification.series if name not in specification.numbered]


def _name_series(row: Mapping[str, object], keys: Sequence[str]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in keys)


def _suggest_series(
    new: pl.DataFrame, known: pl.DataFrame, specification: Specification
) -> str | None:
    """Return which known names may have been meant by those of new series."""
    suggestions = []
    for column in _text_columns(specification):
        names = known[column].unique().sort().to_list()
        values = sorted(set(new[column]) - set(names))[:MAX_FINDINGS]
        suggestions += [
            f"{suggestion.removesuffix('?')} by {value!r}?"
            for value in values
            if (suggestion := _suggest_names(value, names)) is not None
        ]
    return " ".join(suggestions[:_FIRST]) or None


def _check_keys(
    table: ReadTable,
    keys: Sequence[str],
    known: pl.DataFrame,
    where: str,
    code: str,
    report: Report,
    among: pl.DataFrame | None = None,
) -> None:
    """Report rows whose keys are not known: of all rows, or `among` some with their places."""
    if among is None:
        among = table.frame.select(keys).with_row_index("_at").drop_nulls()
    unknown = among.join(known, on=list(keys), how="anti", maintain_order="left")
    if unknown.is_empty():
        return
    names = known[keys[-1]].unique().cast(pl.String).to_list()
    findings = []
    for row in unknown.head(MAX_FINDINGS).iter_rows(named=True):
        message = f"{_name_series(row, keys)} is not in {where}"
        value = str(row[keys[-1]])
        findings.append(
            table.find(
                Severity.ERROR,
                code,
                message,
                at=row["_at"],
                column=keys[-1],
                value=value,
                advice=None if len(keys) == 1 else _suggest_names(value, names),
            )
        )
    report.add(*findings, total=unknown.height)


def _suggest_names(value: str, names: Sequence[str]) -> str | None:
    by_fold = {fold_name(name): name for name in names}
    matches = get_close_matches(fold_name(value), by_fold, n=3)
    others = [by_fold[match] for match in matches if by_fold[match] != value]
    return f"did you mean {' or '.join(map(repr, others))}?" if others else None


def _check_order(train: ReadTable, test: ReadTable, report: Report) -> None:
    """Report rows of test that are not after the last day of train."""
    last = train.frame["date"].max()
    assert isinstance(last, date)
    early = test.frame.select("date").with_row_index("_at").filter(pl.col("date") <= last)
    findings = [
        test.find(
            Severity.ERROR,
            "test-before-origin",
            f"{day} is not after the last day of sales ({last})",
            at=at,
            column="date",
            value=day,
        )
        for at, day in early.head(MAX_FINDINGS).rows()
    ]
    if findings:
        report.add(*findings, total=early.height)
