"""Outliers: values so large that a mistake is likelier, such as a barcode or a line of totals.

One rule applies to all columns. A value is an outlier when it exceeds `FACTOR` times the usual
maximum of its group. The usual maximum is the largest value after the top 1 % of the positive
values, and at least three, are trimmed, so that outliers do not mask themselves. It is capped at
`FACTOR` medians. A group of fewer than `MIN_VALUES` positive values is judged by a larger group: a
series by the same product in all stores, and that by the whole table.

The rule prefers a missed outlier to a false alarm: of the 3 million rows of the Favorita tables,
which include Christmas, Mother's Day and an earthquake, it selects none (the farthest value is 74
times its usual maximum). A change of units that lasts for more than a few days is no outlier.

`features.data.build` excludes an outlier of sales from training, and treats one of the other
columns as not known. Checks of tables warn of it with the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

FACTOR = 100.0
MIN_VALUES = 8

_USUAL = 10.0
"""Least usual maximum of a group, so that a single order of a slow series is no outlier."""
_TRIMMED_VALUES = 3
_TRIMMED_SHARE = 0.01


def sales_outliers(sales: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows whose sales are outliers, in their order.

    Args:
        keys: columns of the series, that of the site first.
    """
    return _find_outliers(sales, sales, "sales", _distinct_groups(keys, keys[1:], ()))


def plan_outliers(
    rows: pl.DataFrame, *tables: pl.DataFrame, value: str, keys: Sequence[str]
) -> pl.DataFrame:
    """Return the rows whose planned count, such as items on promotion, is an outlier.

    Args:
        rows: the rows that are judged; they are returned in their order.
        tables: all tables with the count, `rows` among them; they define the usual maximum.
        value: column of the count.
        keys: columns by which counts are compared, such as the family.
    """
    usual = pl.concat([table.select(*keys, value) for table in tables or (rows,)])
    return _find_outliers(rows, usual, value, _distinct_groups(keys, ()))


def value_outliers(rows: pl.DataFrame, *, value: str, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows whose count is an outlier among those of the same keys, in their order."""
    return _find_outliers(rows, rows, value, _distinct_groups(keys, ()))


def _distinct_groups(*groups: Sequence[str]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(map(tuple, groups)))


def _find_outliers(
    rows: pl.DataFrame, usual: pl.DataFrame, value: str, groups: Sequence[Sequence[str]]
) -> pl.DataFrame:
    """Return the rows above the limit of their first group with enough values."""
    keys = list(dict.fromkeys(key for group in groups for key in group))
    undecided = rows.with_row_index("_at").filter(pl.col(value) > FACTOR * _USUAL)
    undecided = undecided.select("_at", *keys, value)
    outlier_positions: list[pl.Series] = []
    for group in groups:
        if undecided.is_empty():
            break
        undecided = undecided.join(
            _compute_limits(undecided, usual, value, group),
            on=list(group) or None,
            how="left" if group else "cross",
        )
        outlier_positions.append(undecided.filter(pl.col(value) > pl.col("_limit"))["_at"])
        undecided = undecided.filter(pl.col("_limit").is_null()).drop("_limit")
    return rows[pl.concat(outlier_positions).sort()] if outlier_positions else rows.clear()


def _compute_limits(
    rows: pl.DataFrame, usual: pl.DataFrame, value: str, keys: Sequence[str]
) -> pl.DataFrame:
    """Return the limit of each group of `rows`; null where it has too few positive values.

    The limit is infinite for a group in which no row of `rows` exceeds `FACTOR` medians.
    """
    # The exact limit needs the sorted values of a group, and sorting all groups would take longer
    # than the rest of the rule. But a limit is FACTOR times a value that is at least the median,
    # or the cap of FACTOR medians: never below FACTOR medians. So a group whose largest row does
    # not exceed FACTOR medians has no outlier and is skipped; only suspected groups are sorted.
    if not keys:
        return usual.select(_limit_expression(value))
    largest = rows.group_by(keys).agg(pl.col(value).max().alias("_largest"))
    among = usual.select(*keys, value).join(largest, on=list(keys), how="inner")
    grouped = among.group_by(keys)
    ordinary = grouped.agg(
        _usual=(pl.col("_largest").first() <= FACTOR * _select_positive(value).median())
        & ~_has_too_few(value)
    )
    suspected = among.join(ordinary.filter(~pl.col("_usual")), on=list(keys), how="semi")
    judged = suspected.group_by(keys).agg(_limit_expression(value))
    unsuspected = ordinary.filter("_usual").select(*keys, _limit=pl.lit(float("inf")))
    return pl.concat((judged, unsuspected))


def _limit_expression(value: str) -> pl.Expr:
    positive = _select_positive(value)
    count = positive.len()
    n_trimmed = pl.max_horizontal(pl.lit(_TRIMMED_VALUES), (count * _TRIMMED_SHARE).ceil())
    largest = positive.sort(descending=True).get(n_trimmed.cast(pl.Int64), null_on_oob=True)
    reached = pl.min_horizontal(largest, positive.median() * FACTOR)
    limit = FACTOR * pl.max_horizontal(reached, _USUAL)
    return pl.when(~_has_too_few(value)).then(limit).alias("_limit")


def _has_too_few(value: str) -> pl.Expr:
    return _select_positive(value).len() < MIN_VALUES


def _select_positive(value: str) -> pl.Expr:
    return pl.col(value).filter(pl.col(value) > 0).cast(pl.Float64)
