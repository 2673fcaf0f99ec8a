"""Measuring several ways of the same work against each other on a machine that is not quiet."""

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


def interleaved(
    ways: Mapping[Name, Callable[[], float]],
    *,
    rounds: int = 3,
    warm: int = 1,
    advance: Callable[[], object] = lambda: None,
) -> dict[Name, Spread]:
    """Measure a, b, c, a, b, c, …: what slows the machine for a while slows all of them.

    Args:
        ways: each measures once and returns its figure.
        warm: rounds before those that count.
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


def seconds(work: Callable[[], object], *, least: float = 0.0) -> Callable[[], float]:
    """A way that measures the seconds of one call, by as many as fill the `least` seconds."""

    def measure() -> float:
        calls, start = 0, perf_counter()
        while True:
            work()
            calls += 1
            if (elapsed := perf_counter() - start) >= least:
                return elapsed / calls

    return measure
