"""Rows that have not been delivered yet, and values that the model must not learn from.

Both rules are those by which a snapshot is built: `features.data.delivery` and
`features.data.outliers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import polars as pl

from features.data.delivery import undelivered_days
from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.outliers import plan_outliers, sales_outliers, value_outliers
from features.data.reading.reader import ReadTable
from features.data.reading.schema import DATE, SALES, UNITS
from features.data.specification import Kind, Specification
from features.data.step import Step


def warn_of_undelivered(
    sales: ReadTable, keys: Sequence[str], report: Report, *, step: Step = Step.DAY
) -> None:
    """Warn of sites and series whose last days have not been delivered, one line for each.

    Args:
        keys: columns of the series, that of the site first.
    """
    late = undelivered_days(sales.frame, keys, step=step)
    spans = late.group_by(keys, maintain_order=True).agg(
        _first=pl.col("date").min(), _last=pl.col("date").max(), _days=pl.len()
    )
    site, *others = keys
    whole = set(spans.filter(pl.all_horizontal(pl.col(others).is_null()))[site]) if others else {}
    findings = []
    for *values, first, last, days in spans.rows():
        is_series = others and values[1] is not None
        if is_series and values[0] in whole:
            continue
        pairs = zip(keys, values, strict=True)
        name = ", ".join(f"{key} {value}" for key, value in pairs if value is not None)
        span = f"on {first}" if days == 1 else f"from {first} to {last}"
        message = f"{name} has no rows {span}, and others have: taken for not delivered yet"
        advice = "deliver the rows; a day without sales is a row with 0"
        findings.append(sales.find(Severity.WARNING, "undelivered", message, advice=advice))
    report.add(*findings)


def warn_of_outliers(
    tables: Mapping[str, ReadTable], specification: Specification, report: Report
) -> set[int]:
    """Warn of values so large that they are taken for mistakes; return their rows of sales."""
    rows: set[int] = set()
    series = specification.series
    if SALES in tables:
        rows = _warn_by_rule(tables[SALES], partial(sales_outliers, keys=series), UNITS, report)
    for covariate in specification.covariates:
        if covariate.kind is not Kind.COUNT:
            continue
        if covariate.table != specification.sales:
            rule = partial(value_outliers, value=covariate.source, keys=covariate.by)
            if covariate.table in tables:
                _warn_by_rule(tables[covariate.table], rule, covariate.source, report)
        elif SALES in tables:
            rule = partial(plan_outliers, value=covariate.source, keys=specification.pooled)
            _warn_by_rule(tables[SALES], rule, covariate.source, report)
    return rows


def _warn_by_rule(
    table: ReadTable, rule: Callable[[pl.DataFrame], pl.DataFrame], column: str, report: Report
) -> set[int]:
    outliers = rule(table.frame.with_row_index("_position"))
    keys = [key for key in table.keys if key != DATE]
    findings = []
    for row in outliers.head(MAX_FINDINGS).iter_rows(named=True):
        series = ", ".join(f"{key} {row[key]}" for key in keys)
        value = f"{row[column]:.15g}"
        findings.append(
            table.find(
                Severity.WARNING,
                "outlier",
                f"{value} on {row['date']} for {series} is taken for a mistake, not learned from",
                at=row["_position"],
                column=column,
                value=value,
                advice="correct it, or leave out the row",
            )
        )
    report.add(*findings, total=outliers.height)
    return set(outliers["_position"])
