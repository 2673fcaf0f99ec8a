"""Threads that run a model on many rows, in parts that take turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]

THREADS = 2
"""Threads of a process. The second one uses an idle core for a scenario of all series; more would
take the cores of the other workers."""

PART_ROWS = 8192
"""Rows of a part, about 50 ms of a core on the Favorita release: as long as the next caller waits.
Parts of half or a quarter of these rows took 6 and 15 % more of the processor."""


class PredictionPool:
    """Predictions of many rows, for all callers of a process.

    A caller has at most as many parts in the queue as there are threads. So one with a few thousand
    rows does not wait for one with all of them.

    Args:
        threads: that run parts, of all callers together.
        part_rows: rows of a part.
    """

    def __init__(self, *, threads: int = THREADS, part_rows: int = PART_ROWS) -> None:
        self._threads, self._part_rows = threads, part_rows
        # callers get it in the order in which they ask
        self._limiter = anyio.CapacityLimiter(threads)

    async def predict(self, predict: Callable[[Rows], Rows], rows: Rows) -> Rows:
        """Return `predict(rows)`, shape (n,); each row's output depends on that row alone."""
        outputs = np.empty(len(rows), dtype=np.float32)
        starts = iter(range(0, len(rows), self._part_rows))

        async def predict_parts() -> None:
            for start in starts:  # the tasks share the iterator
                part = slice(start, start + self._part_rows)
                outputs[part] = await anyio.to_thread.run_sync(
                    predict, rows[part], limiter=self._limiter
                )

        # not a task group of anyio, which would wrap the model's error into an exception group
        await asyncio.gather(*(predict_parts() for _ in range(self._threads)))
        return outputs
