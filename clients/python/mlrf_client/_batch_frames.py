"""Forecasts of the nodes of a frame, as a frame of the same kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from mlrf_client._batches import MAX_ITEMS, Progress, batch
from mlrf_client._frames import adapter_of
from mlrf_client._models import Period
from mlrf_client._requests import Day, Steps
from mlrf_client.answers import Forecast
from mlrf_client.errors import ApiError
from mlrf_client.tables import Column, Kind, Table, concatenate


class DataFrame(Protocol):
    """A frame of Polars or pandas."""

    @property
    def columns(self) -> Any: ...

    def __len__(self) -> int: ...


Frame = TypeVar("Frame", bound=DataFrame)


def batch_frame(
    frame: Frame,
    *,
    horizon: int | None = None,
    date: Day | None = None,
    period: Period | None = None,
    intervals: Sequence[int] | None = None,
    quantiles: Sequence[float] | None = None,
    chunk: int = MAX_ITEMS,
    progress: Progress | None = None,
) -> Steps[Frame]:
    """Forecast the nodes of a frame of Polars or pandas; the result is a frame of the same kind.

    It has a row for each node and day, with the columns that name the node as they are in
    `frame`; or, with a `period`, for each node and period. A node that cannot be forecast has one
    row with `error_code` and `error`.

    Args:
        frame: a row for each node, with the columns of the series or `node`; and, where they
            differ from the arguments, `horizon` and `date`.
        chunk: as for `batch`.
        progress: as for `batch`.

    Raises:
        ValueError: a value is missing, or no column names the node.
    """
    adapter = adapter_of(frame)
    names = _node_columns(frame)
    results = yield from batch(
        adapter.rows_of(frame),
        horizon=horizon,
        date=date,
        period=period,
        intervals=intervals,
        quantiles=quantiles,
        chunk=chunk,
        progress=progress,
    )
    by_day = period in (None, "day")
    tables = [_table_of(result, by_day=by_day) for result in results]
    positions = [row for row, table in enumerate(tables) for _ in range(len(table))]
    numbers = concatenate([_layout_of(tables, by_day=by_day), *tables])
    if clash := sorted(numbers.columns.keys() & set(names)):
        raise ValueError(f"{clash[0]} is a column of the result too; use batch, with rows.")
    joined: Frame = adapter.join(frame, names, positions, numbers)
    return joined


def _node_columns(frame: DataFrame) -> list[str]:
    """Return the columns of a frame that name its nodes.

    Raises:
        ValueError: there are none, or a column has the name of an argument.
    """
    if reserved := sorted({"series", "period", "intervals", "quantiles"} & set(frame.columns)):
        raise ValueError(f"The frame has a column {reserved[0]}, which is no column of a frame.")
    names = [name for name in frame.columns if name not in ("date", "horizon")]
    if not names:
        raise ValueError("No column of the frame names a node: columns of the series, or node.")
    return names


_LAST: dict[str, Kind] = {
    "actual": float,
    "method": str,
    "origin": dt.date,
    "model_version": str,
    "degraded": bool,
    "error_code": str,
    "error": str,
}
"""Columns of a result after the prediction, its bounds and its quantiles."""


def _table_of(result: Forecast | ApiError, *, by_day: bool) -> Table:
    """Return the rows of a result: its days or periods, or one row with the error."""
    if isinstance(result, ApiError):
        row = {"error_code": Column(str, [result.code]), "error": Column(str, [result.detail])}
        return Table(row)
    table = result.table if by_day else result.sums
    count = len(table)
    return Table(
        {
            **{name: column for name, column in table.columns.items() if name != "node"},
            "method": Column(str, [result.method] * count),
            "origin": Column(dt.date, [result.origin] * count),
            "model_version": Column(str, [result.model_version] * count),
            "degraded": Column(bool, [result.degraded] * count),
        }
    )


def _layout_of(tables: Sequence[Table], *, by_day: bool) -> Table:
    """Return the columns of a result in order, without rows.

    Bounds and quantiles are those of `tables`.
    """
    days = {"date": dt.date} if by_day else {"first": dt.date, "last": dt.date, "days": int}
    numbers = {
        name: column.kind
        for table in tables
        for name, column in table.columns.items()
        if name.startswith(("lower_", "upper_", "quantile_"))
    }
    kinds: dict[str, Kind] = {**days, "prediction": float, **numbers, **_LAST}
    return Table({name: Column(kind, []) for name, kind in kinds.items()})
