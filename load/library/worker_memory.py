"""Memory of the workers of a real server: when ready, after plain calls, after heavy ones.

Plain calls are answered from the stored forecasts. What-ifs and forecasts from past origins run the
model: what they leave behind in a worker is what this benchmark is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import httpx

from app.vitals import proportional_memory
from features.data.snapshot import Snapshot
from load.library.memory import MIB
from load.library.subject import Advance, Subject
from load.record import Table
from load.server import Server, start_server

WORKERS = 2
PLAIN, HEAVY = 300, 60
"""Plain calls; and what-ifs, and forecasts from past origins, of each as many."""

SETTLING_SECONDS = 8.0
"""Time between the last call and the measurement, in which a worker's background tasks run."""

READY = "ready"
AFTER_PLAIN = f"after {PLAIN} plain calls"
AFTER_HEAVY = f"after {HEAVY} what-ifs and {HEAVY} past origins"
STATES = (READY, AFTER_PLAIN, AFTER_HEAVY)
_MOST_DAYS_BACK = 300

Call = tuple[str, dict[str, Any]]
"""Path and body of a POST."""


def table(subject: Subject, advance: Advance, *, heavy: int = HEAVY) -> Table:
    """Return the memory of each worker in `STATES`.

    Args:
        heavy: as `HEAVY`; fewer for a test.
    """
    snapshot, draw = subject.engine.snapshot, Random(0)  # nosec B311
    with TemporaryDirectory(prefix="mlrf-load-") as scratch:
        settings = {"AUTH_MODE": "disabled", "WORKERS": str(WORKERS)}
        with start_server(Path(scratch), subject.store.root.resolve(), **settings) as server:
            server.wait_for("/readyz")
            rows = [_row(READY, server)]
            _send(server, _plain_calls(snapshot, draw))
            rows.append(_row(AFTER_PLAIN, server))
            advance("memory: plain calls")
            _send(server, _whatifs(snapshot, draw, heavy))
            _send(server, _past_origins(snapshot, draw, heavy))
            rows.append(_row(AFTER_HEAVY, server))
            advance("memory: what-ifs and past origins")
    return Table(
        id="workers",
        caption=f"Memory of the {WORKERS} workers of a server. PSS counts a page that processes "
        f"share by halves, thirds and so on, RSS counts it in each. {subject.size}.",
        columns=("when", "PSS MiB, largest", "PSS MiB, least", "RSS MiB, largest"),
        rows=tuple(rows),
    )


def _row(state: str, server: Server) -> tuple[str, float, float, float]:
    sleep(SETTLING_SECONDS)
    workers = server.workers()
    shares = [proportional_memory(worker.pid) or 0 for worker in workers]
    resident = [worker.memory_info().rss for worker in workers]
    return state, max(shares) / MIB, min(shares) / MIB, max(resident) / MIB


def _send(server: Server, calls: Iterator[Call]) -> None:
    """Send calls one after the other, each over a new connection, which any worker may accept."""
    for path, body in calls:
        httpx.post(server.url + path, json=body, timeout=60, trust_env=False).raise_for_status()


def _nodes(snapshot: Snapshot, draw: Random, number: int) -> Iterator[str]:
    """Yield ids of nodes: of six, four of the bottom, one of a level between, and one of any."""
    ids = [node.id for node in snapshot.hierarchy.nodes]
    upper = snapshot.hierarchy.n_upper
    for turn in range(number):
        pool = ids[upper:] if turn % 6 < 4 else ids[1:upper] if turn % 6 == 4 else ids
        yield draw.choice(pool or ids)


def _plain_calls(snapshot: Snapshot, draw: Random) -> Iterator[Call]:
    for node in _nodes(snapshot, draw, PLAIN):
        yield "/forecast", {"node": node, "horizon": snapshot.horizon}


def _whatifs(snapshot: Snapshot, draw: Random, number: int) -> Iterator[Call]:
    covariates = [each.name for each in snapshot.specification.known_ahead if each.kind.adds_up]
    for node in _nodes(snapshot, draw, number if covariates else 0):
        value = draw.randrange(5)
        adjustments = {covariates[0]: {"op": "set", "value": value}}
        body = {"node": node, "horizon": snapshot.horizon, "adjustments": adjustments}
        yield "/whatif", body


def _past_origins(snapshot: Snapshot, draw: Random, number: int) -> Iterator[Call]:
    for node in _nodes(snapshot, draw, number):
        back = draw.randrange(1, _MOST_DAYS_BACK) * snapshot.step.days
        day = snapshot.facts.origin - timedelta(days=back)
        yield "/forecast", {"node": node, "date": day.isoformat(), "horizon": snapshot.horizon}
