"""Hostile requests: no 500, only problems, little memory, and other clients are answered.

FUZZ_SECONDS sets the duration (10).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import orjson
import psutil
import pytest

from storage.artifacts import Store
from tests.e2e.hostile import HostileRequests
from tests.support.raw_http import connect, read_all
from tests.support.servers import Server, running, workers_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SECONDS = float(os.environ.get("FUZZ_SECONDS", "10"))
CLIENTS = 4
GENEROUS_SECONDS = 5.0
"""Longest wait of a probe, for a machine that is busy with other work too."""

GROWTH_BYTES = 300 * 2**20
ANONYMOUS = {"quota": 10_000, "window": 1, "burst": 10_000}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, module_store: Store) -> Iterator[Server]:
    settings = {
        "AUTH_MODE": "required",
        "API_KEY": KEY,
        "WORKERS": "2",
        "HEADER_TIMEOUT_SECONDS": "1",
        "BODY_TIMEOUT_SECONDS": "1",
        "TIERS": orjson.dumps({"anonymous": ANONYMOUS}).decode(),
        "LOG_LEVEL": "ERROR",
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }
    with running(tmp_path_factory.mktemp("fuzz"), module_store, **settings) as started:
        started.wait_for("/readyz")
        wait_until(lambda: len(workers_of(started)) == 2)
        yield started


@dataclass
class Record:
    """The outcomes of all requests."""

    statuses: Counter[int | str] = field(default_factory=Counter)
    faults: list[tuple[bytes, bytes]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    most_bytes: int = 0


def exchange(server: Server, sent: bytes) -> bytes:
    """Send bytes, close the sending side, and return what the server answers."""
    with connect(server.url, timeout=10) as connection, suppress(OSError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection, OSError, max_bytes=2**20)
    return b""


def record_reply(record: Record, sent: bytes, received: bytes) -> None:
    """Count a reply, and store it as a fault if no caller should get it."""
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head[9:12]) if head.startswith(b"HTTP/1.1 ") else 0
    if status == 100:
        record_reply(record, sent, body)
        return
    record.statuses[status or "closed"] += 1
    problem = b"application/problem+json" in head and b"x-request-id" in head
    if status >= 500 or (status >= 400 and not problem):
        record.faults.append((sent[:3000], received[:1000]))


def test_hostile_requests_do_no_harm(server: Server) -> None:
    record, over = Record(), threading.Event()
    workers = [worker.process for worker in workers_of(server)]
    warm = HostileRequests(CLIENTS, KEY)
    for _ in range(100):  # memory that is allocated at first use does not count as growth
        exchange(server, warm.draw_valid())
    before = max(process.memory_info().rss for process in workers)

    def attack(seed: int) -> None:
        draw = HostileRequests(seed, KEY)
        while not over.is_set():
            sent = draw()
            record_reply(record, sent, exchange(server, sent))

    def probe() -> None:
        request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        while not over.wait(0.02):
            began = time.perf_counter()
            assert exchange(server, request).startswith(b"HTTP/1.1 200")
            record.waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=attack, args=(seed,)) for seed in range(CLIENTS)]
    threads += [threading.Thread(target=probe) for _ in range(2)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        record.most_bytes = max(record.most_bytes, *(p.memory_info().rss for p in workers))
        over.wait(0.2)
    over.set()
    for thread in threads:
        thread.join()
    report(record, before, workers)
    assert record.faults == []
    assert all(process.is_running() for process in workers)
    assert max(record.waits) < GENEROUS_SECONDS
    assert record.most_bytes - before < GROWTH_BYTES
    assert len(record.statuses) > 5, "requests of more than one kind"


def report(record: Record, before: int, workers: list[psutil.Process]) -> None:
    waits = sorted(record.waits)
    percentiles = {f"p{p}": round(1000 * waits[int(len(waits) * p / 100)], 1) for p in (50, 95, 99)}
    print(f"{sum(record.statuses.values())} requests: {record.statuses.most_common()}")
    print(f"/livez, ms: {percentiles}, most {1000 * waits[-1]:.1f}, of {len(waits)}")
    now = max(process.memory_info().rss for process in workers)
    print(f"largest worker, MB: {before >> 20} before, {record.most_bytes >> 20} most, {now >> 20}")
