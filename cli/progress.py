"""What a command shows while it works, on standard error: standard output is for results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

err = Console(stderr=True)


class Bars:
    """A bar for each step of a long task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def start(self, task: str) -> None:
        self.finish()
        self._task = self._progress.add_task(task, total=None)

    def advance(self, done: int, total: int) -> None:
        assert self._task is not None, "a step is started before it advances"
        self._progress.update(self._task, completed=done, total=total)

    def finish(self) -> None:
        if self._task is not None:
            total = self._progress.tasks[self._task].total or 1
            self._progress.update(self._task, completed=total, total=total)


@contextmanager
def progress() -> Iterator[Bars]:
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        bars = Bars(progress)
        yield bars
        bars.finish()
