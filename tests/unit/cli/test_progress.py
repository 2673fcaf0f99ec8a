"""A log gets a line at the start and end of a step, and at intervals in between."""

from __future__ import annotations

import pytest

from cli.progress import LINE_SECONDS, Lines
from training.progress import ReportedStep


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def written() -> list[str]:
    return []


@pytest.fixture
def lines(written: list[str], watch: Watch) -> Lines:
    return Lines(written.append, clock=watch)


def test_a_step_begins_and_ends_with_a_line(lines: Lines, written: list[str]) -> None:
    lines.start(ReportedStep("fit", 3, 9, 200.0))
    lines.end(ReportedStep("fit", 3, 9, 100.0), 12.34)
    assert written == [
        "step 3 of 9: fit: begins, about 3 min left",
        "step 3 of 9: fit: took 12.3 s, about 100 s left",
    ]


def test_a_long_step_reports_its_progress(lines: Lines, written: list[str], watch: Watch) -> None:
    lines.start(ReportedStep("fit", 1))
    for done in range(1, 5):
        watch.now += LINE_SECONDS / 2
        lines.advance(done, 1000)
    assert written[1:] == ["step 1: fit: 2 of 1,000", "step 1: fit: 4 of 1,000"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(None, "step 1: fit: begins", id="no estimate"),
        pytest.param(1.0, "step 1: fit: begins, about 10 s left", id="seconds"),
        pytest.param(121.0, "step 1: fit: begins, about 2 min left", id="minutes"),
        pytest.param(9000.0, "step 1: fit: begins, about 2.5 h left", id="hours"),
    ],
)
def test_an_estimate_is_rounded_to_its_accuracy(
    lines: Lines, written: list[str], seconds: float | None, text: str
) -> None:
    lines.start(ReportedStep("fit", 1, None, seconds))
    assert written == [text]
