"""The file of an export: the rows of `/forecast` as a table, for many nodes, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.exports.selection import rows_of_export, window_of_export
from api.forecasts.day_table import DayTable, keys_of_levels
from api.forecasts.days import Prediction
from api.forecasts.nodes import RequestedNode
from api.forecasts.windows import ForecastWindow
from api.http.responses import reference
from api.http.table_files import ARROW_END, frame_of, sink_parquet, write_arrow_part
from api.http.tables import Column, Row, write_csv
from api.schemas.exports import ExportFormat, ExportRequest
from api.schemas.requests import ForecastRequest
from features.data.snapshot import Snapshot
from models.serving.forecaster import Forecaster
from models.uncertainty import Uncertainty

ROWS_OF_A_CHUNK = 20_000
"""Rows that are in memory at a time."""

Forecasting = Callable[[ForecastWindow, NDArray[np.intp]], Prediction]
"""Function that returns the forecasts of some nodes in a window."""

Advance = Callable[[int, int], object]


@dataclass(frozen=True)
class ExportTable:
    """The table of an export.

    Attributes:
        forecaster: of the release whose forecasts it has.
    """

    forecaster: Forecaster
    payload: ExportRequest

    @cached_property
    def nodes(self) -> NDArray[np.intp]:
        """Rows of its nodes in the hierarchy, in their order."""
        return rows_of_export(self._snapshot, self.payload)

    @cached_property
    def window(self) -> ForecastWindow:
        """Its days."""
        return window_of_export(self._snapshot, self.payload)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in their order."""
        return self._days.columns

    @property
    def n_rows(self) -> int:
        return len(self.nodes) * len(self.window.horizons)

    @property
    def facts(self) -> dict[str, Any]:
        """Facts beside the rows, for the metadata of a file."""
        engine = self.forecaster.release.engine
        return {
            "model_version": engine.bundle.name,
            "snapshot": reference(engine.snapshot),
            "adjusted": self.payload.adjusted,
            "degraded": False,
        }

    def chunks(self, forecast: Forecasting, advance: Advance) -> Iterator[list[Row]]:
        """Yield the rows of some nodes at a time, each node's days together.

        Args:
            advance: called with the number of nodes that are done, and of all.
        """
        # The same code makes the rows of `/forecast`, so a value here is the value there. A chunk
        # has whole nodes: their rows are made together, and depend on no other node.
        requested = ForecastRequest(
            date=self.payload.date,
            horizon=len(self.window.horizons),
            intervals=self.payload.intervals,
            quantiles=self.payload.quantiles,
            adjusted=self.payload.adjusted,
        )
        at_a_time = max(1, ROWS_OF_A_CHUNK // len(self.window.horizons))
        for start in range(0, len(self.nodes), at_a_time):
            some = self.nodes[start : start + at_a_time]
            rows = self._days.rows(
                self.forecaster,
                self.window,
                [RequestedNode(requested, row) for row in some.tolist()],
                forecast(self.window, some),
            )
            yield [row for of_node in rows for row in of_node]
            advance(start + len(some), len(self.nodes))

    @property
    def _snapshot(self) -> Snapshot:
        return self.forecaster.release.engine.snapshot

    @cached_property
    def _days(self) -> DayTable:
        wanted = Uncertainty(self.payload.intervals, self.payload.quantiles)
        keys = keys_of_levels(self._snapshot.hierarchy)
        return DayTable(keys, wanted, whole=True, adjusted=self.payload.adjusted)


def write_table_file(
    path: Path,
    form: ExportFormat,
    columns: Sequence[Column],
    chunks: Iterable[list[Row]],
    facts: dict[str, Any],
) -> None:
    """Write chunks of rows into a file, a few of them in memory at a time.

    Raises:
        OSError: the file cannot be written.
    """
    if form is ExportFormat.PARQUET:
        sink_parquet(path, columns, chunks, facts)
        return
    with path.open("wb") as file:
        for number, rows in enumerate(chunks):
            if form is ExportFormat.CSV:
                file.write(write_csv(columns, rows, header=number == 0).encode())
            else:
                file.write(write_arrow_part(frame_of(columns, rows), first=number == 0))
        if form is ExportFormat.ARROW:
            file.write(ARROW_END)
