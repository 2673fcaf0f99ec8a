"""Responses that are files on a disk, whole or in part (RFC 9110 section 14)."""

from __future__ import annotations

from pathlib import Path

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from api.http.responses import REVALIDATE, etag_matches
from errors import Code, Problem

SEND_SECONDS = 30.0
"""Time in which a client must take a part of 64 KiB: it may be slow, but cannot stall."""


class Download(FileResponse):
    """A file that never changes, sent part by part; with ranges, so that it can be resumed.

    Raises:
        Problem: RANGE_NOT_SATISFIABLE; TIMEOUT, after which the connection is closed.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (400, 416):
                size = self.headers["content-length"]
                raise Problem(
                    Code.RANGE_NOT_SATISFIABLE,
                    f"The file has {size} bytes; a range is such as bytes=0-99.",
                    headers={"Content-Range": f"bytes */{size}"},
                )
            with anyio.move_on_after(SEND_SECONDS) as limit:
                await send(message)
            if limit.cancelled_caught:
                raise Problem(
                    Code.TIMEOUT, f"The client took nothing of the file for {SEND_SECONDS:g} s."
                )

        await super().__call__(scope, receive, send_in_time)


def download_response(
    request: Request, path: Path, *, filename: str, media_type: str, etag: str
) -> Response:
    """Return a file to be stored by the client, or 304 if it has it.

    Args:
        etag: strong entity tag of its content.

    Raises:
        OSError: there is no such file.
    """
    headers = {"etag": etag, "cache-control": REVALIDATE}
    if etag_matches(request, etag):
        return Response(status_code=304, headers=headers)
    return Download(
        path, headers=headers, media_type=media_type, filename=filename, stat_result=path.stat()
    )
