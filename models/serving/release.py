"""The serving release: a bundle and a snapshot, loaded and bound to each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray

from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from models.adaptation import Adaptation
from models.base_forecasts import Progress, ScoreParts
from models.bundle import Bundle, load_bundle
from models.engine import ForecastEngine
from models.intervals import Intervals
from models.serving.adaptation_store import load_adaptation
from models.serving.forecast_store import Forecasts, load_or_make
from models.uncertainty import USUAL, Uncertainty
from storage.artifacts import ArtifactError, Release, Store


@dataclass(frozen=True)
class LoadedRelease:
    """A release loaded by a worker; replaced as a whole, never altered.

    Attributes:
        adaptation: of the intervals; None where they are those of the bundle.
    """

    engine: ForecastEngine
    intervals: Intervals
    forecasts: Forecasts
    adaptation: Adaptation | None = None

    @cached_property
    def version(self) -> str:
        """Version of the answers: that of the forecasts, and the digest of an adaptation."""
        version = self.engine.version
        return version if self.adaptation is None else f"{version}.{self.adaptation.digest}"

    def evaluate(
        self,
        origin: int,
        nodes: NDArray[np.intp],
        mean: NDArray[np.float64],
        horizons: NDArray[np.intp],
        wanted: Uncertainty,
    ) -> NDArray[np.float64]:
        """Return bounds and quantiles of forecasts of this release, shape (numbers, n, h).

        Args:
            mean: what it forecasts from the origin, in units, shape (n, h).
            nodes, horizons, wanted: as in `models.intervals.Intervals.evaluate`.
        """
        bounds = self.forecasts.bounds
        newest = origin == self.engine.snapshot.newest_origin
        if bounds is not None and newest and wanted == USUAL and self.adaptation is None:
            return bounds[nodes[:, None], horizons - 1].transpose(2, 0, 1)
        return self.engine.evaluate(self.intervals, origin, nodes, mean, horizons, wanted)


_engines: LRUCache[tuple[Path, str, str], ForecastEngine] = LRUCache(3)
"""During a change of release, requests hold both; another may be in trial beside them."""
_lock = RLock()


def _key_of(store: Store, release: Release) -> tuple[Path, str, str]:
    return store.root, release.bundle, release.snapshot  # an adaptation alters intervals only


@cached(_engines, key=_key_of, lock=_lock)
def load_engine(store: Store, release: Release) -> ForecastEngine:
    """Verify and load a release; cached, so once in a process.

    Raises:
        ArtifactError: a part is missing or altered, or they do not fit each other.
    """
    bundle = _load_bundle(store.bundles / release.bundle)
    return ForecastEngine(bundle, _load_snapshot(store.snapshots / release.snapshot))


def forget_engine(store: Store, release: Release) -> None:
    """Free the memory of a release that is not used any more, once no request holds it."""
    with _lock:
        _engines.pop(_key_of(store, release), None)


@cached(LRUCache(2), lock=RLock())  # newer data reuse the loaded bundle
def _load_bundle(folder: Path) -> Bundle:
    return load_bundle(folder)


@cached(LRUCache(1), lock=RLock())  # a release in trial has the data of the active one
def _load_snapshot(folder: Path) -> Snapshot:
    return load_snapshot(folder)


def load_release(
    store: Store,
    release: Release,
    *,
    progress: Progress = lambda done, total: None,
    score_parts: ScoreParts | None = None,
) -> LoadedRelease:
    """Load a release with the forecasts of its newest origin.

    Args:
        progress, score_parts: as in `ForecastEngine.base_forecasts`.

    Raises:
        ArtifactError: see `load_engine`.
    """
    engine = load_engine(store, release)
    if engine.intervals is None:
        raise ArtifactError(engine.bundle.path, "has no intervals: it was made to be judged")
    adaptation = None
    if release.adaptation is not None:
        adaptation = load_adaptation(store, release.adaptation, bundle=release.bundle)
    return LoadedRelease(
        engine=engine,
        intervals=engine.intervals if adaptation is None else engine.adapt_intervals(adaptation),
        forecasts=load_or_make(engine, store, progress=progress, score_parts=score_parts),
        adaptation=adaptation,
    )
