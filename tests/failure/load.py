"""Clients that send requests in a thread beside the test, and record all outcomes."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple, Self

import httpx
import numpy as np
import orjson

from tests.support.waiting import DEADLINE_SECONDS, wait_until

PROBLEM = "application/problem+json"


class Request(NamedTuple):
    """A POST request, of a JSON document or of any bytes."""

    path: str
    document: Mapping[str, Any] | bytes
    media_type: str = "application/json"

    @property
    def content(self) -> bytes:
        return self.document if isinstance(self.document, bytes) else orjson.dumps(self.document)


class SentRequest(NamedTuple):
    """A request and its outcome.

    Attributes:
        began: monotonic seconds.
        status: 0 if there was no answer or an incomplete one.
        code: the problem's code or the class of the connection error; empty for a success.
    """

    request: Request
    began: float
    seconds: float
    status: int
    code: str = ""
    headers: Mapping[str, str] = {}


@dataclass
class SentRequests:
    """Sent requests, with the statistics that tests check after a fault."""

    all: list[SentRequest] = field(default_factory=list)

    def between(self, begin: float, end: float = float("inf")) -> SentRequests:
        """Return the requests that began within a period."""
        return SentRequests([sent for sent in self.all if begin <= sent.began < end])

    def of(self, status: int) -> list[SentRequest]:
        return [sent for sent in self.all if sent.status == status]

    def outcomes(self) -> Counter[tuple[int, str]]:
        return Counter((sent.status, sent.code) for sent in self.all)

    def p95(self) -> float:
        """Return the 95th percentile of the seconds, over answered requests."""
        return float(np.quantile([sent.seconds for sent in self.all if sent.status], 0.95))

    def __str__(self) -> str:
        outcomes = {f"{status} {code}".strip(): n for (status, code), n in self.outcomes().items()}
        return f"{len(self.all)} requests, p95 {self.p95() * 1000:.0f} ms, {outcomes}"


class Mix:
    """A generator of requests: newest and past origins, what-ifs and explanations."""

    def __init__(self, meta: Mapping[str, Any], kinds: Sequence[str] = (), seed: int = 1) -> None:
        """Read the stores, families and dates to draw from the answer of `/meta`.

        Args:
            kinds: names of methods, used in turn; by default a usual mix.
        """
        self._random = random.Random(seed)
        self._stores = [store["store_nbr"] for store in meta["stores"]]
        self._families = list(meta["families"])
        self._newest = date.fromisoformat(meta["data"]["last"])
        self._kinds = tuple(kinds) or ("newest", "past", "newest", "whatif", "newest", "explain")
        self._turn = 0

    def __call__(self) -> Request:
        kind = self._kinds[self._turn % len(self._kinds)]
        self._turn += 1
        made: Request = getattr(self, kind)()
        return made

    def newest(self) -> Request:
        return Request("/predict/simple", {**self._draw_series(), "horizon": 15})

    def past(self, horizon: int = 15) -> Request:
        document = {**self._draw_series(), "horizon": horizon, "date": self._draw_date()}
        return Request("/predict/simple", document)

    def long(self) -> Request:
        """Draw one of the slowest requests."""
        return self.past(90)

    def whatif(self) -> Request:
        altered = {"onpromotion": {"op": "add", "value": self._random.randint(1, 50)}}
        return Request("/whatif", {**self._draw_series(), "horizon": 15, "adjustments": altered})

    def explain(self) -> Request:
        return Request("/explain", {**self._draw_series(), "date": self._draw_date()})

    def _draw_series(self) -> dict[str, Any]:
        store, family = self._random.choice(self._stores), self._random.choice(self._families)
        return {"store_nbr": store, "family": family}

    def _draw_date(self) -> str:
        return (self._newest - timedelta(self._random.randint(0, 300))).isoformat()


class Load:
    """Clients that each send one request after another, until the block ends.

    Attributes:
        sends: the requests sent so far.
        bodies: the different successful bodies of each request.
        waiting: the begin, in monotonic seconds, of each request without an answer yet.
    """

    def __init__(
        self,
        url: str,
        draw: Callable[[], Request],
        *,
        key: str = "",
        clients: int = 4,
        pause: float = 0.0,
        reconnecting: float = 0.1,
    ) -> None:
        """Prepare the clients; they start with the block.

        Args:
            draw: makes the next request, for any of the clients.
            pause: seconds of each client between an answer and the next request.
            reconnecting: share of requests after which a client opens a new connection, so that
                every worker gets some.
        """
        self.sends = SentRequests()
        self.bodies: dict[str, set[bytes]] = defaultdict(set)
        self.waiting: list[float] = []
        self._url = url
        self._draw = draw
        self._headers = {"X-API-Key": key} if key else {}
        self._clients = clients
        self._pause = pause
        self._reconnecting = reconnecting
        self._ending = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run_clients()), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        self.until(lambda: len(self.sends.all) >= self._clients)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a request had no end"

    def until(self, holds: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> float:
        """Continue until a condition holds, and return the seconds that it took."""
        return wait_until(holds, seconds)

    def more(self, count: int, seconds: float = DEADLINE_SECONDS) -> None:
        """Continue until `count` more requests have ended."""
        goal = len(self.sends.all) + count
        wait_until(lambda: len(self.sends.all) >= goal, seconds)

    async def _run_clients(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(
            base_url=self._url,
            headers=self._headers,
            limits=limits,
            timeout=30,
            trust_env=False,
            verify=False,
        ) as client:
            await asyncio.gather(*(self._run_client(client) for _ in range(self._clients)))

    async def _run_client(self, client: httpx.AsyncClient) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            self.waiting.append(began)
            sent = await self._send(client, self._draw(), began)
            self.waiting.remove(began)
            self.sends.all.append(sent)
            # without a connection, do not retry a thousand times a second
            await asyncio.sleep(self._pause if sent.status else 0.02)

    async def _send(self, client: httpx.AsyncClient, request: Request, began: float) -> SentRequest:
        leave = {"Connection": "close"} if random.random() < self._reconnecting else {}
        headers = {"Content-Type": request.media_type, **leave}
        try:
            response = await client.post(request.path, content=request.content, headers=headers)
        except httpx.TransportError as error:
            cut = "complete message body" in str(error)
            kind = "Truncated" if cut else type(error).__name__
            return SentRequest(request, began, time.monotonic() - began, 0, kind)
        seconds = time.monotonic() - began
        if response.is_success:
            self.bodies[str(request)].add(response.content)
            return SentRequest(request, began, seconds, response.status_code)
        code = response.json()["code"] if response.headers["content-type"] == PROBLEM else "?"
        return SentRequest(
            request, began, seconds, response.status_code, code, dict(response.headers)
        )
