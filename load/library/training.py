"""What training takes its time for."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import orjson

from artifacts import Store
from load.library.subject import Advance, Subject
from load.record import Table
from training.clock import Step
from training.pipeline import train

THREADS = 2


class _Steps:
    """Tells of the steps of a training as they begin."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    def start(self, step: Step) -> None:
        self._advance(f"training: {step.name}")

    def advance(self, done: int, total: int) -> None: ...

    def end(self, step: Step, seconds: float) -> None: ...


def table(subject: Subject, advance: Advance) -> Table:
    """Seconds of each step of one training, as it writes them down beside the bundle itself."""
    with TemporaryDirectory(prefix="mlrf-load-") as scratch:
        store = Store(Path(scratch))
        began = perf_counter()
        release = train(
            subject.data, store, subject.recipe, threads=THREADS, reporter=_Steps(advance)
        )
        whole = perf_counter() - began
        build = orjson.loads((store.builds / f"{release.bundle}.json").read_bytes())
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
