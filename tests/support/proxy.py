"""A proxy before a real server, which alters answers as a fault of the server would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from load.server import free_port
from tests.support.waiting import wait_until

Alter = Callable[[Request, Any], None]
"""Alters the document of a JSON answer in place, given its request."""


def leave(request: Request, document: Any) -> None:
    """Alter nothing."""


@contextmanager
def altering(url: str, alter: Alter = leave, *, delay: float = 0.0) -> Iterator[str]:
    """Yield the address of a proxy to a server.

    Args:
        delay: seconds before each answer.
    """

    async def forward(request: Request) -> Response:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            answer = await client.request(
                request.method,
                f"{request.url.path}?{request.url.query}",
                content=await request.body(),
                headers={name: value for name, value in request.headers.items() if name != "host"},
            )
        await asyncio.sleep(delay)
        body = answer.content
        if answer.is_success:
            document = answer.json()
            alter(request, document)
            body = json.dumps(document, separators=(",", ":")).encode()
        names = {"content-type", "x-request-id", "x-cache", "x-mlrf-release"}
        headers = {name: value for name, value in answer.headers.items() if name in names}
        return Response(body, answer.status_code, headers)

    app = Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])
    with serving(app) as address:
        yield address


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve an application in a thread, and yield its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    thread = Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
