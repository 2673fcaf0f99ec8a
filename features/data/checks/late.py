"""Rows that have not been delivered yet, and values that the model must not learn from.

Both rules are those by which a snapshot is built: `features.data.delivery` and
`features.data.outliers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from features.data.delivery import undelivered_days
from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.outliers import promotion_outliers, sales_outliers, transaction_outliers
from features.data.reading.reader import ReadTable


def warn_of_undelivered(train: ReadTable, report: Report) -> None:
    """Warn of stores and series whose last days have not been delivered, one line for each."""
    late = undelivered_days(train.frame)
    spans = late.group_by("store_nbr", "family", maintain_order=True).agg(
        first=pl.col("date").min(), last=pl.col("date").max(), days=pl.len()
    )
    whole = set(spans.filter(pl.col("family").is_null())["store_nbr"])
    findings = []
    for store, family, first, last, days in spans.rows():
        if family is not None and store in whole:
            continue
        name = f"store_nbr {store}" + ("" if family is None else f", family {family}")
        span = f"on {first}" if days == 1 else f"from {first} to {last}"
        message = f"{name} has no rows {span}, and others have: taken for not delivered yet"
        advice = "deliver the rows; a day without sales is a row with 0"
        findings.append(train.find(Severity.WARNING, "undelivered", message, advice=advice))
    report.add(*findings)


def warn_of_outliers(tables: Mapping[str, ReadTable], report: Report) -> set[int]:
    """Warn of values so large that they are taken for mistakes; return their rows in train."""
    rows: set[int] = set()
    if "train" in tables:
        rows = _warn_by_rule(tables["train"], sales_outliers, "sales", report)
        _warn_by_rule(tables["train"], promotion_outliers, "onpromotion", report)
    if "transactions" in tables:
        _warn_by_rule(tables["transactions"], transaction_outliers, "transactions", report)
    return rows


def _warn_by_rule(
    table: ReadTable, rule: Callable[[pl.DataFrame], pl.DataFrame], column: str, report: Report
) -> set[int]:
    outliers = rule(table.frame.with_row_index("_position"))
    keys = [key for key in ("store_nbr", "family") if key in outliers.columns]
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
