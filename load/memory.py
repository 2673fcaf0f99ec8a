"""Resident memory of the workers during a load run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import psutil

from load.outcome import Verdict, limits
from load.record import Table
from load.server import Server

EVERY_SECONDS = 5.0
SETTLING = 0.2
"""Share of a scenario's counted time during which caches may still fill."""

_MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """Resident memory of a worker, `at` seconds after the start of the run."""

    at: float
    bytes: int


class Memory:
    """A watcher that samples the workers' resident memory every few seconds.

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
                continue  # ended: a worker with fewer samples than others fails its verdict
            self.samples[worker.pid].append(Sample(elapsed, size))

    @property
    def table(self) -> Table:
        """Memory of each worker: first settled sample, last, and largest."""
        return Table(
            id=f"{self._scenario}-memory",
            caption=f"Scenario `{self._scenario}`: resident memory of each worker, every "
            f"{EVERY_SECONDS:.0f} s from {self.settled:.0f} s after the start.",
            columns=("worker", "first MiB", "last MiB", "largest MiB", "largest change %"),
            rows=tuple(
                (f"worker {number}", *self._row([sample.bytes for sample in samples]))
                for number, samples in enumerate(self.settled_samples.values(), 1)
            ),
        )

    @property
    def settled_samples(self) -> dict[int, list[Sample]]:
        """Samples taken after memory should have settled, by worker; no worker without any."""
        counted = {
            pid: [sample for sample in all_ if sample.at >= self.settled]
            for pid, all_ in self.samples.items()
        }
        return {pid: samples for pid, samples in counted.items() if samples}

    @property
    def verdicts(self) -> list[Verdict]:
        """One verdict a worker on its memory staying flat; none without such a threshold."""
        limit = limits("memory", self._scenario).get("largest_change")
        if limit is None:
            return []
        return [
            Verdict(f"worker {number}, share by which its memory changed", f"<={limit}", *judged)
            for number, samples in enumerate(self.settled_samples.values() or [[]], 1)
            for judged in [self._judge_change([sample.bytes for sample in samples], limit)]
        ]

    def _judge_change(self, sizes: list[int], limit: float) -> tuple[float | None, bool]:
        """Return the relative change and whether it is within the limit.

        A worker with fewer than two samples, or fewer than another worker (one of them was
        replaced), has no change and fails.
        """
        longest = max(map(len, self.settled_samples.values()), default=0)
        if len(sizes) < 2 or len(sizes) < longest:
            return None, False
        return _change(sizes), _change(sizes) <= limit

    def _row(self, sizes: list[int]) -> tuple[float, float, float, float]:
        first, last, largest = sizes[0] / _MIB, sizes[-1] / _MIB, max(sizes) / _MIB
        return first, last, largest, _change(sizes) * 100


def _change(sizes: list[int]) -> float:
    """Return the largest distance from the first size, as a share of it."""
    return max(abs(size / sizes[0] - 1) for size in sizes)
