"""A time-out that tells a slow peer from a process that was itself held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STEPS = 4


@asynccontextmanager
async def stall_tolerant_timeout(seconds: float) -> AsyncIterator[None]:
    """Cancel the block after `seconds`, counted in steps that follow one another.

    An event loop that was held up, by a computation or by a busy machine, finds its timers
    expired together with the answers that came meanwhile. A step begins when the one
    before was seen to end, so that uses up one of them, and the peer is not blamed.

    Raises:
        TimeoutError: the time is over.
    """
    loop = asyncio.get_running_loop()
    step = seconds / STEPS
    async with asyncio.timeout(None) as scope:
        timer: asyncio.TimerHandle

        def tick(left: int) -> None:
            nonlocal timer
            if left:
                timer = loop.call_later(step, tick, left - 1)
            else:
                scope.reschedule(loop.time())

        timer = loop.call_later(step, tick, STEPS - 1)
        try:
            yield
        finally:
            timer.cancel()
