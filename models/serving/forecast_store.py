"""Forecasts of the newest origin: computed once for a release, stored, and memory-mapped.

They are a separate artifact beside the snapshot, so that a start does not compute them again and
workers share their memory. The first process that does not find them computes them under a lock;
the others wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from features.state_parts import UpperPast, load_pooled, pooled_to_bytes
from models.base_forecasts import Progress, ScoreParts
from models.engine import ForecastEngine
from models.exceptions import band_origin, count_recent_days
from models.intervals import Intervals
from models.uncertainty import USUAL
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
BOUNDS_FILE = "bounds.npy"
BASE_FILE = "base.npy"
"""Forecasts before reconciliation, where it has moved them; what-ifs begin from them."""
RECENT_FILE = "recent.npy"
"""Forecasts of the recent days from the origin before them, with which `/exceptions` compares the
sales; of data that are long enough."""
UPPER_FILE, POOLED_FILE = "upper.npz", "pooled.npz"
"""What all parts read of the past, where the series are forecast part by part: a server then
computes the parts alone that hold the series of a what-if or an explanation."""
_CHUNK_NODES = 4096
"""Nodes whose bounds are computed at a time."""


@dataclass(frozen=True)
class Forecasts:
    """Coherent forecasts of the newest origin.

    Attributes:
        mean: units, shape (nodes, horizon), float64.
        base: the same before reconciliation, float32, NaN for upper nodes that are not modelled;
            None where it has moved none of the series, or where they are not stored.
        bounds: numbers of `models.uncertainty.USUAL` by the intervals of the bundle, float64, shape
            (nodes, horizon, numbers); None where they are not stored.
        recent: from the origin `models.exceptions.band_origin`, coherent, on the days up to the
            newest origin, float64, shape (nodes, days); None where they are not stored.
        clipped: bottom values that were negative before reconciliation set them to zero.
    """

    mean: NDArray[np.float64]
    clipped: int
    base: NDArray[np.float32] | None = None
    bounds: NDArray[np.float64] | None = None
    recent: NDArray[np.float64] | None = None


def is_moved(engine: ForecastEngine, clipped: int) -> bool:
    """Return whether reconciliation has moved forecasts of the series, or may have."""
    return bool(len(engine.reconciliation.weighted_upper) or clipped)


def load_or_make(
    engine: ForecastEngine,
    store: Store,
    *,
    progress: Progress = lambda done, total: None,
    score_parts: ScoreParts | None = None,
) -> Forecasts:
    """Load the forecasts of an engine's release; compute and store them if there are none.

    If the folder cannot be written, as in a read-only image, they stay in memory.

    Args:
        progress, score_parts: as in `ForecastEngine.base_forecasts`.

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
                    find_forecasts(store, release)
                    or _make_artifact(engine, store, progress, score_parts).path
                )
        except (OSError, UnwritableError):
            coherent = engine.forecast(engine.snapshot.newest_origin, progress=progress)
            return Forecasts(mean=coherent.values, clipped=coherent.clipped)
    artifact = verify(folder, kind=KIND)
    shape = (len(engine.snapshot.hierarchy), engine.snapshot.horizon)
    stored = artifact.manifest.files
    if UPPER_FILE in stored and engine.is_divided:
        past = UpperPast.load(engine.snapshot, folder / UPPER_FILE)
        engine.use_past(past, load_pooled(folder / POOLED_FILE))
    return Forecasts(
        mean=_map_array(folder / MEAN_FILE, shape),
        clipped=int(artifact.facts["clipped"]),
        base=_map_array(folder / BASE_FILE, shape) if BASE_FILE in stored else None,
        bounds=_map_array(folder / BOUNDS_FILE, (*shape, USUAL.count))
        if BOUNDS_FILE in stored
        else None,
        recent=_map_array(folder / RECENT_FILE, (shape[0], count_recent_days(engine.snapshot)))
        if RECENT_FILE in stored
        else None,
    )


def _map_array(path: Path, expected: tuple[int, ...]) -> NDArray[Any]:
    """Map an array of a verified artifact.

    Raises:
        ArtifactError: it has another shape.
    """
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    if array.shape != expected:
        raise ArtifactError(path, f"has shape {array.shape} instead of {expected}")
    return array


def _save_bounds(
    path: Path, engine: ForecastEngine, intervals: Intervals, mean: NDArray[np.float64]
) -> None:
    """Write the usual bounds of all nodes, of some nodes at a time."""
    origin, horizons = engine.snapshot.newest_origin, engine.all_horizons
    shape = (*mean.shape, USUAL.count)
    bounds = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=shape)
    upper = engine.snapshot.hierarchy.n_upper
    starts = [0, *range(upper, len(mean), _CHUNK_NODES), len(mean)]  # upper nodes read all series
    for start, stop in pairwise(starts):
        nodes = np.arange(start, stop)
        numbers = engine.evaluate(intervals, origin, nodes, mean[start:stop], horizons, USUAL)
        bounds[start:stop] = np.moveaxis(numbers, 0, 2)
    bounds.flush()


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


def _make_artifact(
    engine: ForecastEngine, store: Store, progress: Progress, score_parts: ScoreParts | None
) -> Artifact:
    base = engine.base_forecasts(
        engine.snapshot.newest_origin, progress=progress, score_parts=score_parts
    )
    coherent = engine.reconciliation.reconcile(base)
    with staging(store.forecasts) as folder:
        np.save(folder / MEAN_FILE, coherent.values)
        if is_moved(engine, coherent.clipped):
            np.save(folder / BASE_FILE, base.astype(np.float32))
        if engine.intervals is not None:
            _save_bounds(folder / BOUNDS_FILE, engine, engine.intervals, coherent.values)
        if (origin := band_origin(engine.snapshot)) is not None:
            days = np.arange(1, count_recent_days(engine.snapshot) + 1)
            recent = engine.forecast(origin, days, score_parts=score_parts)
            np.save(folder / RECENT_FILE, recent.values)
        if engine.is_divided:
            part_rows = engine.part_rows(engine.snapshot.newest_origin)
            (folder / UPPER_FILE).write_bytes(part_rows.past.to_bytes())
            (folder / POOLED_FILE).write_bytes(pooled_to_bytes(part_rows.pooled))
        return seal(folder, kind=KIND, label=engine.version, facts={"clipped": coherent.clipped})
