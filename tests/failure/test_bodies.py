"""Bodies that are too large, never end, or are invalid, under load."""

from __future__ import annotations

import random
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import cycle
from typing import Any

import orjson
import pytest

from api.docs.examples import examples
from api.operations import OPERATIONS
from storage.artifacts import Store
from tests.failure.conftest import KEY, Target, two_workers
from tests.failure.load import Request
from tests.support.raw_http import connect, read_all

pytestmark = pytest.mark.e2e

GIGABYTE, MEGABYTE = 2**30, 2**20
HALF_REQUESTS, BODIES = 500, 10_000
PART = b"1" * MEGABYTE
SECONDS = 3.0
GENEROUS_RATIO = 5.0
POSTS = tuple(call.path.replace("{id}", "nobody") for call in OPERATIONS if call.method == "POST")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, module_store: Store) -> Iterator[Target]:
    folder, data = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("data")
    with two_workers(folder, module_store, DATA_DIR=str(data)) as target:
        yield target


def is_readable(connection: socket.socket) -> bool:
    ready, _, _ = select.select([connection], [], [], 0)
    return bool(ready)


def request_head(framing: str) -> bytes:
    lines = ("POST /predict/simple HTTP/1.1", "Host: localhost", f"X-API-Key: {KEY}", framing)
    return "".join(f"{line}\r\n" for line in lines).encode()


# --- too large --------------------------------------------------------------------------------


def encode_chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


@pytest.mark.parametrize(
    ("framing", "part"),
    [
        pytest.param(f"Content-Length: {GIGABYTE}", PART, id="announced"),
        pytest.param("Transfer-Encoding: chunked", encode_chunk(PART), id="chunked"),
    ],
)
def test_a_gigabyte_is_refused_before_it_is_in_memory(
    target: Target, framing: str, part: bytes
) -> None:
    before = {worker: worker.memory_info().rss for worker in target.workers()}
    grown, sent, began = 0, 0, time.monotonic()
    with target.load() as load, connect(target.server.url, timeout=10) as connection:
        connection.sendall(request_head(framing) + b"\r\n")
        while sent < GIGABYTE and not is_readable(connection):
            with suppress(ConnectionError):  # the answer may have arrived nevertheless
                connection.sendall(part)
            sent += MEGABYTE
            grown = max(grown, *(w.memory_info().rss - rss for w, rss in before.items()))
        answer = read_all(connection, ConnectionResetError)
        took = time.monotonic() - began
        load.more(50)
    grown = max(grown, *(w.memory_info().rss - rss for w, rss in before.items()))
    print(
        f"refused after {took:.2f} s and {sent / MEGABYTE:.0f} MB; {grown / MEGABYTE:.1f} MB more"
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"PAYLOAD_TOO_LARGE"' in answer
    assert sent < 64 * MEGABYTE
    assert grown < 50 * MEGABYTE
    assert len(load.sends.of(200)) == len(load.sends.all), load.sends


# --- without an end ---------------------------------------------------------------------------


def test_clients_that_send_half_a_request_do_not_delay_others(target: Target) -> None:
    """Every second one has sent all headers and stops within the body."""
    halves = (
        request_head("Content-Length: 100"),
        request_head("Content-Length: 100") + b'\r\n{"store_nbr"',
    )
    with target.load() as load, ExitStack() as idle:
        load.more(50)
        begin = time.monotonic()
        load.until(lambda: time.monotonic() > begin + SECONDS)
        middle = time.monotonic()
        for _, half in zip(range(HALF_REQUESTS), cycle(halves), strict=False):
            idle.enter_context(connect(target.server.url, timeout=10)).sendall(half)
        opened = time.monotonic()
        load.until(lambda: time.monotonic() > opened + SECONDS)
        end = time.monotonic()
    before, during = load.sends.between(begin, middle), load.sends.between(opened, end)
    ratio = during.p95() / before.p95()
    print(f"before: {before}; during: {during}; p95 × {ratio:.2f}")
    assert len(load.sends.of(200)) == len(load.sends.all), load.sends
    assert ratio < GENEROUS_RATIO


# --- invalid ----------------------------------------------------------------------------------


class InvalidBodies:
    """A generator of requests with invalid bodies, for every POST route in turn."""

    def __init__(self, seed: int = 20240630) -> None:
        self._random = random.Random(seed)
        self._paths = cycle(POSTS)
        usable = (example for example in examples() if example.path in POSTS)
        self._sensible = {example.path: example.body for example in usable}

    def __call__(self) -> Request:
        path = next(self._paths)
        sensible = self._sensible.get(path, {"source": "newest"})
        kinds: tuple[Callable[[object], bytes], ...] = (
            self.draw_noise,
            self.draw_nested,
            self.draw_document,
            self.draw_truncated,
            *(4 * (self.draw_altered,)),
        )
        body = self._random.choice(kinds)(sensible)
        media_type = "application/json" if self._random.random() < 0.9 else "text/csv"
        return Request(path, body, media_type)

    def draw_noise(self, sensible: object) -> bytes:
        return self._random.randbytes(self._random.randint(0, 2000))

    def draw_nested(self, sensible: object) -> bytes:
        part, times = self._random.choice(NESTED)
        return part * times

    def draw_document(self, sensible: object) -> bytes:
        return self.encode(self.draw_value(3))

    def draw_truncated(self, sensible: object) -> bytes:
        return orjson.dumps(sensible)[: self._random.randrange(60)]

    def draw_altered(self, sensible: object) -> bytes:
        return self.encode(self.replace_part(sensible))

    def replace_part(self, value: Any) -> object:
        """Return a document with another value in one place."""
        if self._random.random() < 0.8:
            if isinstance(value, dict) and value:
                name = self._random.choice(list(value))
                return {**value, name: self.replace_part(value[name])}
            if isinstance(value, list) and value:
                place = self._random.randrange(len(value))
                return [*value[:place], self.replace_part(value[place]), *value[place + 1 :]]
        return self.draw_value(2)

    def encode(self, value: object) -> bytes:
        """Encode as JSON, with numbers and strings that are barely or not valid."""
        return orjson.dumps(value).replace(b'"HUGE"', self._random.choice(HUGE))

    def draw_value(self, depth: int) -> object:
        draw = self._random
        if depth and draw.random() < 0.4:
            count = draw.randint(0, 4)
            if draw.random() < 0.5:
                return [self.draw_value(depth - 1) for _ in range(count)]
            return {draw.choice(NAMES): self.draw_value(depth - 1) for _ in range(count)}
        return draw.choice(SCALARS)


NESTED = ((b"[", 100_000), (b"[", 1_000), (b'{"features":', 10_000), (b'{"a":[', 500))
HUGE = (b"9" * 400, b"1e999", b"-1e400", b"NaN", b"-Infinity", b"0." + b"1" * 500, b'"\\ud800"')
NAMES = ("store_nbr", "family", "date", "horizon", "features", "predictions", "inputs", "", "é")
SCALARS = (
    *(None, True, 0, -1, 1, 15, 2**53, 2**63 - 1, 1e308, -0.0, 5e-324, "HUGE", "HUGE"),
    *("", "\x00", "2024-02-30", "9999-12-31", "0001-01-01", "DAIRY", "🥖" * 300, "x" * 5000),
)


def test_ten_thousand_invalid_bodies_are_each_answered(target: Target) -> None:
    # a client that closes the connection gets a reset if the answer precedes the body's end
    with target.load(InvalidBodies(), clients=16, reconnecting=0) as load:
        load.until(lambda: len(load.sends.all) >= BODIES, 300)
    print(load.sends)
    unexpected = [sent for sent in load.sends.all if sent.status == 0 or sent.status >= 500]
    assert not unexpected, unexpected[:3]
    assert all(sent.code != "?" for sent in load.sends.all)
    assert len(load.sends.outcomes()) > 5, "bodies of more than one kind"
