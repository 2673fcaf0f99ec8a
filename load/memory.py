"""Memory of the workers while load is put on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import psutil

from load.outcome import Verdict, limits
from load.record import Table
from load.server import Server

EVERY_SECONDS = 5.0
SETTLING = 0.2
"""Part of a scenario's counted time in which caches may still fill."""

_MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """Resident memory of a worker, so many seconds after the start of the run."""

    at: float
    bytes: int


class Memory:
    """Looks at the workers' resident memory every few seconds.

    Args:
        settled: seconds after the start of the run from which memory should be flat.
    """

    def __init__(self, server: Server, *, scenario: str, settled: float) -> None:
        self.settled = settled
        self.samples: dict[int, list[Sample]] = defaultdict(list)
        self._server = server
        self._scenario = scenario
        self._next = 0.0

    def look(self, elapsed: float) -> None:
        """Take a sample of every worker if it is time for one."""
        if elapsed < self._next:
            return
        self._next = elapsed + EVERY_SECONDS
        for worker in self._server.workers():
            try:
                size = worker.memory_info().rss
            except psutil.NoSuchProcess:
                continue  # the table will tell that its samples end
            self.samples[worker.pid].append(Sample(elapsed, size))

    @property
    def table(self) -> Table:
        """Each worker: its memory when it had settled, at the end, and in between."""
        return Table(
            id=f"{self._scenario}-memory",
            caption=f"Scenario `{self._scenario}`: resident memory of each worker, every "
            f"{EVERY_SECONDS:.0f} s from {self.settled:.0f} s after the start.",
            columns=("worker", "first MiB", "last MiB", "largest MiB", "largest change %"),
            rows=tuple(
                (f"worker {number}", *self._row([sample.bytes for sample in kept]))
                for number, kept in enumerate(self.kept.values(), 1)
            ),
        )

    @property
    def kept(self) -> dict[int, list[Sample]]:
        """The samples that count, by worker."""
        counted = {
            pid: [sample for sample in all_ if sample.at >= self.settled]
            for pid, all_ in self.samples.items()
        }
        return {pid: samples for pid, samples in counted.items() if samples}

    @property
    def verdicts(self) -> list[Verdict]:
        """Whether memory stayed flat, where the scenario asks for it."""
        limit = limits("memory", self._scenario).get("largest_change")
        if limit is None:
            return []
        return [
            Verdict(f"worker {number}, share by which its memory changed", f"<={limit}", *judged)
            for number, kept in enumerate(self.kept.values() or [[]], 1)
            for judged in [self._judged([sample.bytes for sample in kept], limit)]
        ]

    def _judged(self, sizes: list[int], limit: float) -> tuple[float | None, bool]:
        """The change; not flat where the worker was not there all the time, or hardly looked at."""
        longest = max((len(kept) for kept in self.kept.values()), default=0)
        if len(sizes) < 2 or len(sizes) < longest:
            return None, False
        return _change(sizes), _change(sizes) <= limit

    def _row(self, sizes: list[int]) -> tuple[float, float, float, float]:
        first, last, largest = sizes[0] / _MIB, sizes[-1] / _MIB, max(sizes) / _MIB
        return first, last, largest, _change(sizes) * 100


def _change(sizes: list[int]) -> float:
    """The largest distance from the first, as a part of it."""
    return max(abs(size / sizes[0] - 1) for size in sizes)
