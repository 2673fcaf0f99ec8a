"""Removal of snapshots that are no longer used, and of their forecasts."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from storage.artifacts import Store

KEEP = 3
AGE_SECONDS = 7 * 24 * 3600
"""Minimum age of removed snapshots, in seconds.

A replica that rejected newer releases still maps an old one; a week leaves time to notice.
"""

_REMOVED_PREFIX = ".staging-removed-"  # a remainder is swept like any staging folder


def prune(store: Store, *, keep: int = KEEP, age: float = AGE_SECONDS) -> list[str]:
    """Remove old snapshots and their forecasts; bundles stay.

    The snapshot that ``CURRENT`` names, the newest ones, and all young ones are retained.

    Args:
        keep: number of the newest to retain.
        age: minimum age of what is removed, in seconds.

    Returns:
        Names of what was removed.

    Raises:
        ArtifactError: ``CURRENT`` cannot be read: then nothing is removed.
        OSError: the volume cannot be written.
    """
    current = store.current().snapshot
    snapshots = sorted(_list_folders(store.snapshots), key=_get_modified, reverse=True)
    retained = {current, *(folder.name for folder in snapshots[:keep])}
    limit = time.time() - age
    expired = [
        folder
        for folder in snapshots
        if folder.name not in retained and _get_modified(folder) < limit
    ]
    retained.update(folder.name for folder in snapshots if folder not in expired)
    expired_forecasts = [
        folder
        for folder in _list_folders(store.forecasts)
        if _snapshot_of(folder) not in retained and _get_modified(folder) < limit
    ]
    for folder in (*expired_forecasts, *expired):
        # renamed first, so that no reader meets half an artifact
        renamed = folder.rename(folder.with_name(_REMOVED_PREFIX + folder.name))
        shutil.rmtree(renamed, ignore_errors=True)
    return [folder.name for folder in (*expired_forecasts, *expired)]


def _list_folders(parent: Path) -> list[Path]:
    return [path for path in parent.glob("[!.]*") if path.is_dir()]


def _get_modified(folder: Path) -> float:
    return folder.stat().st_mtime


def _snapshot_of(forecasts: Path) -> str:
    """Return the snapshot of a folder ``<bundle>.<snapshot>-<digest>``."""
    return forecasts.name.partition(".")[2].rpartition("-")[0]
