"""Redis dies, hangs, is slow, and recovers, under load."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from storage.artifacts import Store
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Mix
from tests.support.valkey import Valkey, running_valkey

pytestmark = pytest.mark.e2e

SLOW_SECONDS = 0.3
GENEROUS_P95 = 1.5
RATE, BURST = 60, 40
TIER = {"small": {"quota": RATE, "window": 1, "burst": BURST}}


class Proxy:
    """A TCP proxy in a thread of its own that can delay answers."""

    def __init__(self, target: int) -> None:
        self.delay = 0.0
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._connect, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(5)
        self.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, forth, 0), self._pass(back, writer, 1))

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, slow: int
    ) -> None:
        try:
            while part := await source.read(65536):
                await asyncio.sleep(slow * self.delay)
                sink.write(part)
        except ConnectionError:
            pass
        sink.close()


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def direct(
    tmp_path_factory: pytest.TempPathFactory, trained: Store, valkey: Valkey
) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("direct")
    tiers = json.dumps(TIER)
    with two_workers(folder, trained, REDIS_URL=valkey.url(), TIERS=tiers) as target:
        yield target


@contextmanager
def while_killed(valkey: Valkey) -> Iterator[None]:
    valkey.kill()
    try:
        yield
    finally:
        valkey.start()


@contextmanager
def while_frozen(valkey: Valkey) -> Iterator[None]:
    valkey.freeze()
    try:
        yield
    finally:
        valkey.thaw()


FAULTS = pytest.mark.parametrize("fault", [while_killed, while_frozen])
Fault = Callable[[Valkey], AbstractContextManager[None]]


def check_fault_is_survived(target: Target, fault: AbstractContextManager[None]) -> None:
    """Fail unless all requests are answered despite a fault, and /health reports it meanwhile."""
    with target.load() as load:
        load.more(50)
        begin = time.monotonic()
        with fault:
            noticed = load.until(lambda: target.is_degraded("redis"))
            load.more(150)
            end = time.monotonic()
        back = load.until(lambda: target.is_healthy("redis"))
        load.more(50)
    during = load.sends.between(begin, end)
    print(
        f"noticed after {noticed:.2f} s, recovered after {back:.2f} s; "
        f"during: {during}; all: {load.sends}"
    )
    assert len(load.sends.of(200)) == len(load.sends.all), load.sends
    assert {len(bodies) for bodies in load.bodies.values()} == {1}
    assert during.p95() < GENEROUS_P95


@FAULTS
def test_calls_are_answered_without_redis_and_health_reports_it(
    direct: Target, valkey: Valkey, fault: Fault
) -> None:
    check_fault_is_survived(direct, fault(valkey))


def test_a_slow_redis_is_bypassed(trained: Store, valkey: Valkey, tmp_path: Path) -> None:
    proxy = Proxy(valkey.port)

    @contextmanager
    def slow() -> Iterator[None]:
        proxy.delay = SLOW_SECONDS
        yield
        proxy.delay = 0.0

    with two_workers(tmp_path, trained, REDIS_URL=proxy.url) as target:
        check_fault_is_survived(target, slow())
    proxy.close()


@FAULTS
def test_limits_hold_while_redis_is_unavailable_and_after_it_recovers(
    direct: Target, valkey: Valkey, fault: Fault
) -> None:
    """Two workers at half of the limit each; then one limit again."""
    key = direct.new_key(f"limited-{fault.__name__}", "small")
    newest = Mix(direct.get("/meta").json(), ["newest"])
    with direct.load(newest, key=key, clients=8, pause=0.005) as load:
        load.until(lambda: len(load.sends.of(429)) > 20)
        begin = time.monotonic()
        with fault(valkey):
            load.until(lambda: direct.is_degraded("redis"))
            load.until(lambda: time.monotonic() > begin + 3)
            end = time.monotonic()
        load.until(lambda: direct.is_healthy("redis"))
        back = time.monotonic()
        load.until(lambda: time.monotonic() > back + 2)
        over = time.monotonic()
    assert set(load.sends.outcomes()) == {(200, ""), (429, "RATE_LIMITED")}
    assert all(int(sent.headers["retry-after"]) >= 1 for sent in load.sends.of(429))
    for moment, start, stop in (("unavailable", begin, end), ("recovered", back, over)):
        seconds = stop - start
        accepted = len(load.sends.between(start, stop).of(200))
        print(f"{moment}: {accepted} accepted in {seconds:.2f} s, {RATE} a second and {BURST}")
        assert accepted <= (RATE * seconds + BURST) * 1.1
        assert accepted >= RATE * seconds * 0.4, "one worker gets its half"
