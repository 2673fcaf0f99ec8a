"""Removal of snapshots, forecasts, bundles, vintages and adaptations that are no longer used."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path

from lifecycle.monitoring.vintage_list import list_vintages
from storage.artifacts import Store

KEEP = 3
AGE_SECONDS = 7 * 24 * 3600
"""Minimum age of removed snapshots, in seconds.

A replica that rejected newer releases still maps an old one; a week leaves time to notice.
"""

KEEP_VINTAGES_DAYS = 30
"""Days for which a vintage stays after the last day that it forecasts, for late corrections."""

_REMOVED_PREFIX = ".staging-removed-"  # a remainder is swept like any staging folder


def prune(
    store: Store,
    *,
    keep: int = KEEP,
    age: float = AGE_SECONDS,
    needed: Collection[str] = (),
    bundles: Collection[str] = (),
    vintage_days: int = KEEP_VINTAGES_DAYS,
    dry_run: bool = False,
) -> list[str]:
    """Remove old snapshots and their forecasts, some bundles, and vintages that are over.

    The snapshot that ``CURRENT`` names, the newest ones, and all young ones are retained, and so
    are the bundle and the adaptation that it names, all young ones, and vintages whose days are not
    long over.

    Args:
        keep: number of the newest to retain.
        age: minimum age of what is removed, in seconds.
        needed: names of further snapshots that stay.
        bundles: names of those that nothing needs.
        vintage_days: days from the last day of a vintage to the newest sales, after which it goes.
        dry_run: remove nothing.

    Returns:
        What was removed, or would be, as paths relative to the store.

    Raises:
        ArtifactError: ``CURRENT`` cannot be read: then nothing is removed.
        OSError: the volume cannot be written.
    """
    serving = store.current()
    current = serving.snapshot
    snapshots = sorted(_list_folders(store.snapshots), key=_get_modified, reverse=True)
    retained = {current, *needed, *(folder.name for folder in snapshots[:keep])}
    limit = time.time() - age
    expired = [
        folder
        for folder in snapshots
        if folder.name not in retained and _get_modified(folder) < limit
    ]
    retained.update(folder.name for folder in snapshots if folder not in expired)
    unneeded = set(bundles) - {serving.bundle}
    expired_bundles = [
        folder
        for folder in _list_folders(store.bundles)
        if folder.name in unneeded and _get_modified(folder) < limit
    ]
    without = {folder.name for folder in expired_bundles}
    expired_forecasts = [
        folder
        for folder in _list_folders(store.forecasts)
        if (_snapshot_of(folder) not in retained or _bundle_of(folder) in without)
        and _get_modified(folder) < limit
    ]
    removed = (
        *expired_forecasts,
        *expired,
        *expired_bundles,
        *_find_expired_vintages(store, serving.snapshot, vintage_days),
        *(
            folder
            for folder in _list_folders(store.adaptations)
            if folder.name != serving.adaptation and _get_modified(folder) < limit
        ),
    )
    for folder in removed if not dry_run else ():
        # renamed first, so that no reader meets half an artifact
        renamed = folder.rename(folder.with_name(_REMOVED_PREFIX + folder.name))
        shutil.rmtree(renamed, ignore_errors=True)
    return [folder.relative_to(store.root).as_posix() for folder in removed]


def _find_expired_vintages(store: Store, serving: str, days: int) -> list[Path]:
    """Return the vintages whose last day is longer ago than that, as of the data that serve."""
    try:
        newest = date.fromisoformat(serving[:10])
    except ValueError:
        return []
    limit = newest - timedelta(days)
    return [store.vintages / each.name for each in list_vintages(store) if each.last < limit]


def _list_folders(parent: Path) -> list[Path]:
    return [path for path in parent.glob("[!.]*") if path.is_dir()]


def _get_modified(folder: Path) -> float:
    return folder.stat().st_mtime


def _bundle_of(forecasts: Path) -> str:
    """Return the bundle of a folder ``<bundle>.<snapshot>-<digest>``."""
    return forecasts.name.partition(".")[0]


def _snapshot_of(forecasts: Path) -> str:
    """Return the snapshot of a folder ``<bundle>.<snapshot>-<digest>``."""
    return forecasts.name.partition(".")[2].rpartition("-")[0]
