"""A refresh and its servers at up to ten million series, from what they cost at a few thousand.

What a refresh costs on one core and what a server takes is measured at two sizes; a simulation of
machines with a shared volume, some of which are lost, says how long the refresh of larger retailers
takes (`load.library.cluster_simulation`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from features.data.snapshot_files import KIND as SNAPSHOT
from load.library import scale_run, startup
from load.library.cluster_simulation import Cluster, Phase, simulate
from load.library.large_tables import multiply_tables
from load.library.memory import MIB
from load.library.processes import run_module
from load.library.refresh import store_without_forecasts
from load.library.scale_run import BUILD, COMMAND, DIVIDED, SCORE, WORKER
from load.library.subject import Advance, Subject
from load.record import Cell, Table
from models.bundle import size_of
from models.serving.forecast_store import KIND as FORECASTS
from models.serving.forecast_store import find_forecasts
from models.serving.release import load_engine
from storage.artifacts import Store, verify

TIMES = (4, 16)
"""Sizes that are measured, in multiples of the stores; costs are those of the larger one."""
DAYS = 1_826
SERIES = (28_512, 285_120, 1_000_000, 10_000_000)
WORKERS = (2, 16, 128)
_PART_SERIES = 2_000
_VOLUME = 500e6
"""Bytes a second of the shared volume."""
_HOUR = 3600.0


@dataclass(frozen=True)
class Measured:
    """Figures of a refresh, and of a server of the release, of one size.

    Attributes:
        build, score: seconds of the refresh in one process.
        command, worker: processor seconds of building where a worker of a cluster builds the
            parts: those of the command, and those of the worker.
        verify: seconds in which a server reads the release's files against their digests.
        ready: seconds until a server is ready.
        memory: of a worker alone, bytes: without the pages of files, which workers share.
        tables, snapshot, forecasts: bytes on disk.
        peak: largest memory of the refresh, bytes.
    """

    series: int
    build: float
    score: float
    command: float
    worker: float
    verify: float
    ready: float
    memory: int
    tables: int
    snapshot: int
    forecasts: int
    peak: int


def tables(
    subject: Subject,
    advance: Advance,
    *,
    times: tuple[int, int] = TIMES,
    days: int = DAYS,
    series: tuple[int, ...] = SERIES,
    workers: tuple[int, ...] = WORKERS,
) -> list[Table]:
    """Return what was measured, and what follows for larger retailers."""
    small, large = (_measure(subject, each, days, advance) for each in times)
    return [_table_of_measures(small, large, days), _table_of_sizes(small, large, series, workers)]


def _measure(subject: Subject, times: int, days: int, advance: Advance) -> Measured:
    with TemporaryDirectory(prefix="mlrf-load-") as scratch:
        folder = Path(scratch)
        data = multiply_tables(subject.data, folder / "tables", times=times, days=days)
        store = store_without_forecasts(subject.store, folder)
        run = run_module(scale_run.__name__, str(store.root), str(data.resolve()))
        advance(f"scale: refresh of {times} times the stores")
        release = store.current()
        snapshot, forecasts = store.snapshots / release.snapshot, find_forecasts(store, release)
        assert forecasts is not None, "a refresh stores them"
        divided = run_module(scale_run.__name__, str(store.root), str(data.resolve()), DIVIDED)
        advance(f"scale: building of {times} times the stores on a worker")
        began = perf_counter()
        verify(snapshot, kind=SNAPSHOT)
        verify(forecasts, kind=FORECASTS)
        verified = perf_counter()
        ready, memory = _start(store)
        advance(f"scale: start with {times} times the stores")
        return Measured(
            series=load_engine(store, release).snapshot.hierarchy.n_bottom,
            build=run["seconds"][BUILD],
            score=run["seconds"][SCORE],
            command=divided[COMMAND],
            worker=divided[WORKER],
            verify=verified - began,
            ready=ready,
            memory=memory,
            tables=size_of(data),
            snapshot=size_of(snapshot),
            forecasts=size_of(forecasts),
            peak=run["peak"],
        )


def _start(store: Store) -> tuple[float, int]:
    """Return the seconds until a server is ready, and the memory of its largest worker."""
    with startup.ready_server(store) as (server, seconds):
        memory = max(worker.memory_full_info().uss for worker in server.workers())
    return seconds[startup.READY], memory


def _table_of_measures(small: Measured, large: Measured, days: int) -> Table:
    return Table(
        id="scale-measured",
        caption="A refresh in one process and one thread; the processor seconds of building on a "
        "cluster, in the command and in its one worker; and a server with "
        f"{startup.WORKERS} workers; {days:,} days of sales.",
        columns=(
            *("series", "build s", "score s", "command s", "worker s"),
            *("peak MiB", "tables MiB", "snapshot MiB"),
            *("forecasts MiB", "verify s", "ready s", "worker MiB"),
        ),
        rows=tuple(
            (
                *(f"{each.series:,}", each.build, each.score, each.command, each.worker),
                *(each.peak / MIB, each.tables / MIB),
                *(each.snapshot / MIB, each.forecasts / MIB),
                *(each.verify, each.ready, each.memory / MIB),
            )
            for each in (small, large)
        ),
    )


def _table_of_sizes(
    small: Measured, large: Measured, series: tuple[int, ...], workers: tuple[int, ...]
) -> Table:
    return Table(
        id="scale",
        caption="Larger retailers, by simulation: a refresh on workers of one core that share a "
        f"volume of {_VOLUME / 1e6:,.0f} MB/s, one loss of a worker in 100 hours, parts of "
        f"{_PART_SERIES:,} series; and a server of the release, by the growth between the sizes "
        "that were measured. Alone is building in one process; command is the part of building "
        "that the command does itself. Per million is the workers' time for a million series.",
        columns=(
            *("series", "workers", "alone h", "build h", "command h", "score h", "parts lost"),
            *("workers busy", "volume busy", "worker hours per million"),
            *("release GiB", "ready s", "worker MiB"),
        ),
        rows=tuple(row for size in series for row in _rows_of_size(small, large, size, workers)),
    )


def _rows_of_size(
    small: Measured, large: Measured, series: int, workers: tuple[int, ...]
) -> Iterator[tuple[Cell, ...]]:
    factor, parts = series / large.series, math.ceil(series / _PART_SERIES)
    undivided, build, score = phases_of(large, series)
    in_one = simulate(undivided, Cluster(1, _VOLUME, losses=0), parts)
    for count in workers:
        cluster = Cluster(count, _VOLUME)
        built, scored = (simulate(phase, cluster, parts) for phase in (build, score))
        seconds = built.seconds + scored.seconds
        yield (
            *(f"{series:,}", count, in_one.seconds / _HOUR),
            *(built.seconds / _HOUR, built.afterwards / _HOUR, scored.seconds / _HOUR),
            *(built.lost + scored.lost, scored.busy, scored.transferring),
            seconds * count / _HOUR / series * 1e6,
            factor * (large.snapshot + large.forecasts) / 2**30,
            *(_grow(small, large, "ready", series), _grow(small, large, "memory", series) / MIB),
        )


def phases_of(measured: Measured, series: int) -> tuple[Phase, Phase, Phase]:
    """Return building in one process, building on workers, and scoring, of so many series.

    The command passes over the tables, copies what workers built into the snapshot, and reads it
    for its digests. It makes the forecasts coherent too, and writes them: they are small.
    """
    factor = series / measured.series
    tables, snapshot, forecasts = (
        factor * size for size in (measured.tables, measured.snapshot, measured.forecasts)
    )
    hashing = factor * measured.verify
    share = measured.snapshot / (measured.snapshot + measured.forecasts)
    return (
        Phase(
            BUILD,
            seconds=factor * measured.build,
            read=tables,
            written=snapshot,
            afterwards=snapshot / _VOLUME + hashing * share,
        ),
        Phase(
            BUILD,
            seconds=factor * measured.worker,
            read=2 * tables,  # checked, then built
            written=snapshot,
            afterwards=factor * measured.command + (2 * tables + 3 * snapshot) / _VOLUME,
        ),
        Phase(
            SCORE,
            seconds=factor * measured.score,
            read=snapshot,
            written=forecasts,
            afterwards=2 * forecasts / _VOLUME + hashing * (1 - share),
        ),
    )


def _grow(small: Measured, large: Measured, name: str, series: int) -> float:
    """Return a figure of a server of so many series, on the line through the measured ones."""
    low, high = float(getattr(small, name)), float(getattr(large, name))
    slope = max(high - low, 0) / (large.series - small.series)  # of tiny sizes it is noise
    return high + slope * (series - large.series)
