"""Tables as Parquet files and Arrow streams.

The library is imported when the first such answer is made, because it takes 47 MB of a worker's
memory and 0.3 s. All functions are for a thread beside the event loop.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from api.http.tables import Column, ColumnKind, Row, Table, known_day
from middleware.headers import PARQUET

if TYPE_CHECKING:
    import polars as pl

FACTS = "mlrf"
"""Key in a Parquet file's metadata of the facts beside its rows, as JSON."""


def frame_of(columns: Sequence[Column], rows: Sequence[Row]) -> pl.DataFrame:
    """Return rows in typed columns."""
    import polars as pl  # see the module's docstring

    types = {
        ColumnKind.INTEGER: pl.Int64,
        ColumnKind.NUMBER: pl.Float64,
        ColumnKind.TEXT: pl.String,
        ColumnKind.DAY: pl.Date,
        ColumnKind.BOOLEAN: pl.Boolean,
    }
    by_column: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pl.DataFrame(
        [
            pl.Series(
                column.name,
                list(map(known_day, values)) if column.kind is ColumnKind.DAY else values,
                dtype=types[column.kind],
                strict=True,
            )
            for column, values in zip(columns, by_column, strict=True)
        ]
    )


def write_table(media_type: str, table: Table) -> bytes:
    """Return a table as a file of the media type."""
    frame = frame_of(table.columns, table.rows)
    if media_type == PARQUET:
        return write_parquet([frame], table.facts)
    return write_arrow_part(frame, first=True) + ARROW_END


def write_parquet(frames: Sequence[pl.DataFrame], facts: Mapping[str, Any]) -> bytes:
    """Return frames of the same columns, one after the other, as a Parquet file."""
    import polars as pl  # see the module's docstring

    file = io.BytesIO()
    metadata = {FACTS: orjson.dumps(facts).decode()}
    pl.concat(frames, rechunk=False).write_parquet(file, metadata=metadata)
    return file.getvalue()


ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""Mark of the end of an Arrow stream."""


def write_arrow_part(frame: pl.DataFrame, *, first: bool) -> bytes:
    """Return a frame as a part of an Arrow stream, of which the first has the schema.

    Parts one after the other and `ARROW_END` are a stream. They are not compressed within, and
    texts have the older layout: some readers know no other.
    """
    import polars as pl  # see the module's docstring

    file = io.BytesIO()
    frame.write_ipc_stream(file, compat_level=pl.CompatLevel.oldest())
    messages = file.getvalue().removesuffix(ARROW_END)
    # A stream is a list of messages (Arrow Columnar Format, "Encapsulated message format"), each
    # with a mark of 4 bytes, the length of its description in 4 bytes, the description and the
    # data. The first is the schema, which has no data.
    length_of_schema = 8 + int.from_bytes(messages[4:8], "little")
    return messages if first else messages[length_of_schema:]
