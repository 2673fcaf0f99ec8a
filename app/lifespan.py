"""The end of a process, which the server must not begin too early."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Message, Send


@asynccontextmanager
async def ended_before(send: Send) -> AsyncIterator[Send]:
    """Yield a function that sends the messages of a lifespan, its end only after the block.

    Once the server has that message it closes the event loop: what an application around another
    one still does then is cancelled at its first wait.
    """
    ends: list[Message] = []

    async def hold(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            ends.append(message)
        else:
            await send(message)

    yield hold
    for message in ends:
        await send(message)
