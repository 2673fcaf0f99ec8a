"""Values so large that a mistake is likelier than a sale: a barcode in the quantity, a total line.

The rule is one for all columns. A value is an outlier when it is more than `FACTOR` times the
largest that its group usually reaches. What a group usually reaches is one of its largest values,
not the very largest: 1 % of the positive values, and at least three, are left out, so that the
outliers do not hide themselves. Where even that is more than `FACTOR` times the median it is not
usual, and `FACTOR` medians stand for it. A group of fewer than `MIN_VALUES` positive values is
judged by a larger group: a series by its family in all stores, and that by the whole table.

The rule is to miss rather than to accuse: of the 3 million rows of the Favorita tables, which hold
Christmas, Mother's Day and an earthquake, it names none (the farthest is 74 times). A change of
units that goes on for more than a few days is no outlier either.

`features.build` takes an outlier of sales out of what the model learns from, and one of the other
columns as not known. Checks of tables warn of it with the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

FACTOR = 100.0
MIN_VALUES = 8

_USUAL = 10.0
"""Any group may reach this, so that a single order of a slow series is none."""
_LEFT_OUT = 3
_LEFT_OUT_SHARE = 0.01

_SERIES, _FAMILY, _TABLE = ("store_nbr", "family"), ("family",), ()


def sales_outliers(train: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of train whose sales are outliers, in their order."""
    return _outliers(train, train, "sales", (_SERIES, _FAMILY, _TABLE))


def promotion_outliers(rows: pl.DataFrame, *tables: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose items on promotion are outliers, in their order.

    Args:
        rows: of train or test, which are judged.
        tables: all tables with promotions, `rows` among them: they say what is usual.
    """
    usual = pl.concat([table.select("family", "onpromotion") for table in tables or (rows,)])
    return _outliers(rows, usual, "onpromotion", (_FAMILY, _TABLE))


def transaction_outliers(transactions: pl.DataFrame) -> pl.DataFrame:
    """Return the rows whose number of transactions is an outlier, in their order."""
    return _outliers(transactions, transactions, "transactions", (("store_nbr",), _TABLE))


def _outliers(
    rows: pl.DataFrame, usual: pl.DataFrame, value: str, groups: Sequence[Sequence[str]]
) -> pl.DataFrame:
    """Return the rows above the limit of the first of the groups that has values enough."""
    keys = list(dict.fromkeys(key for group in groups for key in group))
    left = rows.with_row_index("_at").filter(pl.col(value) > FACTOR * _USUAL)
    left = left.select("_at", *keys, value)
    found: list[pl.Series] = []
    for group in groups:
        if left.is_empty():
            break
        left = left.join(
            _limits(left, usual, value, group),
            on=list(group) or None,
            how="left" if group else "cross",
        )
        found.append(left.filter(pl.col(value) > pl.col("_limit"))["_at"])
        left = left.filter(pl.col("_limit").is_null()).drop("_limit")
    return rows[pl.concat(found).sort()] if found else rows.clear()


def _limits(
    rows: pl.DataFrame, usual: pl.DataFrame, value: str, keys: Sequence[str]
) -> pl.DataFrame:
    """Return the limit of each group of `rows`; null where it has too few positive values.

    A limit is never below `FACTOR` medians. Infinity stands for it where no row is above that:
    to sort the values of all groups would take longer than the rest of the rule.
    """
    if not keys:
        return usual.select(_limit(value))
    largest = rows.group_by(keys).agg(pl.col(value).max().alias("_largest"))
    among = usual.select(*keys, value).join(largest, on=list(keys), how="inner")
    grouped = among.group_by(keys)
    ordinary = grouped.agg(
        _usual=(pl.col("_largest").first() <= FACTOR * _positive(value).median()) & ~_few(value)
    )
    suspected = among.join(ordinary.filter(~pl.col("_usual")), on=list(keys), how="semi")
    judged = suspected.group_by(keys).agg(_limit(value))
    unsuspected = ordinary.filter("_usual").select(*keys, _limit=pl.lit(float("inf")))
    return pl.concat((judged, unsuspected))


def _limit(value: str) -> pl.Expr:
    positive = _positive(value)
    count = positive.len()
    left_out = pl.max_horizontal(pl.lit(_LEFT_OUT), (count * _LEFT_OUT_SHARE).ceil())
    largest = positive.sort(descending=True).get(left_out.cast(pl.Int64), null_on_oob=True)
    reached = pl.min_horizontal(largest, positive.median() * FACTOR)
    limit = FACTOR * pl.max_horizontal(reached, _USUAL)
    return pl.when(~_few(value)).then(limit).alias("_limit")


def _few(value: str) -> pl.Expr:
    return _positive(value).len() < MIN_VALUES


def _positive(value: str) -> pl.Expr:
    return pl.col(value).filter(pl.col(value) > 0).cast(pl.Float64)
