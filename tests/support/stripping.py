"""Proxies in an application: one removes a path prefix, one passes on to a server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import httpx
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.support.waiting import wait_until


def below(prefix: str, app: ASGIApp) -> ASGIApp:
    """Return an application that passes on what is below a prefix, without the prefix."""

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        path, raw = scope["path"], scope["raw_path"]
        if not path.startswith(f"{prefix}/"):
            await PlainTextResponse("outside of the prefix", 404)(scope, receive, send)
            return
        inside = {"path": path.removeprefix(prefix), "raw_path": raw[len(prefix) :]}
        await app({**scope, **inside}, receive, send)

    return proxy


def passing_on(url: str) -> ASGIApp:
    """Return an application that answers as the server at an address does."""
    of_connection = ("content-encoding", "content-length", "transfer-encoding", "connection")

    async def proxy(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        target = httpx.URL(url, raw_path=scope["raw_path"] + b"?" + scope["query_string"])
        headers = {**request.headers, "accept-encoding": "identity"}
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.request(
                request.method, target, headers=headers, content=await request.body()
            )
        headers_to_pass = {k: v for k, v in answer.headers.items() if k not in of_connection}
        await Response(answer.content, answer.status_code, headers_to_pass)(scope, receive, send)

    return proxy


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an application from a thread of this process; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            wait_until(lambda: server.started)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
