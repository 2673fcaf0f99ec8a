"""Simulation of a refresh on many machines, from what its parts cost on one.

Workers take parts from a queue, read them from a shared volume, compute, and write what they made.
The volume serves one transfer at a time, at its whole rate, which takes as long together as sharing
it. Workers are lost at random; a part that is lost begins again on another worker.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

_SEED = 20170730
_NOTICED_AFTER = 30.0
"""Seconds until a scheduler counts a silent worker as lost."""
_REPLACED_AFTER = 120.0
"""Seconds until another worker is in its place."""
_SPREAD = 0.1
"""Standard deviation of the logarithm of a part's seconds."""

_Process = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Phase:
    """A phase of a refresh: independent parts, then what one process does with all of them.

    Attributes:
        seconds: of one core for all parts together.
        read, written: bytes of all parts together.
        afterwards: seconds of the one process at the end, the volume's included.
    """

    name: str
    seconds: float
    read: float
    written: float
    afterwards: float


@dataclass(frozen=True)
class Cluster:
    """Machines of a simulation.

    Attributes:
        workers: of one core each.
        volume: bytes a second of the shared volume.
        losses: of one worker, an hour.
    """

    workers: int
    volume: float
    losses: float = 0.01


@dataclass(frozen=True)
class Run:
    """Outcome of a phase.

    Attributes:
        seconds: from its beginning to its end.
        afterwards: of these, those of the one process at the end.
        lost: parts that began again.
        busy: share of the workers' time in which they computed.
        transferring: share of the time of the parts in which the volume was busy.
    """

    seconds: float
    afterwards: float
    lost: int
    busy: float
    transferring: float


def simulate(phase: Phase, cluster: Cluster, parts: int) -> Run:
    """Simulate a phase; the same arguments give the same outcome."""
    return _Simulation(phase, cluster, parts).run()


class _Simulation:
    def __init__(self, phase: Phase, cluster: Cluster, parts: int) -> None:
        self._phase, self._cluster, self._parts = phase, cluster, parts
        self._draw = np.random.default_rng(_SEED)
        self._clock = simpy.Environment()
        self._volume = simpy.Resource(self._clock)
        self._queue = simpy.Store(self._clock)
        self._done = self._clock.event()
        self._left = parts
        self._lost = 0
        self._computed = self._transferred = 0.0

    def run(self) -> Run:
        self._queue.items.extend(range(self._parts))
        for _ in range(self._cluster.workers):
            self._clock.process(self._keep_worker())
        self._clock.run(until=self._done)
        ended, afterwards = self._clock.now, self._phase.afterwards
        return Run(
            seconds=ended + afterwards,
            afterwards=afterwards,
            lost=self._lost,
            busy=self._computed / (ended * self._cluster.workers),
            transferring=self._transferred / ended,
        )

    def _keep_worker(self) -> _Process:
        """Run a worker until it is lost, and another in its place."""
        while True:
            worker = self._clock.process(self._work())
            lifetime = self._clock.timeout(self._draw_lifetime())
            yield worker | lifetime
            worker.interrupt()
            yield self._clock.timeout(_REPLACED_AFTER)

    def _draw_lifetime(self) -> float:
        if not self._cluster.losses:
            return math.inf
        return float(self._draw.exponential(3600 / self._cluster.losses))

    def _work(self) -> _Process:
        part = None
        try:
            while True:
                with self._queue.get() as waiting:  # a lost worker takes nothing any more
                    part = yield waiting
                yield from self._transfer(self._phase.read)
                seconds = self._phase.seconds / self._parts * self._draw.lognormal(0, _SPREAD)
                yield self._clock.timeout(seconds)
                self._computed += seconds
                yield from self._transfer(self._phase.written)
                part = None
                self._left -= 1
                if not self._left:
                    self._done.succeed()
        except simpy.Interrupt:
            if part is not None:
                self._lost += 1
                yield self._clock.timeout(_NOTICED_AFTER)
                yield self._queue.put(part)

    def _transfer(self, size: float) -> _Process:
        seconds = size / self._parts / self._cluster.volume
        with self._volume.request() as turn:
            yield turn
            yield self._clock.timeout(seconds)
            self._transferred += seconds
