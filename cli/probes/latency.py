"""A short, bounded load on a server, and the times of its answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

import httpx
import numpy as np

from cli.probes.connection import Connection, headers_of
from errors import InputError

ANSWER_SECONDS = 10.0
"""Time after which an answer counts as none."""

NO_ANSWER = "no answer"
_TOO_MANY = 429
_SERIES = 100  # most that are asked for: more would measure the cache's misses alone


class Call(StrEnum):
    """Kind of request."""

    FORECAST = "forecast"
    WHATIF = "whatif"
    HIERARCHY = "hierarchy"


@dataclass(frozen=True)
class Load:
    """Kinds, rate and duration of the requests of a run.

    Attributes:
        connections: requests at the same time, at most.
        rate: requests a second, whether or not earlier ones are answered; None for as many as
            `connections` allow, each sent when the one before is answered.
    """

    calls: Sequence[Call]
    seconds: float
    connections: int
    rate: float | None = None


@dataclass(frozen=True)
class Offer:
    """Series, horizons and an adjustable covariate that requests may name."""

    nodes: Sequence[str]
    horizons: Sequence[int]
    covariate: str | None

    @classmethod
    def read(cls, connection: Connection) -> Offer:
        """Read it from a server; raise a ProbeError if it does not answer."""
        meta = connection.get("/meta").document
        tree = connection.get("/hierarchy", horizon=1).document["tree"]
        adjustable = (
            each["name"]
            for each in meta["covariates"]
            if each["known_ahead"] and each["kind"] in ("count", "number", "price")
        )
        nodes = list(_leaves(tree))
        random.Random(0).shuffle(nodes)  # any series will do
        return cls(nodes[:_SERIES], meta["horizons"], next(adjustable, None))

    def requests(self, calls: Sequence[Call]) -> Iterator[tuple[Call, Mapping[str, Any]]]:
        """Yield requests without an end, of each kind in turn, as arguments of httpx.

        No two what-ifs are the same: each is computed.

        Raises:
            InputError: a what-if needs a covariate, and there is none that can be adjusted.
        """
        if Call.WHATIF in calls and self.covariate is None:
            raise InputError(
                "--call whatif: this retailer has no covariate that is known ahead and a number; "
                "name other calls"
            )
        draw = random.Random(1)
        for number in count():
            call = calls[number % len(calls)]
            node, horizon = draw.choice(self.nodes), draw.choice(self.horizons)
            if call is Call.FORECAST:
                body: dict[str, Any] = {"node": node, "horizon": horizon}
                yield call, {"method": "POST", "url": "/forecast", "json": body}
            elif call is Call.HIERARCHY:
                query = {"horizon": horizon}
                yield call, {"method": "GET", "url": "/hierarchy", "params": query}
            else:
                change = {"op": "multiply", "value": round(draw.uniform(0.5, 2), 6)}
                body = {
                    "node": node,
                    "horizon": horizon,
                    "adjustments": {self.covariate: change},
                }
                yield call, {"method": "POST", "url": "/whatif", "json": body}


def _leaves(node: Mapping[str, Any]) -> Iterator[str]:
    if not node["children"]:
        yield str(node["id"])
    for child in node["children"]:
        yield from _leaves(child)


@dataclass
class Measured:
    """The answers of one kind of call.

    Attributes:
        times: seconds until each answer with status 200 was complete.
        failures: other outcomes, by status or `NO_ANSWER`.
    """

    times: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return len(self.times) + self.failures.total()

    def percentile(self, share: float) -> float | None:
        """Return the time, in milliseconds, that a share of the answers did not take longer than.

        None if there was no answer.
        """
        return 1000 * float(np.quantile(self.times, share)) if self.times else None


@dataclass(frozen=True)
class Run:
    """The outcome of a run.

    Attributes:
        paused: seconds for which nothing was sent, because the limit of the key was used up.
        unsent: requests of an open run for which no connection was free.
    """

    seconds: float
    calls: Mapping[Call, Measured]
    paused: float
    unsent: int

    @property
    def all(self) -> Measured:
        """All calls together."""
        together = Measured()
        for each in self.calls.values():
            together.times += each.times
            together.failures += each.failures
        return together


class _Generator:
    """The state of a run: what is sent next, and what came back."""

    def __init__(self, client: httpx.AsyncClient, offer: Offer, load: Load) -> None:
        self._client = client
        self._load = load
        self._requests = offer.requests(load.calls)
        self._began = time.monotonic()
        self._end = self._began + load.seconds
        self._resume = self._began
        self._paused = 0.0
        self._unsent = 0
        self._calls = {call: Measured() for call in load.calls}

    async def run(self) -> Run:
        await (self._run_closed() if self._load.rate is None else self._run_open(self._load.rate))
        elapsed = time.monotonic() - self._began
        return Run(elapsed, self._calls, min(self._paused, elapsed), self._unsent)

    async def _run_closed(self) -> None:
        async def user() -> None:
            while await self._may_send():
                await self._send()

        await asyncio.gather(*(user() for _ in range(self._load.connections)))

    async def _run_open(self, rate: float) -> None:
        """Send at a constant rate, so that a slow answer does not delay the next request."""
        tasks: set[asyncio.Task[None]] = set()
        number = 0
        while await self._may_send():
            if len(tasks) < self._load.connections:
                task = asyncio.create_task(self._send())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            else:
                self._unsent += 1
            number += 1
            await asyncio.sleep(max(0.0, self._began + number / rate - time.monotonic()))
        await asyncio.gather(*tasks)

    async def _may_send(self) -> bool:
        """Wait while the limit of the key is used up; return whether there is time left."""
        while (wait := self._resume - time.monotonic()) > 0 and self._resume < self._end:
            await asyncio.sleep(wait)
        return max(self._resume, time.monotonic()) < self._end

    async def _send(self) -> None:
        call, message = next(self._requests)
        measured, began = self._calls[call], time.perf_counter()
        try:
            response = await self._client.request(**message)
        except httpx.HTTPError:
            measured.failures[NO_ANSWER] += 1
            return
        if response.status_code == httpx.codes.OK:
            measured.times.append(time.perf_counter() - began)
            return
        measured.failures[str(response.status_code)] += 1
        if response.status_code == _TOO_MANY:
            self._pause(response.headers.get("retry-after", ""))

    def _pause(self, retry_after: str) -> None:
        seconds = 1.0
        with suppress(ValueError):
            seconds = max(seconds, float(retry_after))
        now = time.monotonic()
        until = min(now + seconds, self._end)
        self._paused += max(0.0, until - max(now, self._resume))
        self._resume = max(self._resume, now + seconds)


def measure_latency(url: httpx.URL, key: str | None, offer: Offer, load: Load) -> Run:
    """Send the requests of a load, and return the times of the answers.

    After a 429 nothing is sent for as long as its Retry-After says.
    """

    async def run() -> Run:
        limits = httpx.Limits(max_connections=load.connections)
        async with httpx.AsyncClient(
            base_url=url, headers=headers_of(key), limits=limits, timeout=ANSWER_SECONDS
        ) as client:
            return await _Generator(client, offer, load).run()

    return asyncio.run(run())
