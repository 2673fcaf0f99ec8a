"""Progress of a long task: numbered steps and an estimate of the remaining time.

The estimate uses steps of this run only: a planned step is assumed to take as many seconds for a
unit of work as the finished steps of its name took. There is no estimate before a step of each
name has finished.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class PlannedStep(NamedTuple):
    """A planned step.

    Attributes:
        work: amount of work relative to other steps of its name; 0 if too short to estimate.
    """

    name: str
    work: float = 0.0


@dataclass(frozen=True)
class ReportedStep:
    """A step that begins or has ended, as reported.

    Attributes:
        name: of the activity.
        number: of the step, from 1.
        total: number of all steps; None if not known yet.
        seconds_left: estimate for this step, unless it has ended, and for those after it;
            None if there is no estimate.
    """

    name: str
    number: int
    total: int | None = None
    seconds_remaining: float | None = None

    @property
    def place(self) -> str:
        """Number of the step, with the number of all steps if known."""
        return f"step {self.number}" + ("" if self.total is None else f" of {self.total}")


class Reporter(Protocol):
    """Interface that displays the progress of a long task."""

    def start(self, step: ReportedStep) -> None:
        """Show that a step begins."""

    def advance(self, done: int, total: int) -> None:
        """Show that the step has done `done` of `total` parts."""

    def end(self, step: ReportedStep, seconds: float) -> None:
        """Show that a step has ended, after so many seconds."""


class NullReporter:
    """Reporter that displays nothing."""

    def start(self, step: ReportedStep) -> None: ...

    def advance(self, done: int, total: int) -> None: ...

    def end(self, step: ReportedStep, seconds: float) -> None: ...


@dataclass
class Clock:
    """Numbering and timing of the steps of a task.

    The seconds are stored beside the bundle, whose digest must not depend on them.
    """

    reporter: Reporter
    seconds: dict[str, float] = field(default_factory=dict)
    _number: int = 0
    _planned: list[PlannedStep] | None = None
    _measured: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds and work of the steps that have ended, by name."""

    def plan(self, steps: Sequence[PlannedStep]) -> None:
        """Announce the steps that follow, in order."""
        self._planned = list(steps)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure and report a step."""
        self._number += 1
        planned = self._take_planned(name)
        self.reporter.start(self._make_step(name, planned))
        began = time.perf_counter()
        yield
        taken = time.perf_counter() - began
        self.seconds[name] = round(self.seconds.get(name, 0) + taken, 3)
        seconds, work = self._measured.get(name, (0.0, 0.0))
        self._measured[name] = (seconds + taken, work + planned.work)
        self.reporter.end(self._make_step(name), taken)

    def _take_planned(self, name: str) -> PlannedStep:
        """Take a step from the plan; a step other than the next one discards the plan."""
        if self._planned and self._planned[0].name == name:
            return self._planned.pop(0)
        self._planned = None
        return PlannedStep(name)

    def _make_step(self, name: str, *current: PlannedStep) -> ReportedStep:
        if self._planned is None:
            return ReportedStep(name, self._number)
        remaining = self._estimate_seconds([*current, *self._planned])
        return ReportedStep(name, self._number, self._number + len(self._planned), remaining)

    def _estimate_seconds(self, steps: Sequence[PlannedStep]) -> float | None:
        seconds = 0.0
        for name, work in steps:
            if not work:
                continue
            measured, done = self._measured.get(name, (0.0, 0.0))
            if not done:
                return None
            seconds += measured / done * work
        return seconds
