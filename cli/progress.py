"""What a command shows while it works, on standard error: standard output is for results.

In a terminal a bar for each step; elsewhere, as in a log, a line when a step begins and one when
it has ended, and one every `LINE_SECONDS` in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from training.clock import Reporter, Step

err = Console(stderr=True)

LINE_SECONDS = 30.0
_MINUTE, _HOUR = 60, 3600


class Bars:
    """A bar for each step of a long task."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def start(self, step: Step) -> None:
        self._task = self._progress.add_task(_title(step), total=None, left=_left(step))

    def advance(self, done: int, total: int) -> None:
        assert self._task is not None, "a step is started before it advances"
        self._progress.update(self._task, completed=done, total=total)

    def end(self, step: Step, seconds: float) -> None:
        assert self._task is not None, "a step is started before it ends"
        total = self._progress.tasks[self._task].total or 1
        self._progress.update(self._task, completed=total, total=total, left="")


class Lines:
    """Lines for a log."""

    def __init__(
        self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._title = ""
        self._written = 0.0

    def start(self, step: Step) -> None:
        self._title = _title(step)
        self._line(f"begins{_among(_left(step))}")

    def advance(self, done: int, total: int) -> None:
        if self._clock() - self._written >= LINE_SECONDS:
            self._line(f"{done:,} of {total:,}")

    def end(self, step: Step, seconds: float) -> None:
        self._line(f"took {seconds:.1f} s{_among(_left(step))}")

    def _line(self, text: str) -> None:
        self._write(f"{self._title}: {text}")
        self._written = self._clock()


def _title(step: Step) -> str:
    return f"{step.place}: {step.name}"


def _among(left: str) -> str:
    return f", {left}" if left else ""


def _left(step: Step) -> str:
    """Return the estimate of the time that is left in words; empty where there is none."""
    if not step.seconds_left:
        return ""
    if step.seconds_left < 2 * _MINUTE:
        return f"about {10 * ceil(step.seconds_left / 10)} s left"
    if step.seconds_left < _HOUR:
        return f"about {round(step.seconds_left / _MINUTE)} min left"
    return f"about {step.seconds_left / _HOUR:.1f} h left"


@contextmanager
def progress() -> Iterator[Reporter]:
    """Show the steps of a command while it works."""
    if not err.is_terminal:
        yield Lines(lambda line: err.print(line, highlight=False, markup=False, soft_wrap=True))
        return
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=err) as bars:
        yield Bars(bars)
