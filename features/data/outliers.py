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

from collections.abc import Callable, Sequence

import polars as pl

FACTOR = 100.0
MIN_VALUES = 8

_USUAL = 10.0
"""Least usual maximum of a group, so that a single order of a slow series is no outlier."""
_TRIMMED_VALUES = 3
_TRIMMED_SHARE = 0.01


Usual = Callable[[Sequence[str], pl.DataFrame], pl.DataFrame]
"""Returns the values that groups are judged by: of their columns, for the groups of some rows."""


def sales_outliers(sales: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows whose sales are outliers, in their order.

    Args:
        keys: columns of the series, that of the site first.
    """
    groups = _distinct_groups(keys, *_groups_above(keys))
    return _find_outliers(sales, values_of("sales", sales), "sales", groups)


def judge_sales(rows: pl.DataFrame, keys: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of some series whose sales are outliers among those of their series.

    Returns:
        These rows, and those that are left to a larger group (see `judge_by_groups`).
    """
    judged, left = _judge(rows, values_of("sales", rows), "sales", [tuple(keys)])
    return rows[judged], rows[left]


def judge_by_groups(rows: pl.DataFrame, usual: Usual, keys: Sequence[str]) -> pl.DataFrame:
    """Return which rows of series with few sales are outliers, by the groups above them."""
    return _find_outliers(rows, usual, "sales", _distinct_groups(*_groups_above(keys)))


def suspected(rows: pl.DataFrame | pl.LazyFrame, value: str) -> pl.DataFrame:
    """Return the rows that alone may be outliers of a count, in their order."""
    return rows.lazy().filter(pl.col(value) > FACTOR * _USUAL).collect()


def _groups_above(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[1:], ()]


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
    return judge_counts(rows, values_of(value, *(tables or (rows,))), value=value, keys=keys)


def value_outliers(rows: pl.DataFrame, *, value: str, keys: Sequence[str]) -> pl.DataFrame:
    """Return the rows whose count is an outlier among those of the same keys, in their order."""
    return judge_counts(rows, values_of(value, rows), value=value, keys=keys)


def judge_counts(
    rows: pl.DataFrame, usual: Usual, *, value: str, keys: Sequence[str]
) -> pl.DataFrame:
    """Return the rows whose count is an outlier of the values that define the usual maximum."""
    return _find_outliers(rows, usual, value, _distinct_groups(keys, ()))


def values_of(value: str, *tables: pl.DataFrame | pl.LazyFrame) -> Usual:
    """Return a reader of the values of tables, which are read only if they are needed."""

    def read(keys: Sequence[str], rows: pl.DataFrame) -> pl.DataFrame:
        wanted = rows.select(keys).unique().lazy() if keys else None
        parts = []
        for table in tables:
            part = table.lazy().select(*keys, pl.col(value).cast(pl.Float64))
            if wanted is not None and isinstance(table, pl.LazyFrame):
                part = part.join(wanted, on=list(keys), how="semi")
            parts.append(part.collect())
        return pl.concat(parts)

    return read


def _distinct_groups(*groups: Sequence[str]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(map(tuple, groups)))


def _find_outliers(
    rows: pl.DataFrame, usual: Usual, value: str, groups: Sequence[Sequence[str]]
) -> pl.DataFrame:
    """Return the rows above the limit of their first group with enough values."""
    return rows[_judge(rows, usual, value, groups)[0]]


def _judge(
    rows: pl.DataFrame, usual: Usual, value: str, groups: Sequence[Sequence[str]]
) -> tuple[pl.Series, pl.Series]:
    """Return the positions of the outliers, and of the rows that no group has enough values for."""
    keys = list(dict.fromkeys(key for group in groups for key in group))
    undecided = rows.with_row_index("_at").filter(pl.col(value) > FACTOR * _USUAL)
    undecided = undecided.select("_at", *keys, value)
    outlier_positions = [undecided["_at"].clear()]
    for group in groups:
        if undecided.is_empty():
            break
        undecided = undecided.join(
            _compute_limits(undecided, usual(group, undecided), value, group),
            on=list(group) or None,
            how="left" if group else "cross",
        )
        outlier_positions.append(undecided.filter(pl.col(value) > pl.col("_limit"))["_at"])
        undecided = undecided.filter(pl.col("_limit").is_null()).drop("_limit")
    return pl.concat(outlier_positions).sort(), undecided["_at"].sort()


def _compute_limits(
    rows: pl.DataFrame, among: pl.DataFrame, value: str, keys: Sequence[str]
) -> pl.DataFrame:
    """Return the limit of each group of `rows`; null where it has too few positive values.

    The limit is infinite for a group in which no row of `rows` exceeds `FACTOR` medians.

    Args:
        among: values of these groups.
    """
    # The exact limit needs the sorted values of a group, and sorting all groups would take longer
    # than the rest of the rule. But a limit is FACTOR times a value that is at least the median,
    # or the cap of FACTOR medians: never below FACTOR medians. So a group whose largest row does
    # not exceed FACTOR medians has no outlier and is skipped; only suspected groups are sorted.
    if not keys:
        return among.select(_limit_expression(value))
    largest = rows.group_by(keys).agg(pl.col(value).max().alias("_largest"))
    among = among.join(largest, on=list(keys), how="inner")
    grouped = among.group_by(keys)
    ordinary = grouped.agg(
        _usual=(pl.col("_largest").first() <= FACTOR * _select_positive(value).median())
        & ~_has_too_few(value)
    )
    close = among.join(ordinary.filter(~pl.col("_usual")), on=list(keys), how="semi")
    judged = close.group_by(keys).agg(_limit_expression(value))
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
