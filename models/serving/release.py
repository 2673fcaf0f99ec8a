"""The serving release: a bundle and a snapshot, loaded and bound to each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from features.data.snapshot_files import load_snapshot
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine, Progress
from models.intervals import Intervals
from models.serving.forecast_store import Forecasts, load_or_make
from storage.artifacts import ArtifactError, Release, Store


@dataclass(frozen=True)
class LoadedRelease:
    """A release loaded by a worker; replaced as a whole, never altered."""

    engine: ForecastEngine
    intervals: Intervals
    forecasts: Forecasts


@lru_cache(maxsize=2)  # during a change of release, requests hold both
def load_engine(store: Store, release: Release) -> ForecastEngine:
    """Verify and load a release; cached, so once in a process.

    Raises:
        ArtifactError: a part is missing or altered, or they do not fit each other.
    """
    bundle = _load_bundle(store.bundles / release.bundle)
    return ForecastEngine(bundle, load_snapshot(store.snapshots / release.snapshot))


@lru_cache(maxsize=2)  # newer data reuse the loaded bundle
def _load_bundle(folder: Path) -> Bundle:
    return load_bundle(folder)


def load_release(
    store: Store, release: Release, *, progress: Progress = lambda done, total: None
) -> LoadedRelease:
    """Load a release with the forecasts of its newest origin.

    Raises:
        ArtifactError: see `load_engine`.
    """
    engine = load_engine(store, release)
    if engine.intervals is None:
        raise ArtifactError(engine.bundle.path, "has no intervals: it was made to be judged")
    return LoadedRelease(
        engine=engine,
        intervals=engine.intervals,
        forecasts=load_or_make(engine, store, progress=progress),
    )
