"""The end of a process: its last message waits for what is to be done before."""

from __future__ import annotations

import asyncio

from starlette.types import Message

from app.lifespan import ended_before


def test_the_end_is_sent_after_the_block_and_the_start_at_once() -> None:
    happened: list[str] = []

    async def send(message: Message) -> None:
        happened.append(message["type"])

    async def run() -> None:
        async with ended_before(send) as hold:
            await hold({"type": "lifespan.startup.complete"})
            await hold({"type": "lifespan.shutdown.complete"})
            happened.append("closed")

    asyncio.run(run())
    assert happened == ["lifespan.startup.complete", "closed", "lifespan.shutdown.complete"]
