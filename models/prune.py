"""Removes snapshots that nothing needs any more, and the forecasts made of them."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from artifacts import Store

KEEP = 3
AGE_SECONDS = 7 * 24 * 3600
"""A replica that has rejected newer releases still maps an old one; a week is time to notice."""

_REMOVED = ".staging-removed-"  # what is left of one is swept like any staging folder


def prune(store: Store, *, keep: int = KEEP, age: float = AGE_SECONDS) -> list[str]:
    """Remove old snapshots and their forecasts; bundles stay.

    Kept are the snapshot that ``CURRENT`` names, the newest ones, and all that are young.

    Args:
        keep: how many of the newest.
        age: seconds before which nothing is removed.

    Returns:
        Names of what was removed.

    Raises:
        ArtifactError: ``CURRENT`` cannot be read: then nothing is removed.
        OSError: the volume cannot be written.
    """
    current = store.current().snapshot
    snapshots = sorted(_folders(store.snapshots), key=_time, reverse=True)
    kept = {current, *(folder.name for folder in snapshots[:keep])}
    limit = time.time() - age
    gone = [folder for folder in snapshots if folder.name not in kept and _time(folder) < limit]
    kept.update(folder.name for folder in snapshots if folder not in gone)
    made = [
        folder
        for folder in _folders(store.forecasts)
        if _snapshot_of(folder) not in kept and _time(folder) < limit
    ]
    for folder in (*made, *gone):
        away = folder.rename(folder.with_name(_REMOVED + folder.name))  # never half an artifact
        shutil.rmtree(away, ignore_errors=True)
    return [folder.name for folder in (*made, *gone)]


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.glob("[!.]*") if path.is_dir()]


def _time(folder: Path) -> float:
    return folder.stat().st_mtime


def _snapshot_of(forecasts: Path) -> str:
    """``<bundle>.<snapshot>-<digest>`` → the snapshot."""
    return forecasts.name.partition(".")[2].rpartition("-")[0]
