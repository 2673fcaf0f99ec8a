"""Guesses what a folder of tables states, for a retailer who has stated nothing yet.

A guess is shown and saved, never used in silence: `mlrf look` prints it and `mlrf init` asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import polars as pl

from features.data.findings import Report
from features.data.reading.columns import to_date
from features.data.reading.files import FUTURE_NAMES, SALES_NAMES, list_tables
from features.data.reading.layout import DecimalMark, TableLayout
from features.data.reading.reader import read_all_columns
from features.data.reading.schema import EVENT_KIND, EVENT_NAME
from features.data.reading.values import ColumnKindError
from features.data.specification import Returns
from features.data.stated import RETAILER_FILE, Stated, StatedCalendar, StatedCovariate
from features.data.statement_checks import RetailerError, first_table

_TARGETS = (
    *(
        "sales",
        "unit_sales",
        "weekly_sales",
        "units",
        "quantity",
        "qty",
        "demand",
        "target",
        "sold",
    ),
    *("menge", "absatz", "umsatz", "ventas", "volume", "amount", "revenue", "turnover"),
    *("visitors", "customers"),
)
"""Usual names of the sales, the likeliest first."""
_OPEN_NAMES = frozenset({"open", "is_open", "offen", "geöffnet"})
_PRICE_NAMES = frozenset({"price", "sell_price", "preis", "precio", "prix"})
_MOST_COLUMNS = 4
_SAMPLE_ROWS = 200_000


def guess(folder: Path, layout: TableLayout, report: Report) -> Stated:
    """Return what the tables of a folder probably mean.

    Raises:
        RetailerError: there is no table of sales, or its date, sales or series are not apparent.
    """
    stems = list_tables(folder)
    name = first_table(SALES_NAMES, stems)
    sales = read_all_columns(folder, name, layout, report)
    if sales is None:
        raise RetailerError("series", f"the table {name} cannot be read")
    sales = sales.head(_SAMPLE_ROWS)
    future_name = next((each for each in FUTURE_NAMES if each in stems), None)
    future = read_all_columns(folder, future_name, layout, report) if future_name else None
    ahead = set() if future is None else set(future.columns)
    day = _guess_date(sales, layout)
    target = _guess_target(sales, day, ahead if future is not None else None)
    series = _guess_series(sales, day, target, name)
    opened = [column for column in sales.columns if column.casefold() in _OPEN_NAMES]
    others = {
        stem: table.columns
        for stem in stems
        if stem not in (name, future_name)
        and (table := read_all_columns(folder, stem, layout, report)) is not None
    }
    columns = {column for each in (sales.columns, *others.values()) for column in each}
    return Stated(
        series=series,
        target=target,
        columns={"date": day} if day != "date" else {},
        open=opened[0] if opened else None,
        returns=_guess_returns(sales[target], layout),
        calendar=_guess_calendar(folder, others, (day, *series)),
        covariates={
            column: StatedCovariate(kind="number", transform="log")
            for column in sorted(columns - {target})
            if column.casefold() in _PRICE_NAMES
        },
    )


def _guess_returns(target: pl.Series, layout: TableLayout) -> Returns:
    """Return that returns are netted if some of the sales are negative."""
    text = target.cast(pl.String)
    if layout.decimal is DecimalMark.COMMA:
        text = text.str.replace(",", ".", literal=True)
    negative = (text.cast(pl.Float64, strict=False) < 0).any()
    return Returns.NET if negative else Returns.REFUSE


def _guess_calendar(
    folder: Path, tables: Mapping[str, Sequence[str]], keys: Sequence[str]
) -> StatedCalendar:
    """Return the table that names days, and has no column beside that one might forecast by."""
    for stem, columns in tables.items():
        rest = {*columns} - {*keys, EVENT_NAME, EVENT_KIND}
        if {keys[0], EVENT_NAME} <= {*columns} and not rest:
            file = next(each.name for each in folder.iterdir() if each.name.startswith(f"{stem}."))
            return StatedCalendar(holidays=file)
    return StatedCalendar()


def _guess_date(sales: pl.DataFrame, layout: TableLayout) -> str:
    for column in sales.columns:
        distinct = sales[column].drop_nulls().unique().head(100)
        try:
            days = to_date(distinct, layout).values
        except ColumnKindError:
            continue
        if len(days) and not days.null_count():
            return column
    raise RetailerError(
        "columns.date",
        f"no column holds dates; there are {', '.join(sales.columns)}. Dates such as 31.12.2023 "
        "need --dates dmy, and a file with semicolons --delimiter ';'",
    )


def _guess_target(sales: pl.DataFrame, day: str, ahead: set[str] | None) -> str:
    """Return the column of the sales: by its name, or the one number that days ahead lack."""
    folded = {column.casefold(): column for column in sales.columns if column != day}
    for name in _TARGETS:
        if name in folded:
            return folded[name]
    numbers = [
        column
        for column in folded.values()
        if sales[column].cast(pl.Float64, strict=False).null_count() == sales[column].null_count()
        and (ahead is None or column not in ahead)
    ]
    if len(numbers) == 1:
        return numbers[0]
    raise RetailerError(
        "target",
        f"no column is plainly the sales; there are {', '.join(folded.values())}. State it in "
        f"{RETAILER_FILE}, such as target: units",
    )


def _guess_series(sales: pl.DataFrame, day: str, target: str, table: str) -> tuple[str, ...]:
    """Return the fewest columns that, with the date, name each row once."""
    candidates = [column for column in sales.columns if column not in (day, target, "id")]
    for columns in _combinations(sales, candidates):
        if not sales.select(day, *columns).is_duplicated().any():
            return columns
    raise RetailerError(
        "series",
        f"up to {_MOST_COLUMNS} columns and {day} do not name each row of {table} once; there are "
        f"{', '.join(candidates) or 'no others'}. Remove rows that repeat others, or state the "
        f"columns in {RETAILER_FILE}: series: [store, item]",
    )


def _combinations(sales: pl.DataFrame, candidates: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield combinations of columns: the fewest first, names before numbers, in their order."""
    text = {column: sales[column].dtype == pl.String for column in candidates}
    fractions = {
        column
        for column in candidates
        if (numbers := sales[column].cast(pl.Float64, strict=False)).null_count() == 0
        and not bool((numbers == numbers.floor()).all())
    }
    usable = [column for column in candidates if column not in fractions]
    usable.sort(key=lambda column: not text[column])
    for count in range(1, min(len(usable), _MOST_COLUMNS) + 1):
        for columns in combinations(usable, count):
            yield tuple(column for column in candidates if column in columns)
