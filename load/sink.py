"""A server that takes every OTLP export and keeps nothing: ``python -m load.sink PORT``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import Receive, Scope, Send

from config.paths import ROOT
from load.server import end, free_port


async def sink(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body of a request, and answer with 200 and an empty one."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body", False):
        pass
    headers = [(b"content-type", b"application/x-protobuf"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def running_sink() -> Iterator[str]:
    """Yield the address of a sink in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "load.sink", str(port)], cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def trace_settings(endpoint: str, share: float) -> dict[str, str]:
    """Return the settings of a server that exports the traces of a share of its requests."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": f"{share:g}",
    }


if __name__ == "__main__":
    uvicorn.run(sink, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", lifespan="off")
