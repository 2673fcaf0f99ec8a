"""Answers as tables: the columns and rows that CSV, Parquet and Arrow have in common."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.data.cells import safe_cell
from middleware.headers import ARROW, CSV, PARQUET

TABLE_TYPES = (CSV, PARQUET, ARROW)
"""Media types of tables."""


class ColumnKind(Enum):
    """Type of a column's values; None is a value that is not known in any of them."""

    INTEGER = auto()
    NUMBER = auto()
    TEXT = auto()
    DAY = auto()
    BOOLEAN = auto()


class Column(NamedTuple):
    """A column of a table."""

    name: str
    kind: ColumnKind


Row = Sequence[Any]
"""Values in the order of the columns.

A day that a caller has misspelt may stand as the text that it is. CSV shows it, and the formats
with types have null there.
"""


@dataclass(frozen=True)
class Table:
    """An answer as a table.

    Attributes:
        facts: members that the JSON answer has beside the rows, for the metadata of a file.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    facts: Mapping[str, Any] = field(default_factory=dict)


def retailer_columns(
    names: Iterable[str], kind: ColumnKind, *, taken: Container[str], member: str
) -> tuple[Column, ...]:
    """Return columns that have the names of a retailer's own.

    Args:
        taken: names of the table's other columns.
        member: of the JSON answer that has these values. A name that is taken is written as a
            path, such as `series.code`: two columns of one name could not be distinguished.
    """
    return tuple(Column(f"{member}.{name}" if name in taken else name, kind) for name in names)


def write_csv(columns: Sequence[Column], rows: Iterable[Row], *, header: bool) -> str:
    """Return rows as lines of CSV (RFC 4180), with texts made safe for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    if header:
        writer.writerow([safe_cell(column.name) for column in columns])
    writer.writerows([_as_cell(value) for value in row] for row in rows)
    return out.getvalue()


def none_for_nan(values: NDArray[np.float64]) -> list[Any]:
    """Return values as lists, with None in the place of NaN: values that are not known."""
    objects = values.astype(object)
    objects[np.isnan(values)] = None
    listed: list[Any] = objects.tolist()
    return listed


def known_day(value: Any) -> date | None:
    """Return the day in a cell of a row; None for one that was misspelt."""
    return value if isinstance(value, date) else None


def _as_cell(value: Any) -> Any:
    if isinstance(value, str):
        return safe_cell(value)
    return str(value).lower() if isinstance(value, bool) else value
