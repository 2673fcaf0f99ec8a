"""How far a long task has come: its steps, numbered, and how long the rest will take.

The estimate rests on steps of this run alone: a step to come takes as many seconds for a unit of
its work as those of its name took. There is none before a step of each name was seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class PlannedStep(NamedTuple):
    """A step to come.

    Attributes:
        work: how much it is beside other steps of its name; 0 for one too short to estimate.
    """

    name: str
    work: float = 0.0


@dataclass(frozen=True)
class Step:
    """A step that begins or has ended.

    Attributes:
        name: what is done.
        number: of the step, from 1.
        total: number of all steps; None where that is not known yet.
        seconds_left: estimate for this step, unless it has ended, and for those after it; None
            where there is none.
    """

    name: str
    number: int
    total: int | None = None
    seconds_left: float | None = None

    @property
    def place(self) -> str:
        """The number of the step among all."""
        return f"step {self.number}" + ("" if self.total is None else f" of {self.total}")


class Reporter(Protocol):
    """Shows how far a long task has come."""

    def start(self, step: Step) -> None:
        """Show that a step begins."""

    def advance(self, done: int, total: int) -> None:
        """Show that the step has done `done` of `total` parts."""

    def end(self, step: Step, seconds: float) -> None:
        """Show that a step has ended, after so many seconds."""


class NullReporter:
    """Shows nothing."""

    def start(self, step: Step) -> None: ...

    def advance(self, done: int, total: int) -> None: ...

    def end(self, step: Step, seconds: float) -> None: ...


@dataclass
class Clock:
    """Numbers the steps of a task and measures their seconds.

    The seconds are kept beside the bundle, whose digest must not depend on them.
    """

    reporter: Reporter
    seconds: dict[str, float] = field(default_factory=dict)
    _number: int = 0
    _planned: list[PlannedStep] | None = None
    _measured: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Seconds and work of the steps that have ended, by name."""

    def plan(self, steps: Sequence[PlannedStep]) -> None:
        """Say which steps follow, in their order."""
        self._planned = list(steps)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure and report a step."""
        self._number += 1
        planned = self._next(name)
        self.reporter.start(self._step(name, planned))
        began = time.perf_counter()
        yield
        taken = time.perf_counter() - began
        self.seconds[name] = round(self.seconds.get(name, 0) + taken, 3)
        seconds, work = self._measured.get(name, (0.0, 0.0))
        self._measured[name] = (seconds + taken, work + planned.work)
        self.reporter.end(self._step(name), taken)

    def _next(self, name: str) -> PlannedStep:
        """Take a step from the plan; one that is not the next of it voids the plan."""
        if self._planned and self._planned[0].name == name:
            return self._planned.pop(0)
        self._planned = None
        return PlannedStep(name)

    def _step(self, name: str, *current: PlannedStep) -> Step:
        if self._planned is None:
            return Step(name, self._number)
        left = self._estimate([*current, *self._planned])
        return Step(name, self._number, self._number + len(self._planned), left)

    def _estimate(self, steps: Sequence[PlannedStep]) -> float | None:
        seconds = 0.0
        for name, work in steps:
            if not work:
                continue
            measured, done = self._measured.get(name, (0.0, 0.0))
            if not done:
                return None
            seconds += measured / done * work
        return seconds
