"""The cost of tracing: our server without it and with it, in one run on one machine.

    python -m load.tracing

All servers run from beginning to end, and wrk measures them in turn, in rounds, as in
`load.side_by_side`. Their exports go to a server that keeps nothing, on the same machine.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import typer
from rich.progress import track

from load import record
from load.page import markdown
from load.record import Table
from load.server import NotReadyError
from load.serving import Product, serving
from load.side_by_side import ARTIFACTS, Artifacts, Workers, err, our_contenders
from load.sink import running_sink, trace_settings
from load.wrk import (
    CONNECTIONS,
    ONE,
    ToolMissingError,
    WrkResult,
    check_contender,
    require_wrk,
    run_wrk,
)

NAME = "tracing"
OFF = "off"


class Measured(NamedTuple):
    """A measurement: by wrk, and the time of the processor that the workers took a request."""

    wrk: WrkResult
    microseconds: float


def variants(endpoint: str) -> dict[str, dict[str, str]]:
    """Return the servers that are compared: their settings by their names, the first without."""
    metric = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none"}
    return {
        OFF: {},
        "traces, 0 %": trace_settings(endpoint, 0),
        "traces, 10 %": trace_settings(endpoint, 0.1),
        "traces, 100 %": trace_settings(endpoint, 1),
        "http.server.request.duration": metric,
    }


def main(
    rounds: Annotated[int, typer.Option(min=1, help="The median of so many counts.")] = 5,
    seconds: Annotated[int, typer.Option(min=1, help="Of each measurement.")] = 3,
    workers: Workers = 2,
    artifacts: Artifacts = ARTIFACTS,
    only: Annotated[str, typer.Option(help="Calls whose names hold this.")] = "",
    keep: Annotated[
        bool, typer.Option("--record", help="Write the tables into load/results/performance.")
    ] = False,
) -> None:
    """Measure our calls on servers that differ in tracing, and print the ratios."""
    try:
        with running_sink() as endpoint:
            table = measure(artifacts, variants(endpoint), rounds, seconds, workers, only)
    except (NotReadyError, ToolMissingError) as error:
        err.print(f"bench: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    sys.stdout.write(markdown(table))
    if keep:
        record.write(NAME, "make bench-tracing", [table])


def measure(
    artifacts: Path,
    servers: Mapping[str, Mapping[str, Any]],
    rounds: int,
    seconds: int,
    workers: int,
    only: str,
) -> Table:
    """Start the servers, measure all calls for one forecast in rounds, and return the table.

    Raises:
        NotReadyError: a server does not start.
        ToolMissingError: wrk is not installed.
    """
    require_wrk()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlrf-bench-")))
        started = {
            variant: stack.enter_context(serving(artifacts, workers=workers, **settings))
            for variant, settings in servers.items()
        }
        contenders = {
            (contender.name, variant): contender
            for variant, server in started.items()
            for contender in our_contenders(server)
            if contender.work == ONE and only in contender.name
        }
        for contender in contenders.values():
            check_contender(contender)
            run_wrk(contender, folder, 1)
        names = list(dict.fromkeys(name for name, _ in contenders))
        results: dict[tuple[str, str], list[Measured]] = {key: [] for key in contenders}
        turns = list(product(names, range(rounds), servers))
        for name, number, variant in track(turns, "Measuring", console=err):
            # each server follows each other one equally often
            others = list(servers)
            shifted = others[(others.index(variant) + number) % len(others)]
            key = (name, shifted)
            before = _processor_seconds(started[shifted])
            result = run_wrk(contenders[key], folder, seconds)
            used = _processor_seconds(started[shifted]) - before
            requests = result.rate * seconds
            results[key].append(Measured(result, 1e6 * used / requests))
    return _table(results)


def _processor_seconds(server: Product) -> float:
    """Return the time of the processor that the workers of a server have taken so far."""
    times = [worker.cpu_times() for worker in server.workers()]
    return sum(time.user + time.system for time in times)


def _table(results: Mapping[tuple[str, str], Sequence[Measured]]) -> Table:
    """Return the medians over the rounds; ratios are those within a round, to the first server.

    Args:
        results: by call and server.
    """
    calls, servers = (list(dict.fromkeys(names)) for names in zip(*results, strict=True))
    rows = []
    for call, server in product(calls, servers):
        measured = results[call, server]
        pairs = list(zip(measured, results[call, servers[0]], strict=True))
        times = [own.microseconds / base.microseconds for own, base in pairs]
        rows.append(
            (
                call,
                server,
                median(one.wrk.rate for one in measured),
                median(one.wrk.p99 for one in measured),
                sum(one.wrk.failed for one in measured),
                median(own.wrk.rate / base.wrk.rate for own, base in pairs),
                median(one.microseconds for one in measured),
                median(times),
                min(times),
                max(times),
            )
        )
    return Table(
        id="tracing",
        caption=f"One forecast a request, {CONNECTIONS} connections.",
        columns=(
            *("call", "tracing", "requests/s", "p99 ms", "failed", "× off"),
            *("CPU µs a request", "CPU × off", "least", "most"),
        ),
        rows=tuple(rows),
    )


if __name__ == "__main__":
    typer.run(main)
