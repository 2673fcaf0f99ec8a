"""Steps are numbered, and the remaining time is estimated from similar steps."""

from __future__ import annotations

import pytest

from training import progress as module
from training.progress import Clock, PlannedStep, ReportedStep


class Recorder:
    """A reporter that records its calls."""

    def __init__(self) -> None:
        self.started: list[ReportedStep] = []
        self.ended: list[tuple[ReportedStep, float]] = []

    def start(self, step: ReportedStep) -> None:
        self.started.append(step)

    def advance(self, done: int, total: int) -> None: ...

    def end(self, step: ReportedStep, seconds: float) -> None:
        self.ended.append((step, seconds))


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(module, "time", watch)
    return watch


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def run(clock: Clock, watch: Watch, *steps: tuple[str, float]) -> None:
    for name, seconds in steps:
        with clock.step(name):
            watch.now += seconds


def test_steps_are_counted_among_those_planned(recorder: Recorder, watch: Watch) -> None:
    clock = Clock(recorder)
    run(clock, watch, ("read", 1))
    clock.plan([PlannedStep("fit", 1), PlannedStep("write")])
    run(clock, watch, ("fit", 1), ("write", 1))
    assert [step.place for step in recorder.started] == ["step 1", "step 2 of 3", "step 3 of 3"]


def test_remaining_time_is_estimated_from_steps_of_the_same_name(
    recorder: Recorder, watch: Watch
) -> None:
    clock = Clock(recorder)
    clock.plan([PlannedStep("fit", 10), PlannedStep("fit", 30), PlannedStep("write")])
    run(clock, watch, ("fit", 5), ("fit", 15), ("write", 1))
    assert [step.seconds_remaining for step in recorder.started] == [None, 15, 0]
    assert [(step.seconds_remaining, seconds) for step, seconds in recorder.ended] == [
        (15, 5),
        (0, 15),
        (0, 1),
    ]


def test_without_a_similar_finished_step_there_is_no_estimate(
    recorder: Recorder, watch: Watch
) -> None:
    clock = Clock(recorder)
    clock.plan([PlannedStep("fit", 1), PlannedStep("judge", 1)])
    run(clock, watch, ("fit", 5), ("judge", 5))
    assert [step.seconds_remaining for step in recorder.started] == [None, None]


def test_an_unplanned_step_ends_the_numbering(recorder: Recorder, watch: Watch) -> None:
    clock = Clock(recorder)
    clock.plan([PlannedStep("fit", 1), PlannedStep("write")])
    run(clock, watch, ("other", 1), ("fit", 1))
    assert [step.place for step in recorder.started] == ["step 1", "step 2"]


def test_seconds_of_steps_of_one_name_add_up(recorder: Recorder, watch: Watch) -> None:
    clock = Clock(recorder)
    run(clock, watch, ("fit", 2), ("read", 1), ("fit", 3))
    assert clock.seconds == {"fit": 5, "read": 1}
