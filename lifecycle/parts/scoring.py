"""Base forecasts of the parts of a release on the workers of a Dask cluster.

The workers receive paths: each opens bundle and snapshot, which must be on a volume that all share,
and maps them. What they compute goes into files beside the forecasts, in a folder named by what
they depend on; a run that is repeated reads those that are there. The numbers are those of one
machine, bit by bit, because the functions are the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime
import orjson
from dask.system import cpu_count
from distributed import Client
from numpy.typing import NDArray

from features.blocks import Rows
from features.covariates import Response
from features.data.series_part import Part
from features.data.snapshot_files import load_snapshot
from features.state_parts import (
    Pooled,
    UpperPast,
    load_pooled,
    pool_responses,
    pooled_to_bytes,
)
from lifecycle.parts.dask_cluster import connect_dask
from lifecycle.parts.dask_security import Certificates
from lifecycle.parts.dask_tasks import run_tasks
from models.base_forecasts import NodeForecaster, Progress, ScoreParts
from models.bundle import load_bundle
from storage.artifacts import STAGING, Store, replace_file, writing

_ALLOWED_FAILURES = 3
_UPPER, _POOLED = "upper.npz", "pooled.npz"

Values = NDArray[np.float64]


@dataclass(frozen=True)
class _Job:
    """Inputs of all parts.

    Attributes:
        folder: of the results, and of the inputs that are not in bundle or snapshot.
    """

    bundle: Path
    snapshot: Path
    folder: Path
    horizons: tuple[int, ...]


@dataclass(frozen=True)
class _PartTask:
    """Inputs of one part.

    Attributes:
        result: what is computed, of which the file has the name.
    """

    job: _Job
    part: Part
    result: str

    @property
    def file(self) -> Path:
        return self.job.folder / f"{self.result}-{self.part.start}-{self.part.stop}.npy"


@dataclass
class DaskScoring:
    """Forecasts the parts of releases on a cluster; see `models.base_forecasts.ScoreParts`.

    Attributes:
        folders: those of the results, so far.
    """

    client: Client
    store: Store
    folders: list[Path] = field(default_factory=list)

    def __call__(
        self,
        forecaster: NodeForecaster,
        past: UpperPast,
        parts: Sequence[Part],
        horizons: Rows,
        progress: Progress,
    ) -> Iterator[tuple[Part, Values]]:
        """Yield the base forecasts of parts, once all are ready.

        Raises:
            InputError: the cluster failed; see `lifecycle.parts.dask_tasks.run_tasks`.
            ArtifactError: a worker cannot open bundle or snapshot, or the results.
        """
        with_responses = bool(past.snapshot.specification.known_ahead)
        total = (2 if with_responses else 1) * len(parts)
        job = self._prepare(forecaster, past, parts, horizons)
        forecasts = [_PartTask(job, part, "forecasts") for part in parts]
        if with_responses:
            tasks = [replace(task, result="responses") for task in forecasts]
            run_tasks(
                self.client, _write_responses, tasks, progress=lambda done, _: progress(done, total)
            )
            names = [covariate.name for covariate in past.snapshot.specification.known_ahead]
            responses = [_read_responses(task.file, names) for task in tasks]
            pooled = pool_responses(past.snapshot, responses)
            _write_file(job.folder / _POOLED, pooled_to_bytes(pooled))
        before = total - len(parts)
        run_tasks(
            self.client,
            _write_forecasts,
            forecasts,
            progress=lambda done, _: progress(before + done, total),
        )
        for task in forecasts:
            yield task.part, np.load(task.file, allow_pickle=False)

    def _prepare(
        self, forecaster: NodeForecaster, past: UpperPast, parts: Sequence[Part], horizons: Rows
    ) -> _Job:
        """Write what the parts share into the folder of their results."""
        upper = past.to_bytes()
        bundle, snapshot = forecaster.bundle.name, forecaster.snapshot.name
        inputs = {
            "bundle": bundle,
            "snapshot": snapshot,
            "upper": sha256(upper).hexdigest(),
            "parts": [(part.start, part.stop) for part in parts],
            "horizons": horizons.tolist(),
            "libraries": [np.__version__, onnxruntime.__version__],
        }
        digest = sha256(orjson.dumps(inputs)).hexdigest()[:16]
        # its name is that of a staging folder, so that one that no run completes is swept like them
        folder = self.store.forecasts.resolve() / f"{STAGING}parts-{bundle}.{snapshot}-{digest}"
        with writing(self.store.forecasts):
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / _UPPER, upper)
        self.folders.append(folder)
        root = self.store.root.resolve()
        store = Store(root)
        return _Job(
            store.bundles / bundle, store.snapshots / snapshot, folder, tuple(horizons.tolist())
        )


@contextmanager
def dask_scoring(
    store: Store,
    *,
    scheduler: str | None,
    workers: int | None = None,
    certificates: Certificates | None = None,
) -> Iterator[ScoreParts]:
    """Yield what forecasts parts on the cluster of a scheduler, or on a local one.

    The results of the parts are removed at the end, unless it failed: then the next run reads them.

    Args:
        scheduler, certificates: as in `lifecycle.parts.dask_cluster.connect_dask`.
        workers: of a local cluster; as many as cores by default.

    Raises:
        InputError: there is no scheduler, it has no workers, or it needs certificates.
    """
    workers = workers or cpu_count()
    with connect_dask(
        scheduler,
        workers=workers,
        allowed_failures=_ALLOWED_FAILURES,
        certificates=certificates,
    ) as client:
        scoring = DaskScoring(client, store)
        yield scoring
        for folder in scoring.folders:
            shutil.rmtree(folder, ignore_errors=True)


def _write_file(path: Path, content: bytes) -> None:
    with writing(path.parent):
        replace_file(path, content)


def _write_array(path: Path, values: Values) -> None:
    content = BytesIO()
    np.save(content, values, allow_pickle=False)
    _write_file(path, content.getvalue())


def _read_responses(file: Path, names: Sequence[str]) -> dict[str, Response]:
    values = np.load(file, allow_pickle=False)
    return {name: Response(*of_one) for name, of_one in zip(names, values, strict=True)}


# --- on the workers ---------------------------------------------------------------------------

_opening = Lock()


def _open(job: _Job) -> tuple[NodeForecaster, UpperPast]:
    with _opening:  # threads of a worker share one
        return _open_once(job)


@lru_cache(maxsize=1)
def _open_once(job: _Job) -> tuple[NodeForecaster, UpperPast]:
    snapshot = load_snapshot(job.snapshot)
    forecaster = NodeForecaster(load_bundle(job.bundle), snapshot)
    return forecaster, UpperPast.load(snapshot, job.folder / _UPPER)


@lru_cache(maxsize=1)
def _read_pooled(file: Path) -> Pooled:
    return load_pooled(file)


def _write_responses(task: _PartTask) -> None:
    _, past = _open(task.job)
    responses = past.responses_of(task.part)
    _write_array(task.file, np.array([[*response] for response in responses.values()]))


def _write_forecasts(task: _PartTask) -> None:
    job = task.job
    forecaster, past = _open(job)
    has_pooled = bool(past.snapshot.specification.known_ahead)
    pooled = _read_pooled(job.folder / _POOLED) if has_pooled else {}
    horizons = np.array(job.horizons, dtype=np.intp)
    _write_array(task.file, forecaster.forecast_part(past, task.part, pooled, horizons))
