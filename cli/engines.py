"""Engines of commands: this machine, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cli.cluster import access_of
from cli.inputs import extra
from config.topics import ClusterSettings
from errors import InputError

if TYPE_CHECKING:
    from features.data.parts.runner import PartRunner
    from models.base_forecasts import ScoreParts
    from storage.artifacts import Store
    from training.engines.fitting_backend import FittingBackend


class EngineName(StrEnum):
    """Engine that fits a model, or forecasts with one."""

    LOCAL = "local"
    DASK = "dask"


Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Address of the Dask scheduler, such as tls://host:8786; "
        "if left out, a cluster is started on this machine."
    ),
]
FittingEngine = Annotated[
    EngineName,
    typer.Option("--engine", help="Where to fit: on this machine, or on a Dask cluster."),
]
ScoringEngine = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="Where to check, build and forecast: in this process, or in parts on a Dask cluster.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Workers of a Dask cluster on this machine; as many as there are cores."
    ),
]


class PartEngine(NamedTuple):
    """Runner of the parts of tables, and the function that forecasts those of a release.

    Attributes:
        score_parts: None for this process.
    """

    runner: PartRunner
    score_parts: ScoreParts | None


class FitEngine(NamedTuple):
    """Runner of the parts of tables, and the backend that fits.

    Attributes:
        backend: None for this machine.
    """

    runner: PartRunner
    backend: FittingBackend | None


@contextmanager
def open_parts(
    name: EngineName, scheduler: str | None, store: Store, workers: int | None
) -> Iterator[PartEngine]:
    """Yield where the parts of tables and of releases are worked on.

    Raises:
        InputError: there is no cluster, or one is named for this process.
    """
    if name is EngineName.LOCAL:
        _refuse_cluster(scheduler, workers)
        from features.data.parts.runner import HERE

        yield PartEngine(HERE, None)
        return
    with extra("dask"):
        from lifecycle.parts.reading import DaskRunner
        from lifecycle.parts.scoring import dask_scoring
    certificates = access_of(scheduler, ClusterSettings())
    with dask_scoring(
        store, scheduler=scheduler, workers=workers, certificates=certificates
    ) as scoring:
        yield PartEngine(DaskRunner(scoring.client, store.snapshots), scoring)


@contextmanager
def open_fitting(
    name: EngineName,
    scheduler: str | None,
    snapshots: Path,
    workers: int | None,
    *,
    threads: int | None = None,
) -> Iterator[FitEngine]:
    """Yield where a model is fitted.

    Args:
        snapshots: folder of the snapshots, under a path that is valid on the workers too.
        workers: of a cluster on this machine; by default as many as threads.
        threads: of the command; as many as there are cores by default.

    Raises:
        InputError: there is no cluster, or one is named for this machine.
    """
    from features.data.parts.runner import HERE

    if name is EngineName.LOCAL:
        _refuse_cluster(scheduler, workers)
        yield FitEngine(HERE, None)
        return
    with extra("dask"):
        from lifecycle.parts.reading import DaskRunner
        from training.engines.dask_backend import dask_backend
    from training.inputs import cores

    settings = ClusterSettings()
    with dask_backend(
        snapshots,
        scheduler=scheduler,
        workers=workers or threads or cores(),
        certificates=access_of(scheduler, settings),
        fit_ports=settings.fit_ports,
    ) as backend:
        yield FitEngine(DaskRunner(backend.client, snapshots), backend)


def _refuse_cluster(scheduler: str | None, workers: int | None) -> None:
    """Refuse options of a cluster for a command that runs on this machine."""
    if scheduler is not None or workers is not None:
        raise InputError("--scheduler and --workers are of a Dask cluster: add --engine dask")
