"""Adaptation of the serving bundle's intervals to what was sold since.

It is computed anew from the sums of all days that were scored, in their order, so that it needs no
state of its own: whoever has the database gets the same one. What serves is an artifact that
``CURRENT`` names beside the bundle and the snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

from filelock import Timeout
from sqlalchemy import Engine

from lifecycle.jobs import build_lock, jobs_folder
from models.adaptation import Adaptation, Cell, CellTracker
from models.serving.adaptation_store import keep_adaptation, load_adaptation
from storage.artifacts import ArtifactError, Release, Store
from storage.database import reading
from storage.performance import Performance, newest_scored, read_performance
from storage.release_changes import changing_releases

LOCK_SECONDS = 60.0
"""Time for which a change of ``CURRENT`` waits for a refresh or a training."""


def adapt(store: Store, database: Engine, scored: Release) -> Release:
    """Serve a release with intervals that are adapted to what was scored, and return it.

    The adaptation stays as it is on a day that it knows already, and while no factor differs enough
    to be worth another one (`models.adaptation.LEAST_CHANGE`).

    Args:
        scored: the release that served when the scoring began. If another one serves since, or is
            being built, nothing changes, and it is returned as it is: a later scoring adapts.

    Raises:
        StorageError: the database fails.
        UnwritableError: the store cannot be written.
    """
    learned = learn_adaptation(database, scored.bundle)
    if learned is None:
        return scored
    before = None
    if scored.adaptation is not None:
        try:
            before = load_adaptation(store, scored.adaptation, bundle=scored.bundle)
        except ArtifactError:  # servers refuse it: it is replaced
            return _replace(store, database, scored, keep_adaptation(store, learned).name)
    if before is not None and learned.through <= before.through:
        return scored
    if not learned.differs(before):
        return scored
    return _replace(store, database, scored, keep_adaptation(store, learned).name)


def stop_adapting(store: Store, database: Engine, scored: Release) -> Release:
    """Serve a release with the bundle's own intervals, and return it; as `adapt`."""
    return scored if scored.adaptation is None else _replace(store, database, scored, None)


def learn_adaptation(database: Engine, bundle: str) -> Adaptation | None:
    """Return the adaptation that all scored days of a bundle lead to; None if there is none.

    Raises:
        StorageError: the database fails.
    """
    with reading(database) as connection:
        through = newest_scored(connection, bundle)
        if through is None:
            return None
        rows = read_performance(connection, bundle, date.min, through, volume=None)
    return Adaptation(bundle, through, fold(rows))


def fold(rows: Iterable[Performance]) -> dict[Cell, float]:
    """Return the factor of each cell after the sums of whole levels, given day by day."""
    cells: dict[Cell, CellTracker] = defaultdict(CellTracker)
    for row in rows:
        sums = row.sums
        cells[Cell(row.level, row.volume, row.days_ahead)].add_day(
            judged=sums["judged"],
            within_80=sums["within_80"],
            within_95=sums["within_95"],
            logs=sums["log_factors"],
        )
    divided = {cell.level for cell in cells if cell.volume}
    return {
        cell: tracker.factor
        for cell, tracker in cells.items()
        if cell.volume or cell.level not in divided
    }


def _replace(store: Store, database: Engine, scored: Release, adaptation: str | None) -> Release:
    """Write ``CURRENT`` with an adaptation if it still names the release that was scored."""
    release = replace(scored, adaptation=adaptation)
    with _changing_current(store, database) as is_free:
        if not is_free or store.current() != scored:
            return scored
        store.promote(release)
    return release


@contextmanager
def _changing_current(store: Store, database: Engine) -> Iterator[bool]:
    """Hold the locks of all that write ``CURRENT``; yield False if a build takes long."""
    jobs_folder(store).mkdir(parents=True, exist_ok=True)
    lock = build_lock(store, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        # refreshes write it under the first lock, and the registry under the second
        with changing_releases(database):
            yield True
    finally:
        lock.release()
