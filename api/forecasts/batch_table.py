"""The answer of a batch as a table: a row for each day of each item, or for its problem."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

import anyio.lowlevel
from starlette.responses import Response, StreamingResponse

from api.forecasts.day_table import PROBLEM, ROW, DayTable, keys_of_levels
from api.forecasts.items import (
    ForecastsByOrigin,
    Item,
    PlannedItem,
    build_results,
    is_adjusted,
    split_into_slices,
)
from api.http.representation import Representation, respond
from api.http.responses import reference
from api.http.table_streams import make_parquet, stream_table
from api.http.tables import Column, Row
from api.schemas.requests import DEFAULT_INTERVALS, MAX_QUANTILES
from errors import Code, Problem
from middleware.headers import PARQUET
from models.serving.forecaster import Forecaster
from models.uncertainty import Uncertainty

_ITEMS_PER_CHUNK = 50
"""Items that are written before other requests get the processor."""

_one_file = anyio.CapacityLimiter(1)
"""Parquet files of batches that a worker makes at a time: the largest takes 200 MB meanwhile."""


@dataclass(frozen=True)
class BatchTable:
    """A planned batch with its forecasts, to be written as a table.

    Attributes:
        days: the columns of a day.
        echoed: values of an item that cannot be answered, in the columns up to its date.
    """

    forecaster: Forecaster
    planned: Sequence[PlannedItem]
    computed: ForecastsByOrigin
    days: DayTable
    echoed: Callable[[int], Row]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in their order."""
        return (ROW, *self.days.columns, *PROBLEM)

    async def respond(self, form: Representation) -> Response:
        """Return the table: Parquet is made as a whole, the other forms are streamed."""
        if form.media_type == PARQUET:
            async with _one_file:
                return respond(form, await self._make_parquet())
        parts = stream_table(form.media_type, self.columns, self._chunks())
        headers = {name.decode(): value.decode() for name, value in form.headers}
        return StreamingResponse(
            parts, headers={"content-type": form.content_type.decode(), **headers}
        )

    async def _make_parquet(self) -> bytes:
        engine = self.forecaster.release.engine
        facts = {
            "model_version": engine.bundle.name,
            "snapshot": reference(engine.snapshot),
            "degraded": False,
        }
        return await make_parquet(self.columns, self._chunks(), facts)

    async def _chunks(self) -> AsyncIterator[list[Row]]:
        """Yield the rows of a few items at a time."""
        number = 0
        for part in split_into_slices(self.planned):
            for start in range(0, len(part), _ITEMS_PER_CHUNK):
                chunk = part[start : start + _ITEMS_PER_CHUNK]
                results = build_results(self.forecaster, chunk, self.computed, self.days.rows)
                yield [
                    row
                    for at, result in enumerate(results, start=number)
                    for row in self._rows_of_item(at, result)
                ]
                number += len(chunk)
                await anyio.lowlevel.checkpoint()  # sending the chunk may not have yielded

    def _rows_of_item(self, number: int, result: list[Row] | Problem) -> Iterator[Row]:
        if not isinstance(result, Problem):
            for row in result:
                yield [number + 1, *row, None, None]
            return
        echoed = self.echoed(number)
        blanks = [None] * (len(self.days.columns) - len(echoed))
        yield [number + 1, *echoed, *blanks, result.code.name, result.detail]


def table_of_items(
    forecaster: Forecaster, planned: Sequence[PlannedItem], computed: ForecastsByOrigin
) -> BatchTable:
    """Return the table of items that name nodes of any level, with the numbers of all.

    Raises:
        Problem: INVALID_REQUEST: the items name too many different quantiles.
    """
    valid = [item.payload for item in planned if isinstance(item, Item)]
    nominals = sorted({nominal for payload in valid for nominal in payload.intervals})
    probabilities = sorted({each for payload in valid for each in payload.quantiles})
    if len(probabilities) > MAX_QUANTILES:
        detail = (
            f"A table has up to {MAX_QUANTILES} quantiles, and the items name "
            f"{len(probabilities)} different ones; name the same in all, or ask for JSON"
        )
        raise Problem.in_field(Code.INVALID_REQUEST, "/predictions", detail)
    wanted = Uncertainty(tuple(nominals), tuple(probabilities))
    keys = keys_of_levels(forecaster.release.engine.snapshot.hierarchy)
    adjusted = any(map(is_adjusted, planned))
    days = DayTable(keys, wanted, whole=True, adjusted=adjusted)
    return BatchTable(forecaster, planned, computed, days, lambda number: ())


def table_of_series(
    forecaster: Forecaster,
    planned: Sequence[PlannedItem],
    computed: ForecastsByOrigin,
    echoed: Callable[[int], Row],
) -> BatchTable:
    """Return the table that answers a table of series."""
    keys = forecaster.release.engine.snapshot.specification.series
    adjusted = any(map(is_adjusted, planned))
    days = DayTable(tuple(keys), Uncertainty(DEFAULT_INTERVALS), whole=False, adjusted=adjusted)
    return BatchTable(forecaster, planned, computed, days, echoed)
