"""Vital signs of a worker: its memory, and how late its event loop is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from config.version import __version__
from telemetry import metrics

SECONDS = 0.25
"""Interval at which a worker's metrics become visible to the other workers."""

LAG_SECONDS = 15.0
"""Time for which the longest delay is shown: that between two scrapes, or more."""

MEMORY_SECONDS = 15.0
"""Interval at which the memory is measured: the kernel walks all pages, for milliseconds."""

_ROLLUP = "/proc/{}/smaps_rollup"
_PSS = b"Pss:"


class WorkerVitals:
    """Observer of a worker, from its start to its end.

    Args:
        cache_size: returns the bytes of the answers in its cache.
    """

    def __init__(self, cache_size: Callable[[], int]) -> None:
        self._cache_size = cache_size
        self._lags: deque[float] = deque(maxlen=int(LAG_SECONDS / SECONDS))
        self._due: float | None = None

    def note_start(self) -> None:
        """Count the start of the worker."""
        metrics.WORKER_STARTS.add()
        metrics.WORKERS.set(1)
        metrics.BUILD.set(1, __version__)

    async def observe(self) -> None:
        """Set the metrics; to be called every `SECONDS`, and late only if the event loop is."""
        now = anyio.current_time()
        self._lags.append(0.0 if self._due is None else max(now - self._due, 0.0))
        self._due = now + SECONDS
        metrics.LOOP_LAG.set(max(self._lags))
        metrics.CACHE_BYTES.set(self._cache_size())
        metrics.flush()


async def observe_memory() -> None:
    """Set the metric of this worker's memory; to be called every `MEMORY_SECONDS`."""
    memory = await anyio.to_thread.run_sync(proportional_memory)
    if memory is not None:
        metrics.WORKER_MEMORY.set(memory)


def proportional_memory(process: int | str = "self") -> int | None:
    """Return the memory of a process in bytes, of pages that it shares its part.

    None where the system does not tell: it is Linux that has `_ROLLUP`.
    """
    with suppress(OSError):
        for line in Path(_ROLLUP.format(process)).read_bytes().splitlines():
            if line.startswith(_PSS):
                return int(line.split()[1]) * 1024
    return None
