"""Detection of days at the end of a store or series whose rows are not delivered yet.

A day without a row is a day without sales, but not at the end of the table: stores report late.
A store's day is *undelivered* when

- it lies after the last row of the store, which has been without rows for at most `MAX_DAYS` days
  up to the last day of the table (a store without rows for longer is closed);
- another store has rows on that day (otherwise the retailer was closed);
- the store had rows on that weekday, and on nearly every day on which others had, in the
  `WINDOW_DAYS` days up to its last row.

The same rule holds for one family of a store, compared with the other families of that store, but
only in tables that list families whether they sold or not: in such tables nearly every family has
a row on nearly every day on which its store has one. In tables of sold rows only, a family without
a row has most likely not been sold, and its sales stay zero.

Days without rows that other rows of the same store or series follow are days without sales.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.data.snapshot import LATE_DAYS
from features.data.step import Step

MAX_DAYS = LATE_DAYS
WINDOW_DAYS = 28

_NEARLY_EVERY = 0.9
_LISTED_SHARE = 0.98
"""Least share of families × days with a row, in a table that lists unsold families."""
_MIN_WEEKS = 3

Grid = NDArray[np.bool_]


def undelivered_days(
    sales: pl.DataFrame, keys: Sequence[str], *, step: Step = Step.DAY
) -> pl.DataFrame:
    """Return the undelivered days, by series and date.

    Args:
        sales: with the columns of the series and date; others are ignored.
        keys: columns of the series, that of the site first.

    Returns:
        Columns of the series and date; all but that of the site are null if the whole site is
        undelivered.
    """
    last = sales["date"].max()
    assert isinstance(last, date)
    return find_undelivered([recent_rows(sales, keys, last, step=step)], last, step=step)


@dataclass(frozen=True)
class RecentRows:
    """Newest days with rows, which alone say what is undelivered.

    Attributes:
        series: those with rows on these days, in the order of their columns.
        rows: whether a series has a row on a day; shape (series, days).
    """

    series: pl.DataFrame
    rows: Grid


def recent_rows(sales: pl.DataFrame, keys: Sequence[str], last: date, *, step: Step) -> RecentRows:
    """Return on which of the newest days the series have rows.

    Args:
        last: last day of all sales.
    """
    days = _recent_days(last, step)
    recent = sales.filter(pl.col("date") >= days[0]).select(*keys, "date")
    series = recent.select(keys).unique().sort(keys)
    return RecentRows(series, _build_row_grid(recent, series, days, step))


def find_undelivered(parts: Sequence[RecentRows], last: date, *, step: Step) -> pl.DataFrame:
    """Return the undelivered days of all series, as `undelivered_days` does.

    Args:
        parts: newest rows of some whole sites each, in the order of the sites.
        last: last day of all sales.
    """
    days = _recent_days(last, step)
    series = pl.concat([part.series for part in parts])
    rows = np.concatenate([part.rows for part in parts])
    keys = series.columns
    site = keys[0]
    stores = series.select(site).unique(maintain_order=True)
    numbered = stores.with_row_index("_site")
    store_of = series.join(numbered, on=site, maintain_order="left")["_site"].to_numpy()
    listed = np.zeros((stores.height, len(days)), dtype=np.int32)
    np.add.at(listed, store_of, rows)
    open_stores = listed > 0
    others_open = open_stores.sum(axis=0) - open_stores > 0
    late_stores = _find_absent_days(open_stores, others_open, step)
    whole = stores.select(
        site, *(pl.lit(None, dtype=series.schema[key]).alias(key) for key in keys[1:])
    )
    undelivered = [_list_cells(whole, late_stores, days)]
    if len(keys) > 1 and _lists_unsold(rows, open_stores[store_of], step):
        other_families = listed[store_of] - rows > 0
        undelivered.append(_list_cells(series, _find_absent_days(rows, other_families, step), days))
    return pl.concat(undelivered).sort(site, "date", *keys[1:])


def _recent_days(last: date, step: Step) -> list[date]:
    """Return the newest days, up to the last of the sales."""
    span = (MAX_DAYS + WINDOW_DAYS) // step.days
    return [last - timedelta(number * step.days) for number in reversed(range(span))]


def _build_row_grid(
    recent: pl.DataFrame, series: pl.DataFrame, days: Sequence[date], step: Step
) -> Grid:
    """Return whether each series has a row on each day, shape (series, days)."""
    placed = recent.join(series.with_row_index("_series"), on=series.columns)
    rows = np.zeros((series.height, len(days)), dtype=np.bool_)
    after = (pl.col("date") - days[0]).dt.total_days() // step.days
    day = placed.select(after).to_series().to_numpy()
    rows[placed["_series"].to_numpy(), day] = True
    return rows


def _find_absent_days(rows: Grid, others: Grid, step: Step) -> Grid:
    """Return the days at the end of each unit on which rows are expected and missing.

    Args:
        rows: whether there are rows, shape (units, days).
        others: whether the units that it is compared with have rows, of the same shape.
    """
    # A missing row means "not delivered yet" only for a unit that reports regularly. Regularity
    # is judged for each weekday, because a store may be closed on Sundays, over the window up to
    # the unit's last row, and only on days on which others report, because a holiday closes all.
    # A weekday is regular with at most one omission in at least _MIN_WEEKS chances; the unit, if
    # it reports on _NEARLY_EVERY of all days of its regular weekdays. Without the second test a
    # unit that sells rarely would pass by chance on one weekday, and its zeros would become NaN.
    last, window = _find_last_row(rows), _mark_window(rows, step)
    compared = others & window
    present = rows & compared
    expected = np.zeros_like(rows)
    n_expected, n_delivered = np.zeros(len(rows)), np.zeros(len(rows))
    weekdays = np.arange(rows.shape[1]) % step.week
    for weekday in range(step.week):
        on_weekday = weekdays == weekday
        possible, delivered = (
            compared[:, on_weekday].sum(axis=1),
            present[:, on_weekday].sum(axis=1),
        )
        weekday_is_regular = (possible >= _MIN_WEEKS) & (delivered >= possible - 1)
        expected[:, on_weekday] = weekday_is_regular[:, None]
        n_expected += np.where(weekday_is_regular, possible, 0)
        n_delivered += np.where(weekday_is_regular, delivered, 0)
    unit_is_regular = (n_expected > 0) & (n_delivered >= _NEARLY_EVERY * n_expected)
    late = unit_is_regular & (last >= rows.shape[1] - 1 - MAX_DAYS // step.days)
    after = np.arange(rows.shape[1]) > last[:, None]
    return np.asarray(after & others & expected & late[:, None])


def _find_last_row(rows: Grid) -> NDArray[np.intp]:
    """Return the last day with rows of each unit, -1 where there is none; shape (units,)."""
    last = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    return np.where(rows.any(axis=1), last, -1)


def _mark_window(rows: Grid, step: Step) -> Grid:
    """Return the `WINDOW_DAYS` days up to the last row of each unit."""
    last = _find_last_row(rows).astype(np.int16)
    back = last[:, None] - np.arange(rows.shape[1], dtype=np.int16)
    return (back >= 0) & (back < WINDOW_DAYS // step.days)


def _lists_unsold(rows: Grid, store_open: Grid, step: Step) -> bool:
    """Return whether series have rows on nearly all days of their stores, sold or not.

    Series without a row in the last `MAX_DAYS` days are ignored, and so are days before a series'
    first row or after its last.
    """
    started = np.maximum.accumulate(rows, axis=1)
    current = _find_last_row(rows) >= rows.shape[1] - 1 - MAX_DAYS // step.days
    cells = store_open & _mark_window(rows, step) & started & current[:, None]
    return bool((rows & cells).sum() >= _LISTED_SHARE * cells.sum())


def _list_cells(units: pl.DataFrame, absent: Grid, days: list[date]) -> pl.DataFrame:
    unit, day = np.nonzero(absent)
    return units[unit].with_columns(date=pl.Series([days[at] for at in day], dtype=pl.Date))
