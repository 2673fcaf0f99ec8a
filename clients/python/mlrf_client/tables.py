"""Columns of equal length, as a frame of Polars or pandas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    import polars

Kind = type[str] | type[int] | type[float] | type[bool] | type[dt.date]

_PANDAS_TYPES: dict[Kind, str] = {
    str: "object",
    int: "Int64",
    float: "float64",
    bool: "boolean",
    dt.date: "datetime64[ns]",
}


@dataclass(frozen=True)
class Column:
    """Values of one type; None where there is no value."""

    kind: Kind
    values: Sequence[Any]


@dataclass(frozen=True)
class Table:
    """Columns by name, all of the same length."""

    columns: dict[str, Column]

    def __len__(self) -> int:
        return max((len(column.values) for column in self.columns.values()), default=0)

    def to_polars(self) -> polars.DataFrame:
        """Return a frame of Polars (extra `polars`)."""
        import polars as pl

        return pl.DataFrame(
            {name: column.values for name, column in self.columns.items()},
            schema={name: column.kind for name, column in self.columns.items()},
        )

    def to_pandas(self) -> pandas.DataFrame:
        """Return a frame of pandas (extra `pandas`), with dates as datetime64."""
        import pandas as pd

        return pd.DataFrame(
            {
                name: pd.Series(list(column.values), dtype=_PANDAS_TYPES[column.kind])
                for name, column in self.columns.items()
            }
        )


def concatenate(tables: Iterable[Table]) -> Table:
    """Return the rows of all tables; None in a column that a table does not have."""
    tables = list(tables)
    kinds = {name: column.kind for table in tables for name, column in table.columns.items()}
    return Table(
        {
            name: Column(kind, [value for table in tables for value in _values_of(table, name)])
            for name, kind in kinds.items()
        }
    )


def _values_of(table: Table, name: str) -> Sequence[Any]:
    column = table.columns.get(name)
    return [None] * len(table) if column is None else column.values
