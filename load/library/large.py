"""A refresh and a start at sixteen times the stores and five years of sales."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from load.library import refresh_run, startup
from load.library.large_tables import multiply_tables
from load.library.memory import MIB
from load.library.processes import run_module
from load.library.refresh import store_without_forecasts
from load.library.subject import Advance, Subject
from load.record import Table
from models.serving.release import load_engine
from storage.artifacts import Store

TIMES = 16
DAYS = 1_826


def table(subject: Subject, advance: Advance, *, times: int = TIMES, days: int = DAYS) -> Table:
    """Return what a refresh and a start take for a multiple of the subject's retailer.

    The bundle is the subject's: it knows the columns, and a part of the stores.
    """
    with TemporaryDirectory(prefix="mlrf-load-") as scratch:
        folder = Path(scratch)
        tables = multiply_tables(subject.data, folder / "tables", times=times, days=days)
        on_disk = sum(file.stat().st_size for file in tables.iterdir())
        advance("large: tables")
        store = store_without_forecasts(subject.store, folder)
        run = run_module(refresh_run.__name__, str(store.root), str(tables.resolve()))
        advance("large: refresh")
        hierarchy = load_engine(store, store.current()).snapshot.hierarchy
        started = startup.time_start(store)
        advance("large: start")
        rows = [
            *((phase, seconds) for phase, seconds in run["seconds"].items()),
            ("refresh", sum(run["seconds"].values())),
            *started.items(),
        ]
        return Table(
            id="large",
            caption=f"A refresh, in one process, and a start with {startup.WORKERS} workers, of "
            f"{len(hierarchy):,} nodes, of which {hierarchy.n_bottom:,} at the bottom; {days:,} "
            f"days. The tables take {on_disk / MIB:,.0f} MiB, a release "
            f"{_size(store) / MIB:,.0f} MiB; the refresh at most {run['peak'] / MIB:,.0f} MiB "
            "resident.",
            columns=("phase", "s"),
            rows=tuple(rows),
        )


def _size(store: Store) -> int:
    parts = (store.snapshots, store.forecasts)
    return sum(file.stat().st_size for part in parts for file in part.rglob("*") if file.is_file())
