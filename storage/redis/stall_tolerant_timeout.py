"""Time-out that distinguishes a slow peer from a stalled event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STEPS = 4


@asynccontextmanager
async def stall_tolerant_timeout(seconds: float) -> AsyncIterator[None]:
    """Cancel the block after `seconds`, counted in consecutive short steps.

    After a stall of the event loop, by a computation or by a busy machine, an expired timer and
    the peer's response are ready at once, and a single timer would cancel the block before it
    could process the response. Here each step is scheduled when the one before has ended, so a
    stall uses up one step at most, and the response is processed before the next one.

    Raises:
        TimeoutError: the time is over.
    """
    loop = asyncio.get_running_loop()
    step = seconds / STEPS
    async with asyncio.timeout(None) as scope:
        timer: asyncio.TimerHandle

        def tick(remaining: int) -> None:
            nonlocal timer
            if remaining:
                timer = loop.call_later(step, tick, remaining - 1)
            else:
                scope.reschedule(loop.time())

        timer = loop.call_later(step, tick, STEPS - 1)
        try:
            yield
        finally:
            timer.cancel()
