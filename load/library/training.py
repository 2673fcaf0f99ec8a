"""Seconds of a training, by step."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from load.library.subject import Advance, Subject
from load.record import Table
from storage.artifacts import Store
from training.pipeline import train
from training.progress import ReportedStep

THREADS = 2


class _StepReporter:
    """A reporter that passes the start of each training step on to the progress display."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def start(self, step: ReportedStep) -> None:
        self._advance(f"training: {step.name}")

    def advance(self, done: int, total: int) -> None: ...

    def end(self, step: ReportedStep, seconds: float) -> None: ...


def table(subject: Subject, advance: Advance) -> Table:
    """Return the seconds of each step of one training, from the build record of its bundle."""
    with TemporaryDirectory(prefix="mlrf-load-") as scratch:
        store = Store(Path(scratch))
        began = perf_counter()
        release = train(
            subject.data, store, subject.recipe, threads=THREADS, reporter=_StepReporter(advance)
        )
        whole = perf_counter() - began
        build = store.read_build(release.bundle)
    seconds: dict[str, float] = build["seconds"]
    seconds["the rest"] = whole - sum(seconds.values())
    rows = [(step, value, value / whole) for step, value in seconds.items()]
    return Table(
        id="training",
        caption=f"One training by step, {THREADS} threads; the models that calibrate the intervals "
        f"are among the rows and fits. {subject.size}.",
        columns=("step", "s", "share"),
        rows=(*rows, ("all", whole, 1.0)),
    )
