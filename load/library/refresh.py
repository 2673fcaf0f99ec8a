"""A data refresh, from tables to stored forecasts: seconds by phase, and peak memory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from load.library import refresh_run
from load.library.memory import MIB
from load.library.processes import run_module
from load.library.refresh_run import PHASES
from load.library.subject import Advance, Subject
from load.record import Table
from storage.artifacts import Store


def table(subject: Subject, advance: Advance, *, rounds: int = 3) -> Table:
    """Return the seconds of each phase of `lifecycle.refresh`, run as a server does."""
    runs = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="mlrf-load-") as scratch:
            store = store_without_forecasts(subject.store, Path(scratch))
            run = run_module(refresh_run.__name__, str(store.root), str(subject.data.resolve()))
        runs.append(run)
        advance("refresh")
    seconds: list[Mapping[str, float]] = [run["seconds"] for run in runs]
    totals = [sum(one.values()) for one in seconds]
    whole = median(totals)
    rows = [
        (phase, median(times), min(times), max(times), median(times) / whole)
        for phase in PHASES
        if (times := [one.get(phase, 0.0) for one in seconds])
    ]
    memory = median(run["peak"] for run in runs) / MIB
    return Table(
        id="refresh",
        caption=f"A refresh of all nodes and 90 days by phase, one thread, medians of {rounds} "
        f"processes; at most {memory:,.0f} MiB resident. {subject.size}.",
        columns=("phase", "s", "least s", "most s", "share"),
        rows=(*rows, ("all", whole, min(totals), max(totals), 1.0)),
    )


def store_without_forecasts(store: Store, folder: Path) -> Store:
    """Copy the serving bundle into an empty store, so that the refresh computes everything."""
    own, release = Store(folder / "artifacts"), store.current()
    shutil.copytree(store.bundles / release.bundle, own.bundles / release.bundle)
    shutil.copyfile(store.pointer, own.pointer)
    return own
