"""CPU time that each middleware layer adds to one cache hit, measured in a separate process.

``python -m load.library.layers_run <artifacts> <folder>`` prints microseconds by layer as JSON.

The application is the production one, called as an ASGI application without a server. Each layer
is called in turn with the request context that the layers outside it have set; the cost of a layer
is its time minus that of the next layer inside. The access log goes to standard error, which the
caller drops.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from time import process_time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.tiers import UNLIMITED
from load.serving import create_keys
from middleware.context import KEY, RequestContext

OPERATIONS, ROUNDS = 2_000, 7
PATH = "/predict/simple"
INSIDE = ("app", "_inside")
"""Attributes in which a layer stores the next layer inside it."""
ANSWER = "routing and the cached answer"


def main(artifacts: Path, folder: Path) -> None:
    database = f"sqlite:///{folder}/mlrf.db"
    key = create_keys(database)[UNLIMITED]
    os.environ["ARTIFACTS_DIR"] = str(artifacts)
    os.environ["DATABASE_URL"] = database
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    import uvloop

    import service
    from app.application import Application

    served: Any = service.MLRF.inner()  # type: ignore[attr-defined]  # BentoML's, without types
    application = Application(service.settings, service.watcher(), lambda: served, _refuse)
    hierarchy = served.forecaster().release.engine.snapshot.hierarchy
    payload = {
        "store_nbr": int(hierarchy.bottoms["store_nbr"][0]),
        "family": hierarchy.bottoms["family"][0],
        "horizon": 15,
    }
    microseconds = uvloop.run(_measure_layers(application, json.dumps(payload).encode(), key))
    print(json.dumps(microseconds))


async def _measure_layers(application: Any, body: bytes, key: str) -> dict[str, float]:
    # The whole stack answers once, which stores the answer in the cache and leaves in the context
    # what the outer layers set for the inner ones. Each layer can then be called on its own, as if
    # the layers outside it had run. Attributes that inner layers set themselves are reset, so that
    # each starts as in a real request. The minimum, not the median: noise only adds time.
    layers = [("Matching", application), *_layers(application._app)]
    context = RequestContext()
    status = await _call(application, body, key, context)
    assert status == 200, f"{PATH} answers {status}"
    context.verdict = context.body = None
    context.body_arrived = True
    received, first = RequestContext(), RequestContext()
    received.body_arrived = first.body_arrived = True  # a server has a short body by then
    first.match = context.match
    contexts = [received, first, *(len(layers) - 2) * [context]]
    fastest = [float("inf")] * len(layers)
    for _ in range(ROUNDS):
        for place, ((_, layer), before) in enumerate(zip(layers, contexts, strict=True)):
            began = process_time()
            for _ in range(OPERATIONS):
                await _call(layer, body, key, copy(before))
            fastest[place] = min(fastest[place], (process_time() - began) / OPERATIONS)
    empty = await _measure_harness(body, key, context)
    inside = [*fastest[1:], empty]
    names = [name for name, _ in layers[:-1]] + [ANSWER]
    return {
        name: 1e6 * (whole - rest) for name, whole, rest in zip(names, fastest, inside, strict=True)
    }


def _layers(outermost: Any) -> Iterator[tuple[str, ASGIApp]]:
    layer = outermost
    while layer is not None:
        yield getattr(layer, "__name__", type(layer).__name__).removesuffix("Middleware"), layer
        layer = next((vars(layer)[name] for name in INSIDE if name in vars(layer)), None)


async def _call(app: ASGIApp, body: bytes, key: str, context: RequestContext) -> int:
    """Send one request to a layer and return the status; the layers write into its context."""
    message: Message = {"type": "http.request", "body": body, "more_body": False}
    status = 0

    async def receive() -> Message:
        return message

    async def send(sent: Message) -> None:
        nonlocal status
        status = sent.get("status", status)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        KEY: context,
        "client": ("127.0.0.1", 5000),
        "headers": [
            (b"host", b"127.0.0.1:3000"),
            (b"x-api-key", key.encode()),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ],
    }
    await app(scope, receive, send)
    return status


async def _measure_harness(body: bytes, key: str, context: RequestContext) -> float:
    """Return the seconds of one call of an empty application: the cost of measuring itself."""

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    least = float("inf")
    for _ in range(ROUNDS):
        began = process_time()
        for _ in range(OPERATIONS):
            await _call(nothing, body, key, copy(context))
        least = min(least, (process_time() - began) / OPERATIONS)
    return least


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("nothing is passed on")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
