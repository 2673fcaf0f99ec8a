"""The forecasts of the newest origin: computed once for a bundle and a snapshot, then mapped.

They are an artifact of their own beside the snapshot, so that a start does not wait for them and
workers share their memory. The first process that misses them makes them; the others wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from artifacts import Artifact, ArtifactError, Store, UnwritableError, seal, staging, verify
from features.snapshot import MAX_HORIZON
from models.engine import ForecastEngine, Progress

KIND = "forecasts"
MEAN_FILE = "mean.npy"


@dataclass(frozen=True)
class Forecasts:
    """Coherent forecasts of the newest origin.

    Attributes:
        mean: units, shape (nodes, 90), float64.
        clipped: bottom values that were negative before reconciliation set them to zero.
    """

    mean: NDArray[np.float64]
    clipped: int


def load_or_make(
    engine: ForecastEngine, store: Store, *, progress: Progress = lambda done, total: None
) -> Forecasts:
    """The forecasts of an engine's release, from its artifact, which is made if there is none.

    Where the folder cannot be written, as in a read-only image, they are kept in memory.

    Raises:
        ArtifactError: the artifact was altered.
    """
    folder = _find(engine, store)
    if folder is None:
        try:
            store.forecasts.mkdir(parents=True, exist_ok=True)
            with FileLock(store.forecasts / ".lock"):
                folder = _find(engine, store) or _make(engine, store, progress).path
        except (OSError, UnwritableError):
            coherent = engine.forecast(engine.snapshot.newest_origin, progress=progress)
            return Forecasts(mean=coherent.values, clipped=coherent.clipped)
    artifact = verify(folder, kind=KIND)
    mean = np.load(folder / MEAN_FILE, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    expected = (len(engine.snapshot.hierarchy), MAX_HORIZON)
    if mean.shape != expected:
        raise ArtifactError(folder / MEAN_FILE, f"has shape {mean.shape} instead of {expected}")
    return Forecasts(mean=mean, clipped=int(artifact.facts["clipped"]))


def _find(engine: ForecastEngine, store: Store) -> Path | None:
    return next(iter(store.forecasts.glob(f"{engine.version}-*")), None)


def _make(engine: ForecastEngine, store: Store, progress: Progress) -> Artifact:
    coherent = engine.forecast(engine.snapshot.newest_origin, progress=progress)
    with staging(store.forecasts) as folder:
        np.save(folder / MEAN_FILE, coherent.values)
        return seal(folder, kind=KIND, label=engine.version, facts={"clipped": coherent.clipped})
