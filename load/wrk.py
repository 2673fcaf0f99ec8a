"""Requests to a server and their measurement by wrk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from load.server import NotReadyError

CONNECTIONS = 100
ROWS = 100
"""Number of rows of a large request, and of series of a batch."""
BODIES = 200
"""Number of different bodies of a request, at most."""
ONE, MANY = "one forecast a request", f"{ROWS} rows a request"
_TIMEOUT_SECONDS = 10
"""An answer that takes longer counts as failed; wrk's 2 s only mean a busy machine."""


class ToolMissingError(RuntimeError):
    """A missing tool: wrk is not installed."""


@dataclass(frozen=True)
class Contender:
    """One kind of request to one server.

    Attributes:
        work: contenders of the same work are compared.
        bodies: JSON request bodies without line breaks, sent in turn.
    """

    name: str
    work: str
    url: str
    path: str
    bodies: tuple[bytes, ...]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrkResult:
    """A measurement by wrk: requests a second, latencies in milliseconds, failures."""

    rate: float
    p50: float
    p95: float
    p99: float
    failed: int


def require_wrk() -> None:
    """Refuse to begin without wrk.

    Raises:
        ToolMissingError: it is not installed.
    """
    if shutil.which("wrk") is None:
        raise ToolMissingError("wrk is not installed; `apt-get install wrk` brings it.")


def tensor_body(rows: Sequence[Sequence[float]]) -> bytes:
    """Return the body of an Open Inference Protocol request."""
    data = [value for row in rows for value in row]
    shape = [len(rows), len(rows[0])]
    return orjson.dumps(
        {"inputs": [{"name": "rows", "datatype": "FP32", "shape": shape, "data": data}]}
    )


def check_contender(contender: Contender) -> None:
    """Send the first request of a contender.

    Raises:
        NotReadyError: it is not answered with 200.
    """
    headers = dict(header.split(": ", 1) for header in contender.headers)
    response = httpx.post(
        contender.url + contender.path,
        content=contender.bodies[0],
        headers={"Content-Type": "application/json", **headers},
        timeout=60,
        trust_env=False,
    )
    if response.status_code != 200:
        raise NotReadyError(f"{contender.name}: {response.status_code} {response.text[:500]}")


def run_wrk(contender: Contender, folder: Path, seconds: int) -> WrkResult:
    """Measure a contender with wrk for so many seconds."""
    bodies = folder / "bodies"
    bodies.write_bytes(b"\n".join(contender.bodies))
    script = Path(__file__).with_suffix(".lua")
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
    command += ["--timeout", f"{_TIMEOUT_SECONDS}s"]
    command += [contender.url, "--", contender.path, str(bodies), *contender.headers]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    summary: dict[str, Any] = orjson.loads(output.splitlines()[-1])
    rate = summary["requests"] / summary["seconds"]
    return WrkResult(rate, summary["p50"], summary["p95"], summary["p99"], summary["failed"])
