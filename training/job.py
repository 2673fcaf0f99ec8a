"""The process of a training as a job, and of its check; `lifecycle.runner` starts it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from errors import InputError
from features.data.build import build_snapshot
from features.data.reading.layout import STANDARD
from features.data.screening.treatment import Screening
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from lifecycle.job_task import Task, run_task
from lifecycle.jobs import Document, JobKind
from lifecycle.promotion import train_and_promote
from lifecycle.registry import Registry
from lifecycle.screening import list_new, screening_of
from lifecycle.table_check import check_folder
from lifecycle.training_request import TrainingRequest
from models.bundle import Bundle, load_bundle
from models.faults import public_message
from storage.artifacts import ArtifactError, Release, Store
from storage.database import open_database
from storage.migrations import upgrade
from training.history import check_history
from training.inputs import cores, tables_and_recipe
from training.pipeline import train
from training.progress import ReportedStep
from training.recipe import Recipe, choose_recipe


class TaskReporter:
    """Reporter of a training that sends its steps to the runner."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def start(self, step: ReportedStep) -> None:
        self._task.enter(
            step.name,
            step=step.number,
            steps=step.total,
            seconds_remaining=step.seconds_remaining,
        )

    def advance(self, done: int, total: int) -> None:
        self._task.advance(done, total)

    def end(self, step: ReportedStep, seconds: float) -> None: ...


def train_model(task: Task) -> Document:
    """Train a model as a job asks, and return the release, whether it serves, and the verdict."""
    request = TrainingRequest.model_validate(task.order.request)
    store = task.order.store
    folder = None if request.data is None else task.order.data / request.data
    store.check_writable()
    screening = None if folder is None else screening_of(store, task.order.outliers)

    def fit(champion: Bundle | None) -> Release:
        with tables_and_recipe(folder) as (tables, recipe):
            return train(
                tables,
                store,
                recipe,
                effort=request.recipe,
                threads=cores(),
                reporter=TaskReporter(task),
                demo=folder is None,
                layout=STANDARD if folder is None else request.layout,
                on_report=task.log_warnings,
                champion=champion,
                margins=task.order.margins,
                screening=screening,
                memory=task.order.memory,
                promote=False,  # decided below
            )

    trained = train_and_promote(
        store,
        fit,
        lambda release: _activate(task, release),
        promote=request.promote,
        demo=folder is None,
        on_unloadable=lambda error: task.log(
            f"The model that serves cannot be compared with: {error}"
        ),
    )
    return {
        "bundle": trained.release.bundle,
        "snapshot": trained.release.snapshot,
        "served": trained.served,
        "verdict": _summarise(trained.verdict),
        "outliers": list_new(store, trained.release.snapshot, screening or Screening()),
    }


def _summarise(verdict: Document | None) -> Document | None:
    """Return what is listed of a verdict; its figures are with the model."""
    if verdict is None:
        return None
    return {name: verdict[name] for name in ("champion", "outcome", "why")}


def _activate(task: Task, release: Release) -> None:
    """Serve a release, with the principal that asked for the job in the registry."""
    task.commit()
    engine = open_database(task.order.database)
    try:
        upgrade(engine)
        Registry(task.order.store, engine).promote(
            release.bundle,
            by=task.order.actor,
            reason=f"trained by job {task.order.job}",
            snapshot=release.snapshot,
        )
    finally:
        engine.dispose()


def check_training(task: Task) -> Document:
    """Check the tables of a training, and return what would be trained."""
    request = TrainingRequest.model_validate(task.order.request)
    folder = None if request.data is None else task.order.data / request.data
    with tables_and_recipe(folder) as (data, recipe):
        task.enter("reading the tables", step=1, steps=2)
        layout = STANDARD if folder is None else request.layout
        screening = None if folder is None else screening_of(task.order.store, task.order.outliers)
        tables, result = check_folder(data, layout, screening, task.order.memory)
        if tables is None:
            return result
        task.enter("planning the training", step=2, steps=2)
        with tempfile.TemporaryDirectory(prefix="mlrf-check-") as scratch:
            snapshot = load_snapshot(build_snapshot(tables, Path(scratch)).path)
            return {
                **result,
                **_describe_training(snapshot, tables.n_rows),
                **_fault_of(snapshot, data),
                "seconds": _estimate_seconds(
                    task.order.store, snapshot, choose_recipe(snapshot, recipe, request.recipe)
                ),
            }


def _describe_training(snapshot: Snapshot, rows: int) -> dict[str, Any]:
    return {
        "rows": rows,
        "series": snapshot.hierarchy.n_bottom,
        "first": snapshot.date_at(0).isoformat(),
        "origin": snapshot.facts.origin.isoformat(),
    }


def _fault_of(snapshot: Snapshot, data: Path) -> dict[str, Any]:
    """Return why correct tables cannot be trained on; empty if they can."""
    try:
        check_history(snapshot)
    except InputError as error:
        return {"usable": False, "reason": public_message(error, data)}
    return {}


def _estimate_seconds(store: Store, snapshot: Snapshot, recipe: Recipe) -> float | None:
    """Estimate the time of a training from that of the model that serves.

    None unless that was trained on this store with the same recipe. The time of a training grows
    about as the number of series times days does.
    """
    try:
        serving = store.current()
        trained = load_bundle(store.bundles / serving.bundle).facts
        before = load_snapshot(store.snapshots / trained.training_data)
    except ArtifactError:
        return None
    seconds: dict[str, float] | None = store.read_build(serving.bundle).get("seconds")
    if not seconds or trained.recipe != recipe.model_dump(mode="json"):
        return None
    cells = snapshot.hierarchy.n_bottom * snapshot.n_days
    cells_before = before.hierarchy.n_bottom * before.n_days
    return round(sum(seconds.values()) * cells / cells_before, 1)


def work(task: Task) -> Document:
    """Do the work of either kind of job."""
    return train_model(task) if task.order.kind is JobKind.TRAINING else check_training(task)


if __name__ == "__main__":
    run_task(work)
