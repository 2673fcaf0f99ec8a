"""A short in-process cache over the database of keys.

*Invariants*

- A returned key was read less than `ttl` seconds ago, so a revocation takes effect on every
  worker within that time. The one exception: while the database is unavailable, a cached key
  stays valid for `grace` seconds from its last read.
- A cache hit costs no await.
- Concurrent requests for one id share one read.
- The database counts as unavailable only if a query failed, or has run for `timeout` seconds.
  Time in the queue for a thread of this process does not count.
- Known keys are refreshed in threads of their own, and unknown ids take turns by client address.
  So a flood of made-up ids delays neither revocations nor first uses of keys from other
  addresses.
- While the database is unavailable it is queried once in `retry` seconds, however many requests
  arrive.
- The cache is bounded by bytes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import anyio
import anyio.to_thread
import structlog

from middleware.auth.fair_slots import FairSlots, QueueFullError
from storage.cache.bounded import ByteBoundedCache
from storage.errors import StorageError
from storage.keys import ApiKey

_log = structlog.get_logger(__name__)

MOST_USES = 16_384
"""Maximum of keys whose last use is pending; uses of further keys are not recorded."""

_ENTRY_BYTES, _KEY_BYTES = 100, 1_000  # of an entry, and of a key without its strings
_CHECKS = 4
"""Number of checks within `timeout` whether a query hangs."""


class KeysUnavailableError(Exception):
    """The database is unavailable, and the key is not in the cache."""


class LookupsExhaustedError(Exception):
    """The address has too many unknown ids queued for a read."""


class KeyDatabase(Protocol):
    """Protocol of the database of keys. Its calls block, and raise StorageError on failure."""

    def find(self, public_id: str) -> ApiKey | None:
        """Return the key of an id, or None."""
        ...

    def record_uses(self, times: Mapping[str, datetime]) -> object:
        """Write the times of last use, by public id."""
        ...


class _Entry(NamedTuple):
    key: ApiKey | None
    read_at: float


@dataclass(eq=False)
class _PendingRead:
    """A running or queued read of one id from the store.

    Attributes:
        slots, turn: the queue, and the future that ends when the read may start.
        probes: whether the read checks if an unavailable store has recovered.
        task: results in the entry, or in None if the store failed.
        queried_at: start of the query on `time.monotonic`; None before it. Written by the
            querying thread, like `answered`.
    """

    slots: FairSlots
    turn: asyncio.Future[None]
    probes: bool
    task: asyncio.Task[_Entry | None] | None = None
    queried_at: float | None = None
    answered: bool = False

    def query(self, store: KeyDatabase, public_id: str) -> ApiKey | None:
        """Query the store; runs in a thread."""
        self.queried_at = time.monotonic()
        try:
            return store.find(public_id)
        finally:
            self.answered = True

    def hangs(self, timeout: float) -> bool:
        """Return whether the query has run for `timeout` seconds.

        A result that the event loop has not processed yet counts as an answer: a busy event loop
        must not make the database look unavailable.
        """
        queried_at = self.queried_at
        return (
            queried_at is not None
            and not self.answered
            and time.monotonic() - queried_at >= timeout
        )


def _ignore_outcome(outcome: str) -> None: ...


class CachedKeyStore:
    """Read-through cache of keys that also buffers their times of last use.

    Args:
        store: queried in threads of this cache.
        ttl: seconds for which an entry is fresh.
        grace: seconds for which a key stays valid while the database is unavailable.
        retry: seconds between two probes of an unavailable database.
        timeout: seconds after which a query that hangs makes the database unavailable.
        known_bytes, unknown_bytes: sizes of two caches, of keys and of ids without a key. They
            are separate, so that made-up ids cannot evict keys.
        queue: maximum of unknown ids of one address that are queued; more are refused.
        threads: concurrent reads of unknown ids.
        refreshing: concurrent reads of known keys, in addition to those.
        clock: seconds, monotonic.
        now: the time of day, for `record_use`.
        observe: called with `hit`, `miss`, `stale`, `unavailable` or `refused` for every `find`.
    """

    def __init__(
        self,
        store: KeyDatabase,
        *,
        ttl: float = 2.0,
        grace: float = 300.0,
        retry: float = 1.0,
        timeout: float = 2.0,
        known_bytes: int = 16 * 2**20,
        unknown_bytes: int = 2**20,
        queue: int = 64,
        threads: int = 4,
        refreshing: int = 2,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observe: Callable[[str], None] = _ignore_outcome,
    ) -> None:
        self._store = store
        self._ttl, self._grace, self._retry, self._timeout = ttl, grace, retry, timeout
        self._known: ByteBoundedCache[str, _Entry] = ByteBoundedCache(known_bytes, _size_of)
        self._unknown: ByteBoundedCache[str, _Entry] = ByteBoundedCache(unknown_bytes, _size_of)
        self._pending_reads: dict[str, _PendingRead] = {}
        self._unknown_slots = FairSlots(threads, queue)
        self._known_slots = FairSlots(refreshing, sys.maxsize)  # a known key is never refused
        self._threads = anyio.CapacityLimiter(threads + refreshing)
        self._writing = anyio.CapacityLimiter(1)
        self._clock, self._now, self._observe = clock, now, observe
        self._queried_at = -float("inf")
        self._last_uses: dict[str, datetime] = {}
        self.unavailable = False

    def knows(self, public_id: str) -> bool:
        """Return whether a key of this id is in the cache, fresh or not."""
        return public_id in self._known

    async def find(self, public_id: str, address: str = "") -> ApiKey | None:
        """Return the key of an id, or None.

        Args:
            address: client address; an unknown id is queued among the others of its address.

        Raises:
            KeysUnavailableError: the database is unavailable, and the key was not read within
                `grace`.
            LookupsExhaustedError: the address has too many unknown ids queued.
        """
        # 1. A fresh entry is a hit, without an await. 2. During an outage a known key is served
        # stale at once, while a probe runs in the background. 3. Otherwise join the running read
        # of the id, or start it; reads of unknown ids queue by address. 4. If the read fails, or
        # may not start between two probes, a known key is served stale within its grace.
        entry = self._known.get(public_id) or self._unknown.get(public_id)
        if entry is not None and self._age_of(entry) < self._ttl:
            self._observe("hit")
            return entry.key
        known = entry is not None and entry.key is not None
        if self.unavailable and known:
            self._start_read(public_id)  # a probe; awaiting it could take the whole time-out
            return self._stale_key(public_id)
        read = self._start_read(public_id, None if known else address)
        if read is None:
            return self._stale_key(public_id)
        fetched = await self._await_entry(read)
        if fetched is None:
            return self._stale_key(public_id)
        self._observe("miss")
        return fetched.key

    def is_current(self, key: ApiKey) -> bool:
        """Return whether `find` would return this very key now, without a query."""
        entry = self._known.get(key.id)
        current = entry is not None and entry.key is key and self._age_of(entry) < self._ttl
        if current:
            self._observe("hit")
        return current

    def probe(self) -> None:
        """Probe an unavailable database, without waiting for the result."""
        if self.unavailable:
            self._start_read("")

    def record_use(self, public_id: str) -> None:
        """Record that a key was used now, until the next `flush`."""
        if len(self._last_uses) < MOST_USES or public_id in self._last_uses:
            self._last_uses[public_id] = self._now()

    async def flush(self) -> None:
        """Write the recorded uses to the store; keep them for the next call if that fails."""
        times, self._last_uses = self._last_uses, {}
        if not times:
            return
        try:
            await anyio.to_thread.run_sync(self._store.record_uses, times, limiter=self._writing)
        except StorageError as error:
            self._last_uses = {**times, **self._last_uses}
            _log.warning("key_uses_not_written", error=type(error).__name__, keys=len(times))

    def _age_of(self, entry: _Entry) -> float:
        return self._clock() - entry.read_at

    def _stale_key(self, public_id: str) -> ApiKey:
        """Return a cached key within its grace; raise KeysUnavailableError otherwise."""
        entry = self._known.get(public_id)
        if entry is None or entry.key is None or self._age_of(entry) >= self._grace:
            self._observe("unavailable")
            raise KeysUnavailableError
        self._observe("stale")
        return entry.key

    async def _await_entry(self, read: _PendingRead) -> _Entry | None:
        """Wait for the entry of a read; return None if the store failed.

        A cancelled caller does not cancel the read, which other callers may share.
        """
        assert read.task is not None
        while not read.task.done():
            await asyncio.wait({read.task}, timeout=self._timeout / _CHECKS)
            # check all reads: this one may be queued behind another that hangs
            if not read.task.done() and self._store_hangs():
                self._mark_unavailable("timeout")
                return None
        return read.task.result()

    def _store_hangs(self) -> bool:
        return any(read.hangs(self._timeout) for read in self._pending_reads.values())

    def _start_read(self, public_id: str, address: str | None = None) -> _PendingRead | None:
        """Start the read of an id or join the running one; return None between two probes.

        Args:
            address: the client address, whose queue it joins; None for a known key.

        Raises:
            LookupsExhaustedError: see `find`.
        """
        running = self._pending_reads.get(public_id)
        if running is not None:
            return running
        if self.unavailable and self._clock() - self._queried_at < self._retry:
            return None
        slots = self._known_slots if address is None else self._unknown_slots
        try:
            turn = slots.claim(address or "")
        except QueueFullError:
            self._observe("refused")
            raise LookupsExhaustedError from None
        self._queried_at = self._clock()
        read = self._pending_reads[public_id] = _PendingRead(slots, turn, probes=self.unavailable)
        read.task = asyncio.get_running_loop().create_task(self._run_read(public_id, read))
        read.task.add_done_callback(lambda _: self._pending_reads.pop(public_id, None))
        return read

    async def _run_read(self, public_id: str, read: _PendingRead) -> _Entry | None:
        """Read an id when it is its turn, and cache the entry.

        Its age counts from before the query: a revocation during the query may be missing in it.
        """
        await read.turn
        try:
            if self.unavailable and not read.probes:  # it failed while this read was queued
                return None
            queried_at = self._clock()
            key = await anyio.to_thread.run_sync(
                read.query, self._store, public_id, limiter=self._threads
            )
        except StorageError as error:
            self._mark_unavailable(type(error).__name__)
            return None
        finally:
            read.slots.release()
        return self._cache_entry(public_id, _Entry(key, queried_at))

    def _cache_entry(self, public_id: str, entry: _Entry) -> _Entry:
        self._known.discard(public_id)
        (self._unknown if entry.key is None else self._known).put(public_id, entry)
        if self.unavailable:
            self.unavailable = False
            _log.info("keys_available")
        return entry

    def _mark_unavailable(self, error: str) -> None:
        if not self.unavailable:
            self.unavailable = True
            _log.warning("keys_unavailable", error=error, grace_seconds=self._grace)


def _size_of(public_id: str, entry: _Entry) -> int:
    size = sys.getsizeof(public_id) + _ENTRY_BYTES
    key = entry.key
    if key is not None:
        texts = (key.client, key.tier, key.digest, *key.unknown_scopes)
        size += _KEY_BYTES + sum(map(sys.getsizeof, texts))
    return size
