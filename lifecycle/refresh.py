"""The process of a reload: tables → snapshot → forecasts → ``CURRENT``.

All or nothing: ``CURRENT`` changes only at the end. `lifecycle.runner` starts it. It needs the
table library, which serving processes must not load: none of them imports this module.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

from config.outliers import OutlierPolicy
from errors import InputError
from features.data.build import build_snapshot
from features.data.findings import OnReport
from features.data.parts.memory import Memory
from features.data.parts.runner import HERE, PartRunner
from features.data.screening.treatment import Screening
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.table_report import recorded_layout
from features.data.tables import read_tables
from features.state import check_days
from lifecycle.job_task import Task, run_task
from lifecycle.jobs import Document
from lifecycle.retention import prune
from lifecycle.screening import list_new, screening_of
from models.base_forecasts import Progress, ScoreParts
from models.bundle import read_specification
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store

READING = "reading the tables"
BUILDING = "building the snapshot"
FORECASTING = "forecasting all nodes"
PHASES = (READING, BUILDING, FORECASTING)


class RefusedError(InputError):
    """Data that can be read but must not be served."""


def refresh(
    store: Store,
    folder: Path,
    *,
    force: bool = False,
    screening: Screening | None = None,
    memory: Memory | None = None,
    enter: Callable[[str], object] = lambda phase: None,
    advance: Progress = lambda done, total: None,
    on_report: OnReport = lambda report: None,
    score_parts: ScoreParts | None = None,
    runner: PartRunner = HERE,
) -> tuple[Release, Release]:
    """Build and serve a snapshot of a folder of tables with the serving bundle.

    Args:
        force: serve it even if its last day is before the serving snapshot's.
        screening: of the newest days; by default, outliers are reported.
        memory: that reading and building may take; tables that need more are read in parts.
        enter: called with each phase as it begins.
        advance: called with what is done of a phase, and the whole of it, where there are parts.
        on_report: called with the report of the check of the tables, unless it has an error.
        score_parts: what forecasts the parts of the series, if not this process.
        runner: what reads and builds the parts of the tables.

    Returns:
        The previous release and the new serving release.

    Raises:
        InputError: a table is wrong, or the data must not be served.
        ArtifactError: there is no bundle, or it does not fit the data.
    """
    serving = store.current()  # fails before the tables are read if there is none
    specification = read_specification(store.bundles / serving.bundle)
    enter(READING)
    layout = recorded_layout(store.snapshots / serving.snapshot)
    screening = screening or screening_of(store, OutlierPolicy.WARN)
    tables = read_tables(
        folder, layout, specification, screening, memory=memory, progress=advance, runner=runner
    )
    on_report(tables.report)
    enter(BUILDING)
    artifact = build_snapshot(tables, store.snapshots, progress=advance)
    del tables  # not used below, and forecasting takes memory too
    snapshot = load_snapshot(artifact.path)
    check_days(snapshot)
    enter(FORECASTING)
    return _promote_snapshot(
        store, snapshot, force=force, progress=advance, score_parts=score_parts
    )


def _promote_snapshot(
    store: Store,
    snapshot: Snapshot,
    *,
    force: bool,
    progress: Progress,
    score_parts: ScoreParts | None,
) -> tuple[Release, Release]:
    """Point ``CURRENT`` to a snapshot once its forecasts exist for the serving bundle."""
    while True:
        before = store.current()
        serving = _parse_origin(before.snapshot)
        if not force and serving is not None and snapshot.facts.origin < serving:
            raise RefusedError(
                f"The last day of sales is {snapshot.facts.origin}, and data up to {serving} are "
                "being served; going back must be asked for (force)."
            )
        release = replace(before, snapshot=snapshot.name)
        load_release(store, release, progress=progress, score_parts=score_parts)
        if not any(store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*")):
            raise ArtifactError(store.forecasts, "cannot be written: is the volume full?")
        if store.current() == before:  # else a training or a rollback intervened: repeat
            store.promote(release)
            return before, release


def _parse_origin(snapshot: str) -> date | None:
    """Return the newest origin from a snapshot's name, which works for a damaged one too."""
    try:
        return date.fromisoformat(snapshot[:10])
    except ValueError:
        return None


def reload(task: Task) -> Document:
    """Do the work of a reload, and return the names of the releases."""
    store = task.order.store
    screening = screening_of(store, task.order.outliers)
    before, release = refresh(
        store,
        task.order.data / str(task.order.request["source"]),
        force=bool(task.order.request["force"]),
        screening=screening,
        enter=lambda phase: task.enter(phase, step=PHASES.index(phase) + 1, steps=len(PHASES)),
        advance=task.advance,
        memory=task.order.memory,
        on_report=task.log_warnings,
    )
    with suppress(OSError, ArtifactError):
        prune(store)
    return {
        "previous_snapshot": before.snapshot,
        "bundle": release.bundle,
        "snapshot": release.snapshot,
        "outliers": list_new(store, release.snapshot, screening),
    }


if __name__ == "__main__":
    run_task(reload)
