"""Engines of commands: this machine, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.cluster import access_of
from cli.inputs import extra
from config.topics import ClusterSettings
from errors import InputError

if TYPE_CHECKING:
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
        "--engine", help="Where to forecast: in this process, or in parts on a Dask cluster."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, help="Workers of a Dask cluster on this machine; as many as there are cores."
    ),
]


@contextmanager
def open_scoring(
    name: EngineName, scheduler: str | None, store: Store, workers: int | None
) -> Iterator[ScoreParts | None]:
    """Yield what forecasts the parts of a release; None for this process.

    Raises:
        InputError: there is no cluster, or one is named for this process.
    """
    if name is EngineName.LOCAL:
        _refuse_cluster(scheduler, workers)
        yield None
        return
    with extra("dask"):
        from lifecycle.parts.scoring import dask_scoring
    certificates = access_of(scheduler, ClusterSettings())
    with dask_scoring(
        store, scheduler=scheduler, workers=workers, certificates=certificates
    ) as score_parts:
        yield score_parts


@contextmanager
def open_fitting(
    name: EngineName,
    scheduler: str | None,
    snapshots: Path,
    workers: int | None,
    *,
    threads: int | None = None,
) -> Iterator[FittingBackend | None]:
    """Yield the backend that fits; None for this machine.

    Args:
        snapshots: folder of the snapshots, under a path that is valid on the workers too.
        workers: of a cluster on this machine; by default as many as threads.
        threads: of the command; as many as there are cores by default.

    Raises:
        InputError: there is no cluster, or one is named for this machine.
    """
    if name is EngineName.LOCAL:
        _refuse_cluster(scheduler, workers)
        yield None
        return
    with extra("dask"):
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
        yield backend


def _refuse_cluster(scheduler: str | None, workers: int | None) -> None:
    """Refuse options of a cluster for a command that runs on this machine."""
    if scheduler is not None or workers is not None:
        raise InputError("--scheduler and --workers are of a Dask cluster: add --engine dask")
