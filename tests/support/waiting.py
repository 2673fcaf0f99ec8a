"""Waiting for something that another thread, task or process does."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

DEADLINE_SECONDS = 60.0
"""Many times what an event takes, so that a busy machine fails no test."""

_PAUSE_SECONDS = 0.02


def wait_until(holds: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> float:
    """Wait for a condition, and return the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, f"not within {seconds:g} s"
        time.sleep(_PAUSE_SECONDS)
    return time.monotonic() - began


async def wait_in_loop(
    holds: Callable[[], Awaitable[bool] | bool], seconds: float = DEADLINE_SECONDS
) -> None:
    """Wait for a condition while other tasks of the event loop run."""
    deadline = time.monotonic() + seconds
    while True:
        result = holds()
        if await result if inspect.isawaitable(result) else result:
            return
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        await asyncio.sleep(_PAUSE_SECONDS)
