"""Start-up time: its phases within one process, and a real server seen from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from load.library import startup_run
from load.library.processes import run_module
from load.library.startup_run import PHASES
from load.library.subject import Advance, Subject
from load.record import Table
from load.server import Server, start_server
from storage.artifacts import Store

LIVE, READY, ANSWER = "spawned to alive", "spawned to ready", "first forecast, from then"
PROCESSOR = "processor time of all processes until ready"
WORKERS = 2


def tables(subject: Subject, advance: Advance, *, rounds: int = 3) -> list[Table]:
    """Return the phases of a start in one process, and of a real server with its workers."""
    parts = []
    servers = []
    for number in range(rounds + 1):  # the first round warms the file system's cache
        part = run_module(startup_run.__name__, str(subject.store.root.resolve()))
        advance("start-up: phases")
        server = time_start(subject.store)
        advance("start-up: server")
        if number:
            parts.append(part)
            servers.append(server)
    return [
        _table(
            "phases",
            "Parts of a start in one process, without a server around it",
            PHASES,
            parts,
            subject,
        ),
        _table(
            "start",
            f"A server with {WORKERS} workers, probed every 50 ms",
            (LIVE, READY, ANSWER, PROCESSOR),
            servers,
            subject,
        ),
    ]


def time_start(store: Store) -> dict[str, float]:
    """Return the seconds of the start of a server over some artifacts, seen from outside."""
    with ready_server(store) as (server, seconds):
        processor, ready = server.processor_seconds(), perf_counter()
        server.get("/hierarchy", horizon=30, depth=1).raise_for_status()
        answered = perf_counter()
    return {**seconds, ANSWER: answered - ready, PROCESSOR: processor}


@contextmanager
def ready_server(store: Store) -> Iterator[tuple[Server, dict[str, float]]]:
    """Yield a server over some artifacts, and the seconds until it was alive and ready."""
    with TemporaryDirectory(prefix="mlrf-load-") as scratch:
        began = perf_counter()
        settings = {"AUTH_MODE": "disabled", "WORKERS": str(WORKERS)}
        with start_server(Path(scratch), store.root.resolve(), **settings) as server:
            server.wait_for("/livez")
            alive = perf_counter()
            server.wait_for("/readyz")
            yield server, {LIVE: alive - began, READY: perf_counter() - began}


def _table(
    name: str,
    caption: str,
    phases: tuple[str, ...],
    runs: list[dict[str, float]],
    subject: Subject,
) -> Table:
    every = {phase: [run[phase] for run in runs] for phase in phases}
    return Table(
        id=name,
        caption=f"{caption}; medians of {len(runs)} rounds. {subject.size}.",
        columns=("phase", "s", "least s", "most s"),
        rows=tuple(
            (phase, median(times), min(times), max(times)) for phase, times in every.items()
        ),
    )
