"""A server that takes every OTLP export and keeps nothing: ``python -m load.sink PORT``."""

from __future__ import annotations

import sys

import uvicorn
from starlette.types import Receive, Scope, Send


async def sink(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body of a request, and answer with 200 and an empty one."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-type", b"application/x-protobuf"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(sink, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", lifespan="off")
