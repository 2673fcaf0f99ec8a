"""Cache of finished response bodies, in this process and in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from cachetools import TTLCache

from storage.cache.keys import CacheKey
from storage.cache.shared import SharedAnswers
from telemetry import spans
from telemetry.spans import NO_SPAN, Span

if TYPE_CHECKING:
    from storage.redis.client import RedisClient

LARGEST_PART = 8
"""A body larger than 1/LARGEST_PART of the memory tier is not stored there."""

_ENTRY_BYTES = 512  # of an entry without its body: the key, and the overhead of containers


class Outcome(StrEnum):
    """Outcome of a request to the cache; the values of X-Cache."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


class CacheTier(StrEnum):
    """Tier of the cache that answered.

    Attributes:
        JOINED: none: the request waited for the computation of another one.
    """

    MEMORY = "memory"
    JOINED = "joined"
    REDIS = "redis"
    NONE = "none"


@dataclass(frozen=True)
class Cached:
    """A response body, with its outcome and tier."""

    body: bytes
    outcome: Outcome
    tier: CacheTier


@dataclass(frozen=True)
class Uncacheable:
    """A body that is not stored, because a part of it failed; requests that wait for it get it."""

    body: bytes


Compute = Callable[[], Awaitable[bytes | Uncacheable]]
Observe = Callable[[CacheTier, Outcome], None]


class _Memory(TTLCache[CacheKey, bytes]):
    """The tier of this process, which counts the entries that give way to others."""

    def __init__(
        self, max_bytes: int, ttl: float, clock: Callable[[], float], count: Callable[[], None]
    ) -> None:
        super().__init__(max_bytes, ttl, timer=clock, getsizeof=_size_of)
        self._count = count

    def popitem(self) -> tuple[CacheKey, bytes]:
        self._count()
        return super().popitem()


@dataclass(eq=False)
class _Flight:
    """A running computation, and the number of requests that wait for it.

    Attributes:
        span: that it runs in, of the request that began it.
    """

    task: asyncio.Task[Cached] = field(init=False)
    waiting: int = 0
    span: Span = NO_SPAN


class AnswerCache:
    """Cache of response bodies with two tiers: this process, and Redis if there is one.

    A body is a pure function of its key, which contains the versions of bundle and snapshot. So
    no worker or replica has to invalidate anything when another release becomes active: its
    requests have other keys, and the old entries expire.

    Invariants:
        A cached body is byte for byte the computed one.
        Concurrent equal requests cost one computation: always within this process; across workers
        and replicas while Redis answers and a computation takes no longer than a lease.
        Failures are not cached, and an error of Redis fails no request.
    """

    def __init__(
        self,
        *,
        max_bytes: int = 64 * 2**20,
        ttl: float = 3600.0,
        redis: RedisClient | None = None,
        secret: bytes | None = None,
        namespace: str = "mlrf",
        lease: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        observe: Observe = lambda tier, outcome: None,
        count_eviction: Callable[[], None] = lambda: None,
    ) -> None:
        """Start empty.

        Args:
            max_bytes: size of the tier in this process; the least recently used are evicted.
            ttl: seconds for which a tier stores an entry.
            redis: without it there is one tier.
            secret: key of `storage.cache.encoding.KEY_BYTES` that authenticates values in Redis;
            without it Redis is not used. namespace: prefix of the keys in Redis. lease: seconds
            that one worker has for a computation before others start it too. clock: seconds,
            monotonic. observe: called with tier and outcome of every request. count_eviction:
            called for every entry of this process that gives way to another.
        """
        self._memory = _Memory(max_bytes, ttl, clock, count_eviction)
        self._largest = max_bytes // LARGEST_PART
        self._shared = (
            SharedAnswers(redis, secret, namespace=namespace, ttl=ttl, lease=lease)
            if redis and secret
            else None
        )
        self._flights: dict[CacheKey, _Flight] = {}
        self._observe = observe

    async def get(
        self, key: CacheKey, compute: Compute, *, shared: bool, bypass: bool = False
    ) -> Cached:
        """Return a body from a tier, or compute it.

        A computation runs in a task of its own: it outlives the request that started it while
        others wait, and is cancelled with the last of them. A request that joins it is a hit.

        Args:
            compute: returns the body; its exception is raised in all waiting requests, as one
                object.
            shared: whether to use Redis: not for a body that is computed as quickly.
            bypass: compute for this request only and store nothing, so that the result can be
                compared with the cached one.

        Raises:
            Exception: any that `compute` raises.
        """
        if bypass:
            cached = Cached(_body_of(await compute()), Outcome.BYPASS, CacheTier.NONE)
        elif (body := self._memory.get(key)) is not None:
            cached = Cached(body, Outcome.HIT, CacheTier.MEMORY)
        elif (flight := self._flights.get(key)) is not None:
            spans.current().link(flight.span)
            cached = Cached(
                (await self._join_flight(key, flight)).body, Outcome.HIT, CacheTier.JOINED
            )
        else:
            cached = await self._join_flight(key, self._start_flight(key, compute, shared))
        self._observe(cached.tier, cached.outcome)
        return cached

    @property
    def size(self) -> int:
        """Bytes in this process, those of expired entries that were not removed yet too."""
        return int(self._memory.currsize)

    def get_local(self, key: CacheKey) -> bytes | None:
        """Return the body if it is in the tier of this process, else None."""
        body = self._memory.get(key)
        if body is not None:
            self._observe(CacheTier.MEMORY, Outcome.HIT)
        return body

    def clear(self) -> None:
        """Free this process's memory, such as when another release becomes active."""
        self._memory.clear()

    def _start_flight(self, key: CacheKey, compute: Compute, shared: bool) -> _Flight:
        flight = self._flights[key] = _Flight(span=spans.current())
        flight.task = asyncio.create_task(self._find_or_compute(key, compute, shared))
        flight.task.add_done_callback(lambda task: self._end_flight(key, flight))
        return flight

    async def _join_flight(self, key: CacheKey, flight: _Flight) -> Cached:
        flight.waiting += 1
        try:
            # shielded: the cancellation of one request must not cancel it for the others
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._end_flight(key, flight)
                flight.task.cancel()

    def _end_flight(self, key: CacheKey, flight: _Flight) -> None:
        """Remove a flight, so that no further request joins it."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done() and not flight.task.cancelled():
            # retrieve the exception: if no request waits any more, asyncio would log it
            flight.task.exception()

    async def _find_or_compute(self, key: CacheKey, compute: Compute, shared: bool) -> Cached:
        if self._shared is None or not shared:
            computed = await compute()
            self._store_local(key, computed)
            return Cached(_body_of(computed), Outcome.MISS, CacheTier.NONE)
        return await self._through_redis(self._shared, key, compute)

    async def _through_redis(
        self, shared: SharedAnswers, key: CacheKey, compute: Compute
    ) -> Cached:
        token = shared.new_token(key)
        try:
            stored = await shared.find(key, token)
            if stored is not None:
                self._store_local(key, stored)
                return Cached(stored, Outcome.HIT, CacheTier.REDIS)
            computed = await compute()
            self._store_local(key, computed)
            if isinstance(computed, Uncacheable):
                await shared.give_back(key, token)
            else:
                await shared.store(key, token, computed)
        except BaseException:
            await shared.give_back(key, token)
            raise
        return Cached(_body_of(computed), Outcome.MISS, CacheTier.NONE)

    def _store_local(self, key: CacheKey, computed: bytes | Uncacheable) -> None:
        if isinstance(computed, bytes) and _size_of(computed) <= self._largest:
            self._memory[key] = computed


def _body_of(computed: bytes | Uncacheable) -> bytes:
    return computed.body if isinstance(computed, Uncacheable) else computed


def _size_of(body: bytes) -> int:
    return len(body) + _ENTRY_BYTES
