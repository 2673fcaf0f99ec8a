"""Newer data, from tables to forecasts that are served: by phase, and at its peak of memory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from artifacts import Store
from load.library import refresh_run
from load.library.memory import MIB
from load.library.processes import told
from load.library.refresh_run import PHASES
from load.library.subject import Advance, Subject
from load.record import Table


def table(subject: Subject, advance: Advance, *, rounds: int = 3) -> Table:
    """Seconds of each phase of `models.refresh`, in a process of its own as a server starts it."""
    runs = []
    for _ in range(rounds):
        with TemporaryDirectory(prefix="mlrf-load-") as scratch:
            store = _without_forecasts(subject.store, Path(scratch))
            run = told(refresh_run.__name__, str(store.root), str(subject.data.resolve()))
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


def _without_forecasts(store: Store, folder: Path) -> Store:
    """Artifacts with the bundle that serves and nothing that the refresh would find made."""
    own, release = Store(folder / "artifacts"), store.current()
    shutil.copytree(store.bundles / release.bundle, own.bundles / release.bundle)
    shutil.copyfile(store.pointer, own.pointer)
    return own
