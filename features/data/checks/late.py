"""Rows that have not been delivered yet, and values that the model must not learn from.

Both rules are those by which a snapshot is built: `features.data.delivery` and
`features.data.outliers`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from features.data.findings import MAX_FINDINGS, Report, Severity
from features.data.reading.reader import Place, ReadTable
from features.data.reading.schema import DATE


def warn_of_undelivered(
    sales: ReadTable, late: pl.DataFrame, keys: Sequence[str], report: Report
) -> None:
    """Warn of sites and series whose last days have not been delivered, one line for each.

    Args:
        late: the undelivered days.
        keys: columns of the series, that of the site first.
    """
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
    table: ReadTable, outliers: pl.DataFrame, column: str, report: Report
) -> set[Place]:
    """Warn of values so large that they are taken for mistakes; return the places of their rows.

    Args:
        outliers: the rows, with the keys of the table, the column and their places.
    """
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
                place=(row["_file"], row["_row"]),
                column=column,
                value=value,
                advice="correct it, or leave out the row",
            )
        )
    report.add(*findings, total=outliers.height)
    return set(outliers.select("_file", "_row").iter_rows())
