"""Tables as Parquet files and Arrow streams.

The library is imported when the first such answer is made, because it takes 47 MB of a worker's
memory and 0.3 s. All functions are for a thread beside the event loop.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
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

    types = _types()
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


def _types() -> dict[ColumnKind, Any]:
    import polars as pl  # see the module's docstring

    return {
        ColumnKind.INTEGER: pl.Int64,
        ColumnKind.NUMBER: pl.Float64,
        ColumnKind.TEXT: pl.String,
        ColumnKind.DAY: pl.Date,
        ColumnKind.BOOLEAN: pl.Boolean,
    }


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
    pl.concat(frames, rechunk=False).write_parquet(file, metadata=_metadata_of(facts))
    return file.getvalue()


_OS_ERROR = re.compile(r"\(os error (\d+)\)")

ROWS_OF_A_GROUP = 100_000
"""Rows of a row group of a Parquet file that is written part by part."""


def sink_parquet(
    path: Path,
    columns: Sequence[Column],
    parts: Iterable[Sequence[Row]],
    facts: Mapping[str, Any],
) -> None:
    """Write parts of a table into a Parquet file, of which a few are in memory at a time.

    Raises:
        OSError: the file cannot be written.
    """
    from polars.io.plugins import register_io_source

    failures: list[Exception] = []

    def frames(*pushed_down: object) -> Iterator[pl.DataFrame]:
        try:
            for rows in parts:
                yield frame_of(columns, rows)
        except Exception as error:
            failures.append(error)
            raise

    types = _types()
    schema = {column.name: types[column.kind] for column in columns}
    try:
        register_io_source(frames, schema=schema).sink_parquet(
            path, row_group_size=ROWS_OF_A_GROUP, metadata=_metadata_of(facts)
        )
    except Exception as error:
        if failures:  # the library wraps what the parts raise
            raise failures[0] from None
        if (number := _OS_ERROR.search(str(error))) is not None:  # its own error has no errno
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
        raise


def _metadata_of(facts: Mapping[str, Any]) -> dict[str, str]:
    return {FACTS: orjson.dumps(facts).decode()}


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
