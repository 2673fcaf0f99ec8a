"""The building process of a reload: tables → snapshot → forecasts → ``CURRENT``.

All or nothing: ``CURRENT`` changes only at the end. Run as ``python -m lifecycle.refresh
<artifacts> <data> <job>`` by `lifecycle.reload`. It needs the table library, which serving
processes must not load: none of them imports this module.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

from errors import InputError
from features.data.build import build_snapshot
from features.data.findings import OnReport, Report, Severity
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.table_report import recorded_layout
from features.data.tables import read_tables
from features.state import check_days
from lifecycle.jobs import START_SECONDS, Job, Jobs, State, now
from lifecycle.retention import prune
from models.bundle import read_specification
from models.faults import public_message
from models.serving.release import load_release
from storage.artifacts import ArtifactError, Release, Store

READING = "reading the tables"
BUILDING = "building the snapshot"
FORECASTING = "forecasting all nodes"
_NICENESS = 10


class RefusedError(InputError):
    """Data that can be read but must not be served."""


def refresh(
    store: Store,
    folder: Path,
    *,
    force: bool = False,
    enter: Callable[[str], object] = lambda phase: None,
    on_report: OnReport = lambda report: None,
) -> tuple[Release, Release]:
    """Build and serve a snapshot of a folder of tables with the serving bundle.

    Args:
        force: serve it even if its last day is before the serving snapshot's.
        enter: called with each phase as it begins.
        on_report: called with the report of the check of the tables, unless it has an error.

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
    tables = read_tables(folder, layout, specification)
    on_report(tables.report)
    enter(BUILDING)
    artifact = build_snapshot(tables, store.snapshots)
    del tables  # not used below, and forecasting takes memory too
    snapshot = load_snapshot(artifact.path)
    check_days(snapshot)
    enter(FORECASTING)
    return _promote_snapshot(store, snapshot, force=force)


def _promote_snapshot(store: Store, snapshot: Snapshot, *, force: bool) -> tuple[Release, Release]:
    """Point ``CURRENT`` to a snapshot once its forecasts exist for the serving bundle."""
    while True:
        before = store.current()
        serving = _parse_origin(before.snapshot)
        if not force and serving is not None and snapshot.facts.origin < serving:
            raise RefusedError(
                f"The last day of sales is {snapshot.facts.origin}, and data up to {serving} are "
                "being served; going back must be asked for (force)."
            )
        release = Release(bundle=before.bundle, snapshot=snapshot.name)
        load_release(store, release)
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


def run(store: Store, data: Path, name: str) -> None:
    """Execute a queued job and record its outcome.

    Raises:
        Exception: any unexpected error, after the job was marked as failed.
    """
    jobs = Jobs(store)
    with jobs.build_lock(timeout=START_SECONDS):
        job = jobs.read(name)
        if job is None or job.state is not State.QUEUED:
            return
        try:
            _execute_job(jobs, job, store, data)
        except (ArtifactError, InputError) as error:
            jobs.close(name, public_message(error, store.root, data))
            return
        except Exception as error:
            more = f"{jobs.folder.name}/{jobs.log_path(name).name}, beside the artifacts, has more"
            jobs.close(name, f"{public_message(error, store.root, data)}; {more}")
            raise
        with suppress(OSError, ArtifactError):
            prune(store)


def _execute_job(jobs: Jobs, job: Job, store: Store, data: Path) -> None:
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
    log = Jobs(store).log_path(name)
    if log.exists() and not log.stat().st_size:
        log.unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
