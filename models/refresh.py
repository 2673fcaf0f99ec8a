"""The process that builds: tables → snapshot → forecasts → ``CURRENT``, all or nothing.

Run as ``python -m models.refresh <artifacts> <data> <job>`` by `models.reload`. Needs the table
library, which the processes that serve must not load: none of them imports this module.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

from artifacts import ArtifactError, Release, Store
from errors import InputError
from features.build import build_snapshot
from features.findings import OnReport, Report, Severity
from features.snapshot import Snapshot, load_snapshot
from features.state import check_days
from features.table_report import recorded_layout
from features.tables import read_tables
from models.bundle import read_levels
from models.faults import told
from models.jobs import START_SECONDS, Job, Jobs, State, now
from models.prune import prune
from models.release import load_release

READING = "reading the tables"
BUILDING = "building the snapshot"
FORECASTING = "forecasting all nodes"
_NICENESS = 10


class RefusedError(InputError):
    """The data can be read, and must not be served."""


def refresh(
    store: Store,
    folder: Path,
    *,
    force: bool = False,
    enter: Callable[[str], object] = lambda phase: None,
    on_report: OnReport = lambda report: None,
) -> tuple[Release, Release]:
    """Serve the tables of a folder with the bundle that serves now.

    Args:
        force: also where their last day is before the serving snapshot's.
        enter: called with each phase as it begins.
        on_report: called with what the check of the tables found, unless there is an error.

    Returns:
        The release before and the release that serves from now on.

    Raises:
        InputError: a table is wrong, or the data must not be served.
        ArtifactError: there is no bundle, or it does not fit the data.
    """
    serving = store.current()  # where there is none, the tables need not be read
    levels = read_levels(store.bundles / serving.bundle)
    enter(READING)
    layout = recorded_layout(store.snapshots / serving.snapshot)
    tables = read_tables(folder, layout)
    on_report(tables.report)
    enter(BUILDING)
    artifact = build_snapshot(tables, store.snapshots, levels=levels)
    del tables  # nothing below needs them, and forecasting takes memory too
    snapshot = load_snapshot(artifact.path)
    check_days(snapshot)
    enter(FORECASTING)
    return _promote(store, snapshot, force=force)


def _promote(store: Store, snapshot: Snapshot, *, force: bool) -> tuple[Release, Release]:
    """Serve a snapshot with the bundle that serves when its forecasts are there."""
    while True:
        before = store.current()
        serving = _origin(before.snapshot)
        if not force and serving is not None and snapshot.facts.origin < serving:
            raise RefusedError(
                f"The last day of sales is {snapshot.facts.origin}, and data up to {serving} are "
                "being served; going back must be asked for (force)."
            )
        release = Release(bundle=before.bundle, snapshot=snapshot.name)
        load_release(store, release)
        if not any(store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*")):
            raise ArtifactError(store.forecasts, "cannot be written: is the volume full?")
        if store.current() == before:  # otherwise a training or a rollback came in between
            store.promote(release)
            return before, release


def _origin(snapshot: str) -> date | None:
    """The newest origin that a snapshot's name states: a damaged one can be replaced too."""
    try:
        return date.fromisoformat(snapshot[:10])
    except ValueError:
        return None


def run(store: Store, data: Path, name: str) -> None:
    """Do a job that is queued, and write down what becomes of it.

    Raises:
        Exception: whatever nobody expected, after the job has failed for it.
    """
    jobs = Jobs(store)
    with jobs.building(timeout=START_SECONDS):
        job = jobs.read(name)
        if job is None or job.state is not State.QUEUED:
            return
        try:
            _do(jobs, job, store, data)
        except (ArtifactError, InputError) as error:
            jobs.close(name, told(error, store.root, data))
            return
        except Exception as error:
            more = f"{jobs.folder.name}/{jobs.log(name).name}, beside the artifacts, has more"
            jobs.close(name, f"{told(error, store.root, data)}; {more}")
            raise
        with suppress(OSError, ArtifactError):
            prune(store)


def _do(jobs: Jobs, job: Job, store: Store, data: Path) -> None:
    def update(**values: object) -> None:
        nonlocal job
        job = jobs.save(job.model_copy(update=values))

    update(state=State.RUNNING, started_at=now())
    before, release = refresh(
        store,
        data / job.source,
        force=job.force,
        enter=lambda phase: update(phase=phase),
        on_report=_log_warnings,
    )
    update(
        state=State.SUCCEEDED,
        finished_at=now(),
        previous_snapshot=before.snapshot,
        bundle=release.bundle,
        snapshot=release.snapshot,
    )


def _log_warnings(report: Report) -> None:
    """Write a line for each kind of warning to standard error, which is the job's log."""
    for line in report.summary_lines(Severity.WARNING):
        print(f"warning: {line}", file=sys.stderr)


def main(root: str, data: str, name: str) -> None:
    os.nice(_NICENESS)  # the workers come first
    store = Store(Path(root))
    run(store, Path(data), name)
    log = Jobs(store).log(name)
    if log.exists() and not log.stat().st_size:
        log.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
