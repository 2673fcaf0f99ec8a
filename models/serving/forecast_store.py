"""Forecasts of the newest origin: computed once for a release, stored, and memory-mapped.

They are a separate artifact beside the snapshot, so that a start does not compute them again and
workers share their memory. The first process that does not find them computes them under a lock;
the others wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from models.engine import ForecastEngine, Progress
from storage.artifacts import (
    Artifact,
    ArtifactError,
    Release,
    Store,
    UnwritableError,
    seal,
    staging,
    verify,
)

KIND = "forecasts"
MEAN_FILE = "mean.npy"
BASE_FILE = "base.npy"
"""Forecasts before reconciliation, where upper nodes are modelled; not read by servers."""


@dataclass(frozen=True)
class Forecasts:
    """Coherent forecasts of the newest origin.

    Attributes:
        mean: units, shape (nodes, horizon), float64.
        clipped: bottom values that were negative before reconciliation set them to zero.
    """

    mean: NDArray[np.float64]
    clipped: int


def load_or_make(
    engine: ForecastEngine, store: Store, *, progress: Progress = lambda done, total: None
) -> Forecasts:
    """Load the forecasts of an engine's release; compute and store them if there are none.

    If the folder cannot be written, as in a read-only image, they stay in memory.

    Raises:
        ArtifactError: the artifact was altered.
    """
    release = Release(engine.bundle.name, engine.snapshot.name)
    folder = find_forecasts(store, release)
    if folder is None:
        try:
            store.forecasts.mkdir(parents=True, exist_ok=True)
            with FileLock(store.forecasts / ".lock"):
                folder = (
                    find_forecasts(store, release) or _make_artifact(engine, store, progress).path
                )
        except (OSError, UnwritableError):
            coherent = engine.forecast(engine.snapshot.newest_origin, progress=progress)
            return Forecasts(mean=coherent.values, clipped=coherent.clipped)
    artifact = verify(folder, kind=KIND)
    mean = np.load(folder / MEAN_FILE, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    expected = (len(engine.snapshot.hierarchy), engine.snapshot.horizon)
    if mean.shape != expected:
        raise ArtifactError(folder / MEAN_FILE, f"has shape {mean.shape} instead of {expected}")
    return Forecasts(mean=mean, clipped=int(artifact.facts["clipped"]))


def find_forecasts(store: Store, release: Release) -> Path | None:
    """Return the folder of a release's forecasts; None if they are not stored."""
    return next(iter(store.forecasts.glob(f"{release.bundle}.{release.snapshot}-*")), None)


def load_base(store: Store, release: Release) -> NDArray[np.float64] | None:
    """Return the stored forecasts of a release before reconciliation, as `ForecastEngine.base`.

    None where reconciliation only adds the series up, or they were stored without.
    """
    folder = find_forecasts(store, release)
    if folder is None or not (folder / BASE_FILE).is_file():
        return None
    base: NDArray[np.float64] = np.load(folder / BASE_FILE, allow_pickle=False)
    return base


def _make_artifact(engine: ForecastEngine, store: Store, progress: Progress) -> Artifact:
    base = engine.base_forecasts(engine.snapshot.newest_origin, progress=progress)
    coherent = engine.reconciliation.reconcile(base)
    with staging(store.forecasts) as folder:
        np.save(folder / MEAN_FILE, coherent.values)
        if len(engine.reconciliation.weighted_upper):
            np.save(folder / BASE_FILE, base.astype(np.float32))
        return seal(folder, kind=KIND, label=engine.version, facts={"clipped": coherent.clipped})
