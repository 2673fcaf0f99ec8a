"""Comparing several ways to do the same work on a machine with background noise."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Spread:
    """Median, least and most of one figure over the rounds."""

    median: float
    least: float
    most: float


def measure_interleaved(
    ways: Mapping[Name, Callable[[], float]],
    *,
    rounds: int = 3,
    warm: int = 1,
    advance: Callable[[], object] = lambda: None,
) -> dict[Name, Spread]:
    """Measure in the order a, b, c, a, b, c, …, and return the spread of each.

    A temporary slowdown of the machine then affects all ways equally.

    Args:
        ways: functions that measure once and return the figure.
        warm: warm-up rounds, which do not count.
        advance: called after each measurement.
    """
    figures: dict[Name, list[float]] = {name: [] for name in ways}
    for number in range(warm + rounds):
        for name, way in ways.items():
            figure = way()
            if number >= warm:
                figures[name].append(figure)
            advance()
    return {name: Spread(median(all_), min(all_), max(all_)) for name, all_ in figures.items()}


def make_timer(work: Callable[[], object], *, least: float = 0.0) -> Callable[[], float]:
    """Return a function that times one call of `work`, averaged over at least `least` seconds."""

    def measure() -> float:
        calls, start = 0, perf_counter()
        while True:
            work()
            calls += 1
            if (elapsed := perf_counter() - start) >= least:
                return elapsed / calls

    return measure
