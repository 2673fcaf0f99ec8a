"""The cache of answers: finished bodies, in this process and in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cachetools import TTLCache

from cache.keys import CacheKey
from cache.redis import RedisClient
from cache.shared import SharedAnswers

LARGEST_PART = 8
"""A body that would take more than this part (one in …) of the memory is not kept there."""

_ENTRY_BYTES = 512  # of an entry beside its body: the key, and what the containers take for it


class Outcome(StrEnum):
    """What the cache did for a request; the values of X-Cache."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


class Tier(StrEnum):
    """Where an answer was found."""

    MEMORY = "memory"
    REDIS = "redis"
    NONE = "none"


@dataclass(frozen=True)
class Cached:
    """An answer, and where it comes from."""

    body: bytes
    outcome: Outcome
    tier: Tier


@dataclass(frozen=True)
class Uncacheable:
    """An answer for those who wait for it now, but nobody else: a part of it has failed."""

    body: bytes


Compute = Callable[[], Awaitable[bytes | Uncacheable]]
Observe = Callable[[Tier, Outcome], None]


@dataclass(eq=False)
class _Flight:
    """A computation that is under way, and how many wait for it."""

    task: asyncio.Task[Cached] = field(init=False)
    waiting: int = 0


class AnswerCache:
    """Two tiers of answers: this process, and Redis where there is one.

    An answer is a pure function of its key, which names the version of bundle and snapshot.
    So nothing has to be deleted when another release begins to serve, in no worker and on no
    replica: its requests have other keys, and what is left of the old ones runs out.

    Invariants:
        A body is byte for byte what was computed.
        Equal requests at the same time cost one computation: in this process always, across
        workers and replicas while Redis answers and a computation takes no longer than a lease.
        No failure is kept, and none is due to Redis.
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
    ) -> None:
        """Begin empty.

        Args:
            max_bytes: of the tier in this process; the least recently used answers give way.
            ttl: seconds that a tier keeps an answer.
            redis: without it there is one tier.
            secret: that authenticates what is stored in Redis, of `cache.encoding.KEY_BYTES`;
                without it Redis is not used.
            namespace: how the names in Redis begin.
            lease: seconds that one worker has for a computation before others begin it too.
            clock: seconds that only grow.
            observe: told of every answer.
        """
        self._memory: TTLCache[CacheKey, bytes] = TTLCache(
            max_bytes, ttl, timer=clock, getsizeof=_size
        )
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
        """Answer from a tier, or compute.

        A computation runs in a task of its own: it outlives the request that began it as long
        as others wait, and is cancelled with the last of them. Those who join it have a hit.

        Args:
            compute: makes the body; its exception goes to all who wait, as one object.
            shared: whether Redis is worth asking: not for what is computed as quickly.
            bypass: compute for this request alone, and keep nothing; an answer so made can be
                compared with the kept one.

        Raises:
            Exception: whatever `compute` raises.
        """
        if bypass:
            cached = Cached(_body(await compute()), Outcome.BYPASS, Tier.NONE)
        elif (body := self._memory.get(key)) is not None:
            cached = Cached(body, Outcome.HIT, Tier.MEMORY)
        elif (flight := self._flights.get(key)) is not None:
            cached = Cached((await self._join(key, flight)).body, Outcome.HIT, Tier.MEMORY)
        else:
            cached = await self._join(key, self._start(key, compute, shared))
        self._observe(cached.tier, cached.outcome)
        return cached

    def held(self, key: CacheKey) -> bytes | None:
        """The answer, if this process holds it."""
        body = self._memory.get(key)
        if body is not None:
            self._observe(Tier.MEMORY, Outcome.HIT)
        return body

    def clear(self) -> None:
        """Free this process's memory, such as when another release begins to serve."""
        self._memory.clear()

    def _start(self, key: CacheKey, compute: Compute, shared: bool) -> _Flight:
        flight = self._flights[key] = _Flight()
        flight.task = asyncio.create_task(self._found_or_computed(key, compute, shared))
        flight.task.add_done_callback(lambda task: self._end(key, flight))
        return flight

    async def _join(self, key: CacheKey, flight: _Flight) -> Cached:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)  # a request that ends must not end the others
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._end(key, flight)
                flight.task.cancel()

    def _end(self, key: CacheKey, flight: _Flight) -> None:
        """Let nobody join any more."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.task.done() and not flight.task.cancelled():
            flight.task.exception()  # seen, though all who waited for it may be gone

    async def _found_or_computed(self, key: CacheKey, compute: Compute, shared: bool) -> Cached:
        if self._shared is None or not shared:
            computed = await compute()
            self._keep(key, computed)
            return Cached(_body(computed), Outcome.MISS, Tier.NONE)
        return await self._through_redis(self._shared, key, compute)

    async def _through_redis(
        self, shared: SharedAnswers, key: CacheKey, compute: Compute
    ) -> Cached:
        token = shared.new_token(key)
        try:
            found = await shared.find(key, token)
            if found is not None:
                self._keep(key, found)
                return Cached(found, Outcome.HIT, Tier.REDIS)
            computed = await compute()
            self._keep(key, computed)
            if isinstance(computed, Uncacheable):
                await shared.give_back(key, token)
            else:
                await shared.store(key, token, computed)
        except BaseException:
            await shared.give_back(key, token)
            raise
        return Cached(_body(computed), Outcome.MISS, Tier.NONE)

    def _keep(self, key: CacheKey, computed: bytes | Uncacheable) -> None:
        if isinstance(computed, bytes) and _size(computed) <= self._largest:
            self._memory[key] = computed


def _body(computed: bytes | Uncacheable) -> bytes:
    return computed.body if isinstance(computed, Uncacheable) else computed


def _size(body: bytes) -> int:
    return len(body) + _ENTRY_BYTES
