"""The body of POST /predict/batch as text/csv.

Its header names the columns of the series, such as ``store_nbr,family``, ``horizon`` and, if
wanted, ``date`` and ``adjusted``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.http.csv_rows import RowColumns
from features.data.reading.days import parse_day

_HORIZON, _DATE, _ADJUSTED = "horizon", "date", "adjusted"


def columns_of_items(series: Sequence[str]) -> RowColumns:
    """Return the columns of a batch of series, by the columns of the series."""
    holds = "the columns of a series, a horizon and perhaps a date"
    return RowColumns((*series, _HORIZON), (_DATE, _ADJUSTED), holds)


def item_of(row: dict[str, Any], series: Sequence[str]) -> dict[str, Any]:
    """Return a row as an item of a batch: by store and family, or by the columns of the series."""
    if tuple(series) == ("store_nbr", "family"):
        return row
    rest = {name: value for name, value in row.items() if name not in series}
    return {**rest, "series": {name: row[name] for name in series}}


def echo_of(row: dict[str, Any], series: Sequence[str]) -> list[Any]:
    """Return series and date of a row that cannot be answered, as the answer repeats them.

    A date that is none stays the text that it is.
    """
    text = row.get(_DATE)
    day = parse_day(text) if text else None
    return [*(str(row[name]) for name in series), day or text]
