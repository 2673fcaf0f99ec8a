"""The circuit breaker, with operations that replace Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from structlog.testing import CapturingLogger

import storage.redis.client
from errors import InputError
from storage.redis.client import RedisClient
from storage.redis.errors import RedisUnavailableError
from tests.support.clock import Clock

URL = "redis://user:geheim@localhost:6379/0"


class Operation:
    """An operation that fails or answers as configured, and counts its starts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, redis: Redis) -> str:
        self.calls += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return "answer"


DOWN = redis_errors.ConnectionError("Error 111 connecting to localhost:6379.")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    logger = CapturingLogger()
    monkeypatch.setattr(storage.redis.client, "_log", logger)
    return logger


@pytest.fixture
def events() -> list[object]:
    """Return the list that the callbacks append to."""
    return []


@pytest.fixture
def link(clock: Clock, events: list[object], log: CapturingLogger) -> RedisClient:
    return RedisClient(
        URL, timeout=30, clock=clock, on_change=events.append, on_error=events.append, connections=8
    )


async def fails(link: RedisClient, operation: Operation) -> None:
    with pytest.raises(RedisUnavailableError):
        await link.run(operation)


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test's coroutine."""

    def run(link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger) -> None:
        asyncio.run(test(link, clock, events, log))

    run.__doc__ = test.__doc__
    return run


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(DOWN, "connection", id="no connection"),
        pytest.param(redis_errors.TimeoutError("slow"), "timeout", id="client's time-out"),
        pytest.param(TimeoutError(), "timeout", id="time-out"),
        pytest.param(ConnectionResetError(), "connection", id="reset"),
        pytest.param(redis_errors.InvalidResponse("HTTP/1.1"), "connection", id="not Redis"),
        pytest.param(redis_errors.BusyLoadingError("loading"), "loading", id="LOADING"),
        pytest.param(redis_errors.ReadOnlyError("replica"), "read_only", id="READONLY"),
        pytest.param(redis_errors.OutOfMemoryError("full"), "out_of_memory", id="OOM"),
        pytest.param(redis_errors.MasterDownError("down"), "master_down", id="MASTERDOWN"),
        pytest.param(redis_errors.AuthenticationError("no"), "authentication", id="WRONGPASS"),
        pytest.param(redis_errors.ResponseError("MISCONF no disk"), "server", id="MISCONF"),
        pytest.param(
            redis_errors.ResponseError("Command # 1 (SET a 1) caused error: ('MISCONF no',)"),
            "server",
            id="MISCONF in a pipeline",
        ),
    ],
)
def test_an_outage_opens_the_breaker(
    link: RedisClient, events: list[object], error: Exception, reason: str
) -> None:
    operation = Operation(error)
    asyncio.run(fails(link, operation))
    assert not link.available
    assert events == [reason, False]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(redis_errors.ResponseError("WRONGTYPE Operation against a key"), id="type"),
        pytest.param(redis_errors.ResponseError("ERR unknown command 'MISCONF '"), id="unknown"),
        pytest.param(redis_errors.NoScriptError("No matching script."), id="NOSCRIPT"),
        pytest.param(redis_errors.NoPermissionError("no permissions"), id="NOPERM"),
        pytest.param(redis_errors.DataError("Invalid input"), id="client"),
        pytest.param(ZeroDivisionError(), id="bug"),
    ],
)
def test_a_command_error_is_no_outage(
    link: RedisClient, events: list[object], error: Exception
) -> None:
    with pytest.raises(type(error)) as raised:
        asyncio.run(link.run(Operation(error)))
    assert raised.value is error
    assert link.available
    assert events == []


@scenario
async def test_an_open_breaker_tries_nothing(
    link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger
) -> None:
    await fails(link, Operation(DOWN))
    operation = Operation()
    clock.now += 0.999
    await fails(link, operation)
    assert operation.calls == 0
    assert events == ["connection", False]


@scenario
async def test_one_call_probes_while_the_others_fail_immediately(
    link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger
) -> None:
    await fails(link, Operation(DOWN))
    clock.now += 1
    operation = Operation()
    operation.gate.clear()
    probe = asyncio.create_task(link.run(operation))
    await asyncio.sleep(0)
    for _ in range(5):
        await fails(link, operation)
    assert not link.available
    operation.gate.set()
    assert await probe == "answer"
    assert operation.calls == 1
    assert link.available
    assert await link.run(operation) == "answer"
    assert events == ["connection", False, True]


@scenario
async def test_a_failed_probe_restarts_the_open_period(
    link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger
) -> None:
    await fails(link, Operation(DOWN))
    clock.now += 1
    probe, after = Operation(DOWN), Operation()
    await fails(link, probe)
    clock.now += 0.9
    await fails(link, after)
    clock.now += 0.1
    assert await link.run(after) == "answer"
    assert (probe.calls, after.calls) == (1, 1)
    assert events == ["connection", False, "connection", True]


@scenario
async def test_after_a_cancelled_probe_the_next_call_probes(
    link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger
) -> None:
    await fails(link, Operation(DOWN))
    clock.now += 1
    hanging = Operation()
    hanging.gate.clear()
    probe = asyncio.create_task(link.run(hanging))
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.wait([probe])
    assert not link.available
    assert await link.run(Operation()) == "answer"
    assert link.available


@scenario
async def test_a_probe_with_a_command_error_closes_the_breaker(
    link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger
) -> None:
    await fails(link, Operation(DOWN))
    clock.now += 1
    with pytest.raises(redis_errors.ResponseError):
        await link.run(Operation(redis_errors.ResponseError("ERR wrong number of arguments")))
    assert link.available


@scenario
async def test_calls_waiting_for_a_connection_fail_when_redis_becomes_unavailable(
    link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger
) -> None:
    """They are not sent: each would wait for a time-out of its own."""
    operation = Operation(DOWN)
    operation.gate.clear()
    calls = [asyncio.create_task(link.run(operation)) for _ in range(20)]
    while operation.calls < 8:
        await asyncio.sleep(0)
    operation.gate.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {RedisUnavailableError}
    assert operation.calls == 8
    assert [name for name, *_ in log.calls] == ["warning"]
    assert events.count(False) == 1


def test_an_exhausted_connection_pool_does_not_open_the_breaker(
    link: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def none(seconds: float) -> AsyncIterator[None]:
        raise TimeoutError
        yield

    async def run() -> None:
        operation = Operation()
        operation.gate.clear()
        calls = [asyncio.create_task(link.run(operation)) for _ in range(8)]
        while operation.calls < 8:
            await asyncio.sleep(0)
        monkeypatch.setattr(storage.redis.client, "stall_tolerant_timeout", none)
        await fails(link, operation)
        assert link.available
        operation.gate.set()
        assert await asyncio.gather(*calls) == ["answer"] * 8

    asyncio.run(run())


@scenario
async def test_an_outage_is_logged_once_at_its_start_and_once_at_its_end(
    link: RedisClient, clock: Clock, events: list[object], log: CapturingLogger
) -> None:
    for _ in range(3):
        await fails(link, Operation(DOWN))
        clock.now += 1
    await link.run(Operation())
    await link.run(Operation())
    assert [(call.method_name, call.args) for call in log.calls] == [
        ("warning", ("redis_unavailable",)),
        ("info", ("redis_available",)),
    ]
    assert "geheim" not in repr(log.calls)


def test_a_hanging_operation_times_out(log: CapturingLogger) -> None:
    async def run() -> None:
        link = RedisClient(URL, timeout=0.02)
        hanging = Operation()
        hanging.gate.clear()
        await asyncio.wait_for(fails(link, hanging), 10)
        assert not link.available

    asyncio.run(run())


def test_one_link_serves_event_loops_in_succession(link: RedisClient) -> None:
    clients: list[Redis] = []

    async def client(redis: Redis) -> None:
        clients.append(redis)

    async def run() -> None:
        await asyncio.gather(link.run(client), link.run(client))

    asyncio.run(run())
    asyncio.run(run())
    assert clients[0] is clients[1]
    assert clients[2] is clients[3]
    assert clients[0] is not clients[2]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://user:geheim@localhost", id="scheme"),
        pytest.param("redis://user:ge/heim@localhost:6379", id="password not encoded"),
        pytest.param("redis://localhost?socket_timeout=geheim", id="option"),
        pytest.param("geheim", id="no address"),
    ],
)
def test_an_invalid_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(InputError) as raised:
        RedisClient(url)
    assert "heim" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_the_url_cannot_change_options_of_the_link() -> None:
    """Strings in place of bytes, or the client's own time-outs, would break callers."""
    target = storage.redis.client._parse_address(
        "redis://localhost?decode_responses=yes&socket_timeout=9&db=3"
    )
    assert target["decode_responses"] is False
    assert target["socket_timeout"] is None
    assert target["db"] == 3
