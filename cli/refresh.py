"""Command that serves newer tables with the model that serves already: mlrf refresh."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import inputs
from cli.engines import EngineName, Scheduler, ScoringEngine, Workers, open_parts
from cli.layout import show_warnings
from cli.output import AsJson, print_json
from cli.progress import Phases, err
from cli.tables import reads_tables
from config.settings import get_settings
from storage.artifacts import ArtifactError

if TYPE_CHECKING:
    from storage.artifacts import Store

_LOCK_SECONDS = 10


class BusyError(Exception):
    """Another process is doing the same for this store; it may be tried again later."""


@reads_tables
def refresh(
    data: Path,
    force: Annotated[
        bool,
        typer.Option("--force", help="Serve them though their last day is before what is served."),
    ] = False,
    engine: ScoringEngine = EngineName.LOCAL,
    scheduler: Scheduler = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Serve newer tables with the present model, without training.

    They are read as the tables were written that the model serves now. What is served changes
    last, at once, and not at all if anything is wrong.
    """
    from features.data.parts.memory import Memory
    from features.data.snapshot_files import read_facts
    from lifecycle.job_ends import noting_end
    from lifecycle.jobs import JobKind
    from lifecycle.refresh import PHASES
    from lifecycle.refresh import refresh as run
    from lifecycle.retention import prune
    from lifecycle.screening import screening_of

    store = inputs.writable_store()
    phases = Phases(PHASES)
    with (
        open_parts(engine, scheduler, store, workers) as parts,
        _building(store, timeout=_LOCK_SECONDS),
        noting_end(store, JobKind.RELOAD),
    ):
        before, after = run(
            store,
            data,
            force=force,
            screening=screening_of(store, get_settings().outliers),
            memory=Memory.of_setting(get_settings().memory_mib),
            enter=phases.enter,
            advance=phases.advance,
            on_report=show_warnings,
            score_parts=parts.score_parts,
            runner=parts.runner,
        )
        with suppress(OSError, ArtifactError):  # a later refresh removes them
            prune(store)
    newest = read_facts(store.snapshots / after.snapshot).origin
    if as_json:
        print_json({"before": before.names, "after": after.names, "newest": str(newest)})
        return
    err.print(
        f"Snapshot {after.snapshot} with sales up to {newest} is served from now on, by bundle "
        f"{after.bundle}."
        if after != before
        else f"Snapshot {after.snapshot} with sales up to {newest} is served already.",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def _building(store: Store, *, timeout: float) -> Iterator[None]:
    """Hold the lock of all processes that build a snapshot to be served.

    Raises:
        BusyError: another one builds.
    """
    from filelock import Timeout

    from lifecycle.jobs import build_lock, jobs_folder

    jobs_folder(store).mkdir(parents=True, exist_ok=True)
    lock = build_lock(store, timeout=timeout)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"another refresh or reload of {store.root} is running; try again when it has ended"
        ) from None
    try:
        yield
    finally:
        lock.release()
