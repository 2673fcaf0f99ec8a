"""What each layer adds to one kept answer, in a process of its own: ``python -m
load.library.layers_run <artifacts> <folder>`` prints microseconds by layer as JSON.

The application is the one that serves. It is called without a server around it, at each of its
layers in turn, with the state that the layers outside have left; what a layer adds is its time
less that of the next one inside. Its log goes to standard error, which nobody reads.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from load.serving import made_keys
from tiers import UNLIMITED

OPERATIONS, ROUNDS = 2_000, 7
PATH = "/predict/simple"
INSIDE = ("app", "_inside")
"""Where a layer holds the next one."""
ANSWER = "routing and the kept answer"


def main(artifacts: Path, folder: Path) -> None:
    database = f"sqlite:///{folder}/mlrf.db"
    key = made_keys(database)[UNLIMITED]
    os.environ["ARTIFACTS_DIR"] = str(artifacts)
    os.environ["DATABASE_URL"] = database
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    import uvloop

    import service
    from application import Application

    served: Any = service.MLRF.inner()  # type: ignore[attr-defined]  # BentoML's, without types
    application = Application(service.settings, service.watcher, lambda: served, _behind)
    hierarchy = served.forecaster().release.engine.snapshot.hierarchy
    asked = {
        "store_nbr": int(hierarchy.bottoms["store_nbr"][0]),
        "family": hierarchy.bottoms["family"][0],
        "horizon": 15,
    }
    told = uvloop.run(_measured(application, json.dumps(asked).encode(), key))
    print(json.dumps(told))


async def _measured(application: Any, body: bytes, key: str) -> dict[str, float]:
    layers = list(_layers(application._app))
    state: dict[str, Any] = {}
    status = await _call(application, body, key, state)
    assert status == 200, f"{PATH} answers {status}"
    for name in ("rate_verdict", "policy", "sent", "extra_units"):
        state.pop(name, None)
    least = [float("inf")] * len(layers)
    for _ in range(ROUNDS):
        for place, (_, layer) in enumerate(layers):
            began = process_time()
            for _ in range(OPERATIONS):
                await _call(layer, body, key, dict(state) if place else {})
            least[place] = min(least[place], (process_time() - began) / OPERATIONS)
    empty = await _harness(body, key, state)
    inside = [*least[1:], empty]
    names = [name for name, _ in layers[:-1]] + [ANSWER]
    return {
        name: 1e6 * (whole - rest) for name, whole, rest in zip(names, least, inside, strict=True)
    }


def _layers(outermost: Any) -> Iterator[tuple[str, ASGIApp]]:
    layer = outermost
    while layer is not None:
        yield type(layer).__name__.removesuffix("Middleware"), layer
        layer = next((vars(layer)[name] for name in INSIDE if name in vars(layer)), None)


async def _call(app: ASGIApp, body: bytes, key: str, state: dict[str, Any]) -> int:
    """The status of one answer; what the layers leave is in `state`."""
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
        "state": state,
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


async def _harness(body: bytes, key: str, state: dict[str, Any]) -> float:
    """Seconds that a call costs with nothing in it."""

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    least = float("inf")
    for _ in range(ROUNDS):
        began = process_time()
        for _ in range(OPERATIONS):
            await _call(nothing, body, key, dict(state))
        least = min(least, (process_time() - began) / OPERATIONS)
    return least


async def _behind(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("nothing is passed on")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
