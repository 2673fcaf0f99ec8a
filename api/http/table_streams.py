"""Tables that are made part by part, beside the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

import anyio.to_thread

from api.http.table_files import ARROW_END, frame_of, write_arrow_part, write_parquet
from api.http.tables import Column, Row, write_csv
from middleware.headers import CSV

Parts = AsyncIterator[list[Row]]
"""The rows of a table, some at a time."""


async def stream_table(
    media_type: str, columns: Sequence[Column], parts: Parts
) -> AsyncIterator[bytes]:
    """Yield a table as CSV, or as an Arrow stream."""
    first = True
    async for rows in parts:
        if media_type == CSV:
            write = partial(write_csv, columns, rows, header=first)
            yield (await anyio.to_thread.run_sync(write)).encode()
        else:
            frame = await anyio.to_thread.run_sync(frame_of, columns, rows)
            yield write_arrow_part(frame, first=first)
        first = False
    if media_type != CSV:
        yield ARROW_END


async def make_parquet(columns: Sequence[Column], parts: Parts, facts: Mapping[str, Any]) -> bytes:
    """Return a table as a Parquet file."""
    # Rows are turned into typed columns part by part: as objects of Python all of them would take
    # ten times the memory.
    frames = [await anyio.to_thread.run_sync(frame_of, columns, rows) async for rows in parts]
    return await anyio.to_thread.run_sync(write_parquet, frames, facts)
