"""The access log: lines are written in batches, errors at once, and none is lost at an end."""

from __future__ import annotations

import asyncio
import json
import logging
from select import PIPE_BUF
from typing import Any

import pytest

from telemetry import request_log as module
from telemetry.request_log import MOST_LINES, RequestLog


@pytest.fixture
def written() -> list[bytes]:
    return []


@pytest.fixture
def log(written: list[bytes]) -> RequestLog:
    log = RequestLog()
    log.configure(written.append, logging.INFO)
    return log


def lines(written: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for batch in written for line in batch.splitlines()]


def run_with(log: RequestLog, *levels: int) -> None:
    """Add a line for each level within one turn of an event loop, which then ends."""

    async def add() -> None:
        for number, level in enumerate(levels):
            log.add(level, {"number": number})

    asyncio.run(add())


def test_lines_of_one_turn_are_written_by_one_call(
    log: RequestLog, written: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.01)

    async def add() -> None:
        for number in range(3):
            log.add(logging.INFO, {"number": number})
        assert written == []
        async with asyncio.timeout(5):
            while not written:
                await asyncio.sleep(0.001)

    asyncio.run(add())
    assert len(written) == 1
    assert [line["number"] for line in lines(written)] == [0, 1, 2]


def test_no_write_is_so_large_that_a_pipe_could_mix_it_with_another_workers(
    log: RequestLog, written: list[bytes]
) -> None:
    async def add() -> None:
        for number in range(100):
            log.add(logging.INFO, {"number": number, "path": "/" + number * "x"})
        log.add(logging.INFO, {"number": 100, "path": 2 * PIPE_BUF * "x"})
        log.flush()

    asyncio.run(add())
    assert [line["number"] for line in lines(written)] == [*range(101)]
    assert all(len(batch) < PIPE_BUF for batch in written[:-1])
    assert 1 < len(written) < 20


def test_an_error_is_written_at_once_and_in_order(log: RequestLog, written: list[bytes]) -> None:
    run_with(log, logging.INFO, logging.ERROR, logging.INFO)
    assert [(line["number"], line["level"]) for line in lines(written)] == [
        (0, "info"),
        (1, "error"),
    ]


def test_no_more_than_a_batch_of_lines_waits(log: RequestLog, written: list[bytes]) -> None:
    run_with(log, *[logging.INFO] * (2 * MOST_LINES + 1))
    assert len(lines(written)) == 2 * MOST_LINES


def test_a_flush_writes_what_waits(log: RequestLog, written: list[bytes]) -> None:
    run_with(log, logging.INFO)
    assert written == []
    log.flush()
    log.flush()
    assert len(written) == 1


def test_a_line_has_the_time_of_its_request_and_not_of_its_batch(
    log: RequestLog, written: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter((1_700_000_000.0, 1_700_000_000.25))
    monkeypatch.setattr(module, "time", lambda: next(times))
    run_with(log, logging.INFO, logging.WARNING)
    log.flush()
    assert [line["timestamp"] for line in lines(written)] == [
        "2023-11-14T22:13:20.000000Z",
        "2023-11-14T22:13:20.250000Z",
    ]


def test_text_that_is_not_utf_8_is_written_too(log: RequestLog, written: list[bytes]) -> None:
    async def add() -> None:
        log.add(logging.ERROR, {"path": "/\udce4"})

    asyncio.run(add())
    assert lines(written)[0]["path"] == "/\udce4"
