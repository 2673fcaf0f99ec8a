"""Rows that refer to a store or a series that another table does not contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches

import polars as pl

from features.data.checks.keys import distinct_rows
from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.reading.names import fold_name
from features.data.reading.reader import ReadTable
from features.data.reading.schema import FUTURE, SALES
from features.data.specification import Specification


def check_references(
    tables: Mapping[str, ReadTable], specification: Specification, report: Report
) -> None:
    """Report rows whose keys a table of attributes lacks, and series ahead without sales."""
    for name in dict.fromkeys(each.table for each in specification.attributes):
        if name in tables:
            described = tables[name]
            known = described.frame.select(described.keys).unique()
            for other in tables.values():
                if other is not described and set(described.keys) <= set(other.frame.columns):
                    where = f"the {described.title} table"
                    _check_keys(other, described.keys, known, where, "unknown-store", report)
    if FUTURE in tables and SALES in tables:
        sales, future, keys = tables[SALES], tables[FUTURE], specification.series
        series = distinct_rows(sales.frame.select(keys))
        _check_keys(future, keys, series, f"the {sales.title} table", "unknown-series", report)
        _check_order(sales, future, report)


def _check_keys(
    table: ReadTable,
    keys: Sequence[str],
    known: pl.DataFrame,
    where: str,
    code: str,
    report: Report,
) -> None:
    rows = table.frame.select(keys).with_row_index("_at")
    unknown = rows.drop_nulls().join(known, on=list(keys), how="anti", maintain_order="left")
    if unknown.is_empty():
        return
    names = known[keys[-1]].unique().cast(pl.String).to_list()
    findings = []
    for row in unknown.head(MAX_FINDINGS).iter_rows(named=True):
        key_text = ", ".join(f"{key} {row[key]}" for key in keys)
        message = f"{key_text} is not in {where}"
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
