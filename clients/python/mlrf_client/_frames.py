"""Frames of Polars and pandas: their rows, and their columns beside a table of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mlrf_client.tables import Table

if TYPE_CHECKING:
    import pandas
    import polars


class Adapter(Protocol):
    """Operations on data frames that a batch needs."""

    def rows_of(self, frame: Any) -> list[dict[str, Any]]:
        """Return the rows as values by column, None where a value is missing."""

    def join(self, frame: Any, names: Sequence[str], positions: Sequence[int], table: Table) -> Any:
        """Return some columns of a frame, with the row at each position, beside a table."""


class PolarsAdapter:
    """Frames of Polars."""

    def rows_of(self, frame: polars.DataFrame) -> list[dict[str, Any]]:
        return frame.to_dicts()

    def join(
        self, frame: polars.DataFrame, names: Sequence[str], positions: Sequence[int], table: Table
    ) -> polars.DataFrame:
        return frame.select(names)[list(positions)].hstack(table.to_polars())


class PandasAdapter:
    """Frames of pandas; their index is dropped."""

    def rows_of(self, frame: pandas.DataFrame) -> list[dict[str, Any]]:
        values = frame.astype(object)
        rows: list[dict[str, Any]] = values.where(frame.notna(), None).to_dict("records")
        return rows

    def join(
        self, frame: pandas.DataFrame, names: Sequence[str], positions: Sequence[int], table: Table
    ) -> pandas.DataFrame:
        import pandas as pd

        repeated = frame[list(names)].iloc[list(positions)].reset_index(drop=True)
        return pd.concat([repeated, table.to_pandas()], axis="columns")


_ADAPTERS: dict[str, Adapter] = {"polars": PolarsAdapter(), "pandas": PandasAdapter()}


def adapter_of(frame: Any) -> Adapter:
    """Return the adapter of the library that a frame is of.

    Raises:
        TypeError: it is no DataFrame of Polars or pandas.
    """
    for kind in type(frame).__mro__:
        library = kind.__module__.partition(".")[0]
        if kind.__name__ == "DataFrame" and library in _ADAPTERS:
            return _ADAPTERS[library]
    raise TypeError(
        f"A DataFrame of Polars or pandas is expected, not a {type(frame).__name__}; "
        "collect a lazy frame first, and pass rows to batch."
    )
