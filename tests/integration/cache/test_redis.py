"""The client of a real server that is killed, frozen, full or read-only, and recovers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from storage.redis.client import RedisClient
from storage.redis.errors import RedisUnavailableError
from tests.support.clock import Clock
from tests.support.valkey import Valkey

TIMEOUT = 0.5
CONNECTIONS = 4


@pytest.fixture
def reasons() -> list[str]:
    return []


@pytest.fixture
def link(valkey: Valkey, clock: Clock, reasons: list[str]) -> RedisClient:
    return RedisClient(
        valkey.url(),
        timeout=TIMEOUT,
        clock=clock,
        connections=CONNECTIONS,
        on_error=reasons.append,
    )


async def get(redis: Redis) -> Any:
    return await redis.get("a")


async def put(redis: Redis) -> Any:
    return await redis.set("a", b"1")


async def run_many(link: RedisClient, count: int) -> list[Any]:
    return await asyncio.gather(*(link.run(get) for _ in range(count)), return_exceptions=True)


def test_more_calls_than_connections_are_all_answered(valkey: Valkey, link: RedisClient) -> None:
    async def run() -> None:
        await link.run(put)
        assert await run_many(link, 200) == [b"1"] * 200
        assert len(valkey.ask("CLIENT", "LIST").splitlines()) <= CONNECTIONS + 1
        await link.aclose()

    asyncio.run(run())


def test_a_killed_server_is_unavailable_until_it_is_restarted(
    valkey: Valkey, link: RedisClient, clock: Clock, reasons: list[str]
) -> None:
    async def run() -> None:
        await run_many(link, 10)
        valkey.kill()
        assert {type(answer) for answer in await run_many(link, 50)} == {RedisUnavailableError}
        clock.now += 1
        assert {type(answer) for answer in await run_many(link, 50)} == {RedisUnavailableError}
        assert set(reasons) == {"connection"}
        valkey.start()
        assert {type(answer) for answer in await run_many(link, 50)} == {RedisUnavailableError}
        clock.now += 1
        assert await link.run(put)
        assert link.available
        assert await run_many(link, 50) == [b"1"] * 50
        await link.aclose()

    asyncio.run(run())


def test_a_restart_between_two_calls_is_not_an_outage(
    valkey: Valkey, link: RedisClient, reasons: list[str]
) -> None:
    async def run() -> None:
        await run_many(link, 10)
        await asyncio.to_thread(valkey.kill)
        await asyncio.to_thread(valkey.start)
        assert await link.run(put)
        assert reasons == []
        await link.aclose()

    asyncio.run(run())


def test_a_frozen_server_costs_one_time_out_and_then_nothing(
    valkey: Valkey, link: RedisClient, clock: Clock, reasons: list[str]
) -> None:
    """Late answers to abandoned calls must not be taken for those of later calls."""

    async def run() -> None:
        await link.run(put)
        valkey.freeze()
        begin = time.monotonic()
        assert {type(answer) for answer in await run_many(link, 100)} == {RedisUnavailableError}
        # the connections wait side by side: in turn, they would take as many time-outs
        assert TIMEOUT <= time.monotonic() - begin < CONNECTIONS * TIMEOUT
        assert {type(answer) for answer in await run_many(link, 100)} == {RedisUnavailableError}
        assert reasons == ["timeout"] * CONNECTIONS
        clock.now += 1
        assert {type(answer) for answer in await run_many(link, 100)} == {RedisUnavailableError}
        assert reasons == ["timeout"] * (CONNECTIONS + 1)
        valkey.thaw()
        clock.now += 1
        assert await link.run(lambda redis: redis.echo("mine")) == b"mine"
        assert await run_many(link, 100) == [b"1"] * 100
        await link.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("setting", "reason", "undo"),
    [
        pytest.param(("REPLICAOF", "127.0.0.1", "1"), "read_only", ("REPLICAOF", "NO", "ONE")),
        pytest.param(
            ("CONFIG", "SET", "maxmemory", "1"),
            "out_of_memory",
            ("CONFIG", "SET", "maxmemory", "0"),
        ),
        pytest.param(
            ("CONFIG", "SET", "min-replicas-to-write", "1"),
            "server",
            ("CONFIG", "SET", "min-replicas-to-write", "0"),
        ),
    ],
    ids=["replica", "full", "without replicas"],
)
def test_a_server_that_refuses_writes_is_unavailable(
    valkey: Valkey,
    link: RedisClient,
    clock: Clock,
    reasons: list[str],
    setting: tuple[str, ...],
    reason: str,
    undo: tuple[str, ...],
) -> None:
    async def run() -> None:
        valkey.ask(*setting)
        with pytest.raises(RedisUnavailableError):
            await link.run(put)
        assert reasons == [reason]
        clock.now += 1
        with pytest.raises(RedisUnavailableError):
            await link.run(lambda redis: redis.eval("return redis.call('SET', 'a', 1)", 0))
        assert reasons == [reason] * 2
        valkey.ask(*undo)
        clock.now += 1
        assert await link.run(put)
        assert link.available
        await link.aclose()

    asyncio.run(run())


def test_a_command_that_redis_refuses_is_not_an_outage(link: RedisClient) -> None:
    async def run() -> None:
        await link.run(put)
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await link.run(lambda redis: redis.lpush("a", "b"))
        assert link.available
        await link.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("credentials", "answers"),
    [
        pytest.param(":geheim%2F1@", True, id="right"),
        pytest.param(":falsch@", False, id="wrong"),
        pytest.param("", False, id="none"),
    ],
)
def test_without_the_password_redis_is_unavailable(
    valkey: Valkey, credentials: str, answers: bool
) -> None:
    valkey.ask("CONFIG", "SET", "requirepass", "geheim/1")
    reasons: list[str] = []

    async def run() -> None:
        link = RedisClient(valkey.url(credentials), timeout=5, on_error=reasons.append)
        if answers:
            assert await link.run(put)
        else:
            with pytest.raises(RedisUnavailableError) as raised:
                await link.run(put)
            assert "falsch" not in repr(raised.value)
        await link.aclose()

    asyncio.run(run())
    assert reasons == ([] if answers else ["authentication"])


def test_dead_connections_are_replaced(valkey: Valkey, clock: Clock, reasons: list[str]) -> None:
    """A firewall that forgets idle connections closes none of them; only new ones work."""

    async def run() -> None:
        async with start_proxy(valkey.port) as proxy:
            link = RedisClient(
                f"redis://127.0.0.1:{proxy.port}",
                timeout=0.5,
                clock=clock,
                connections=4,
                on_error=reasons.append,
            )
            await run_many(link, 4)
            proxy.drop_connections()
            with pytest.raises(RedisUnavailableError):
                await link.run(put)
            clock.now += 1
            assert await link.run(put)
            assert await run_many(link, 8) == [b"1"] * 8
            await link.aclose()
        assert reasons == ["timeout"]

    asyncio.run(run())


class CuttableProxy:
    """A TCP proxy whose connections can be cut without being closed."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.tasks: list[asyncio.Task[None]] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers += [writer, forth]
        for source, sink in ((reader, forth), (back, writer)):
            self.tasks.append(asyncio.create_task(self.pass_on(source, sink)))

    async def pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while part := await source.read(65536):
            sink.write(part)
        sink.close()

    def drop_connections(self) -> None:
        for task in self.tasks:
            task.cancel()


@asynccontextmanager
async def start_proxy(target: int) -> AsyncIterator[CuttableProxy]:
    proxy = CuttableProxy(target)
    async with await asyncio.start_server(proxy.connect, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        proxy.drop_connections()
        for writer in proxy.writers:
            writer.close()


def test_closing_closes_every_connection(valkey: Valkey, link: RedisClient) -> None:
    async def run() -> None:
        await run_many(link, 20)
        await link.aclose()

    asyncio.run(run())
    assert len(valkey.ask("CLIENT", "LIST").splitlines()) == 1
