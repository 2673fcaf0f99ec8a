"""Progress of a command, on standard error; standard output is for results.

In a terminal it is a bar for each step; elsewhere, as in a log, a line at the start and at the
end of a step, and one every `LINE_SECONDS` in between. Where the log is JSON, every sentence is
a line of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from training.progress import ReportedStep, Reporter


class Messages(Console):
    """Standard error: sentences for a person, or lines of a log.

    Attributes:
        as_json: whether they are lines of a log, with the event `message`.
    """

    as_json = False

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as a console does, or log the text without its markup.

        Its colour is its level: yellow is a warning.
        """
        if not self.as_json:
            super().print(*objects, **options)
            return
        marked = options.get("markup") is not False
        text = " ".join(
            Text.from_markup(str(each)).plain if marked else str(each) for each in objects
        )
        level = logging.WARNING if options.get("style") == "yellow" else logging.INFO
        for line in filter(str.strip, text.splitlines()):
            structlog.get_logger("cli").log(level, "message", text=line)


err = Messages(stderr=True)

LINE_SECONDS = 30.0
_MINUTE, _HOUR = 60, 3600


def say(text: str) -> None:
    """Print a sentence as it is, on one line."""
    err.print(text, markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning, on one line."""
    err.print(f"warning: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)


class Phases:
    """Progress of work in named phases: a line as each begins, and one now and then within it."""

    def __init__(
        self, phases: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._phases = phases
        self._clock = clock
        self._written = clock()

    def enter(self, phase: str) -> None:
        """Say that a phase begins, with its number."""
        self._say(f"step {self._phases.index(phase) + 1} of {len(self._phases)}: {phase}")

    def advance(self, done: int, total: int) -> None:
        """Say how much of the phase is done, unless something was said a moment ago."""
        if self._clock() - self._written >= LINE_SECONDS:
            self._say(f"{done:,} of {total:,}")

    def _say(self, text: str) -> None:
        say(text)
        self._written = self._clock()


class Bars:
    """Reporter that shows a bar for each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def start(self, step: ReportedStep) -> None:
        self._task = self._progress.add_task(
            _step_title(step), total=None, remaining=_describe_remaining(step)
        )

    def advance(self, done: int, total: int) -> None:
        assert self._task is not None, "a step is started before it advances"
        self._progress.update(self._task, completed=done, total=total)

    def end(self, step: ReportedStep, seconds: float) -> None:
        assert self._task is not None, "a step is started before it ends"
        total = self._progress.tasks[self._task].total or 1
        self._progress.update(self._task, completed=total, total=total, remaining="")


class Lines:
    """Reporter that writes lines to a log."""

    def __init__(
        self, write: Callable[[str], object], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._step_title = ""
        self._written = 0.0

    def start(self, step: ReportedStep) -> None:
        self._step_title = _step_title(step)
        self._write_line(f"begins{_prefix_comma(_describe_remaining(step))}")

    def advance(self, done: int, total: int) -> None:
        if self._clock() - self._written >= LINE_SECONDS:
            self._write_line(f"{done:,} of {total:,}")

    def end(self, step: ReportedStep, seconds: float) -> None:
        self._write_line(f"took {seconds:.1f} s{_prefix_comma(_describe_remaining(step))}")

    def _write_line(self, text: str) -> None:
        self._write(f"{self._step_title}: {text}")
        self._written = self._clock()


def _step_title(step: ReportedStep) -> str:
    return f"{step.place}: {step.name}"


def _prefix_comma(remaining: str) -> str:
    return f", {remaining}" if remaining else ""


def _describe_remaining(step: ReportedStep) -> str:
    """Return the estimated remaining time in words; empty without an estimate."""
    if not step.seconds_remaining:
        return ""
    if step.seconds_remaining < 2 * _MINUTE:
        return f"about {10 * ceil(step.seconds_remaining / 10)} s left"
    if step.seconds_remaining < _HOUR:
        return f"about {round(step.seconds_remaining / _MINUTE)} min left"
    return f"about {step.seconds_remaining / _HOUR:.1f} h left"


@contextmanager
def progress() -> Iterator[Reporter]:
    """Yield a reporter that shows the steps of a command."""
    if err.as_json or not err.is_terminal:
        yield Lines(lambda line: err.print(line, highlight=False, markup=False, soft_wrap=True))
        return
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remaining]}"),
    )
    with Progress(*columns, console=err) as bars:
        yield Bars(bars)
