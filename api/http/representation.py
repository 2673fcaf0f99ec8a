"""Forms of an answer: JSON, or a table as CSV, Parquet or Arrow."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from api.http.negotiation import negotiate
from api.http.responses import Raw
from api.http.table_files import write_table
from api.http.tables import TABLE_TYPES, Table, write_csv
from middleware.headers import CSV, JSON, PARQUET
from models.engine import ForecastEngine

VARY = (b"vary", b"Accept")


class Representation(NamedTuple):
    """One form of an answer.

    Attributes:
        media_type: without parameters.
        content_type: the media type as the header has it.
        headers: that the answer has in this form.
    """

    media_type: str
    content_type: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def compressible(self) -> bool:
        """Return whether a content coding makes it smaller: Parquet is compressed within."""
        return self.media_type != PARQUET


ONLY_JSON = Representation(JSON, JSON.encode())
"""Of an operation that has no other form."""

_JSON_BESIDE_TABLES = Representation(JSON, JSON.encode(), (VARY,))


def preferred_form(request: Request, engine: ForecastEngine) -> Representation:
    """Return the form that a request prefers, of an operation that has all of them."""
    media_type = negotiate(request.scope, (JSON, *TABLE_TYPES))
    return representation_of(media_type, engine)


def representation_of(media_type: str, engine: ForecastEngine) -> Representation:
    """Return the form of a media type; a table names the model and the snapshot in headers."""
    if media_type == JSON:
        return _JSON_BESIDE_TABLES
    return _of_table(media_type, engine.bundle.name, engine.snapshot.name)


@lru_cache(maxsize=32)  # one object for each form of a release, however many answers are cached
def _of_table(media_type: str, bundle: str, snapshot: str) -> Representation:
    content_type = f"{CSV}; header=present; charset=utf-8" if media_type == CSV else media_type
    versions = ((b"x-model-version", bundle.encode()), (b"x-snapshot", snapshot.encode()))
    return Representation(media_type, content_type.encode(), (VARY, *versions))


async def encode_table(media_type: str, table: Table) -> bytes:
    """Return a table in a form other than JSON, written beside the event loop."""
    if media_type == CSV:
        write = partial(write_csv, table.columns, table.rows, header=True)
        return (await anyio.to_thread.run_sync(write)).encode()
    return await anyio.to_thread.run_sync(write_table, media_type, table)


class RawResponse(Response):
    """A response with encoded headers; Starlette would encode them for each response."""

    def __init__(self, body: bytes, headers: Raw, *, status: int = 200) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        length = [] if status == 304 else [(b"content-length", b"%d" % len(body))]
        self.raw_headers = [*length, *headers]


def respond(representation: Representation, body: bytes, *more: tuple[bytes, bytes]) -> Response:
    """Return a body as a response in its form."""
    content_type = (b"content-type", representation.content_type)
    return RawResponse(body, [content_type, *representation.headers, *more])
