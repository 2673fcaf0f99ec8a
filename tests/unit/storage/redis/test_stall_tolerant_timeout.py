"""Time-outs that do not count this process's own delays."""

from __future__ import annotations

import asyncio
import time

import pytest

from storage.redis.stall_tolerant_timeout import stall_tolerant_timeout


def test_a_slow_block_is_cancelled() -> None:
    async def run() -> float:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            async with stall_tolerant_timeout(0.04):
                await asyncio.Event().wait()
        return time.monotonic() - begin

    assert 0.04 <= asyncio.run(run()) < 5


def test_data_that_arrived_during_a_stall_of_the_loop_is_still_read() -> None:
    async def ask(port: int) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with stall_tolerant_timeout(0.1):
            writer.write(b"?\n")
            time.sleep(0.3)  # blocks the event loop on purpose
            answer = await reader.readline()
        writer.close()
        return answer.decode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())

    async def serve() -> str:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            return await ask(server.sockets[0].getsockname()[1])

    assert asyncio.run(serve()) == "?\n"


def test_leaving_in_time_cancels_the_timer() -> None:
    reported: list[object] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))
        async with stall_tolerant_timeout(0.01):
            pass
        await asyncio.sleep(0.05)  # a remaining timer would expire here

    asyncio.run(run())
    assert reported == []
