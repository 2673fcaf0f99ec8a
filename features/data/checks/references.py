"""Rows that refer to a store or a series that another table does not contain.

A series of the days ahead that has no sales is taken for one that begins there: a shop that will
open, or an article that was listed. A misspelt name looks the same, so one that is nearly a known
name is an error, and of the others the closest known names are suggested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

import polars as pl

from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.reading.names import find_slips, fold_name
from features.data.reading.reader import ReadTable
from features.data.reading.schema import SALES
from features.data.specification import Specification

_FIRST = 3
"""New series, and suggestions, that a warning names."""


@dataclass(frozen=True)
class Described:
    """Keys that a table of attributes describes.

    Attributes:
        title: of the table.
        keys: columns.
        known: their distinct values.
    """

    title: str
    keys: tuple[str, ...]
    known: pl.DataFrame

    @classmethod
    def of_table(cls, table: ReadTable) -> Described:
        return cls(table.title, tuple(table.keys), table.frame.select(table.keys).unique())


def list_described(
    tables: Mapping[str, ReadTable], specification: Specification
) -> dict[str, Described]:
    """Return what the tables of attributes describe, by their names; not the sales."""
    names = dict.fromkeys(each.table for each in specification.attributes)
    return {
        name: Described.of_table(tables[name])
        for name in names
        if name in tables and name not in (SALES, specification.sales)
    }


def check_described(table: ReadTable, described: Described, report: Report) -> None:
    """Report rows whose keys a table of attributes lacks."""
    if set(described.keys) <= set(table.frame.columns):
        where = f"the {described.title} table"
        _check_keys(table, described.keys, described.known, where, "unknown-store", report)


def find_announced(sales: pl.DataFrame, future: ReadTable, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows of the days ahead whose series has no sales: their keys and places."""
    rows = future.frame.select(*keys, "_file", "_row").drop_nulls(keys)
    return rows.join(sales.select(keys), on=list(keys), how="anti", maintain_order="left")


def check_series(
    announced: pl.DataFrame,
    known: pl.DataFrame,
    sales: ReadTable,
    future: ReadTable,
    specification: Specification,
    report: Report,
) -> None:
    """Report the series of the days ahead that the sales do not contain.

    A series of the days ahead whose name is misspelt, or of which an attribute is not known, is an
    error; any other that has no sales is new.

    Args:
        announced: rows of series without sales, in the order of the table.
        known: series of the sales.
    """
    if announced.is_empty():
        return
    keys = list(specification.series)
    known = known.select(keys)
    refused = _find_misspelt(announced, known, specification)
    new = announced.filter(~refused).unique(keys, keep="first", maintain_order=True)
    if not new.is_empty():
        _report_new(new, known, sales, future, specification, report)
    _check_keys(
        future,
        keys,
        known,
        f"the {sales.title} table",
        "unknown-series",
        report,
        among=announced.filter(refused),
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
    place = (new["_file"][0], new["_row"][0])
    finding = future.find(severity, code, message, place=place, column=keys[-1], advice=advice)
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
        among = table.frame.select(*keys, "_file", "_row").drop_nulls(keys)
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
                place=(row["_file"], row["_row"]),
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


def check_order(test: ReadTable, last: date, report: Report) -> None:
    """Report rows of the days ahead that are not after the last day of sales."""
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
