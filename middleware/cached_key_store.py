"""A short in-process cache over the database of keys.

*Invariants*

- A key that is answered was read less than `ttl` seconds ago, so a revocation takes effect on
  every worker within that time. The one exception: while the database is away, a key that was
  read before keeps working for `grace` seconds from its last read.
- A key that was read less than `ttl` seconds ago costs no await.
- An id is read by one request at a time; the others wait for its answer.
- Only the database itself is ever called away: that it failed, or that a question which it was
  asked has had no answer for `timeout` seconds. To wait for a thread here is neither.
- Keys that are known are read again in threads of their own, and ids that are not known take
  turns by the address that they come from. So a flood of made-up ids delays neither revocations
  nor keys that are used for the first time from elsewhere.
- While the database is away it is asked once in `retry` seconds, however many requests come.
- What is remembered is bounded by bytes.
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

from cache.bounded import ByteBoundedCache
from middleware.fair_slots import FairSlots, QueueFullError
from storage.errors import StorageError
from storage.keys import ApiKey

_log = structlog.get_logger(__name__)

MOST_USES = 16_384
"""Keys whose last use waits to be written; while more wait, further ones are not noted."""

_ENTRY_BYTES, _KEY_BYTES = 100, 1_000  # of an entry, and of a key beside its texts
_CHECKS = 4
"""Looks in the time-out whether a question to the store has had no answer for too long."""


class KeysUnavailableError(Exception):
    """The database is away, and what was asked for is not known without it."""


class LookupsExhaustedError(Exception):
    """The address has too many unknown ids waiting to be read."""


class KeyStore(Protocol):
    """The database of keys. Its calls block, and raise StorageError where it is away."""

    def find(self, public_id: str) -> ApiKey | None:
        """The key of an id; None where there is none."""
        ...

    def used(self, times: Mapping[str, datetime]) -> object:
        """Note when keys were last used, by public id."""
        ...


class _Entry(NamedTuple):
    key: ApiKey | None
    read_at: float


@dataclass(eq=False)
class _Read:
    """A question to the store.

    Attributes:
        slots, turn: where it waits, and until when.
        probes: whether it is to find out that the store is back.
        task: ends with what was found, or with None where the store failed.
        asked_at: when the store was asked, by the machine's own clock; None before that.
            Written in the thread that asks, as is `answered`.
    """

    slots: FairSlots
    turn: asyncio.Future[None]
    probes: bool
    task: asyncio.Task[_Entry | None] | None = None
    asked_at: float | None = None
    answered: bool = False

    def ask(self, store: KeyStore, public_id: str) -> ApiKey | None:
        """Ask the store, in a thread."""
        self.asked_at = time.monotonic()
        try:
            return store.find(public_id)
        finally:
            self.answered = True

    def hangs(self, timeout: float) -> bool:
        """Return whether the store has not answered in time.

        An answer that the event loop has not come to yet is one.
        """
        asked_at = self.asked_at
        return asked_at is not None and not self.answered and time.monotonic() - asked_at >= timeout


def _unobserved(outcome: str) -> None: ...


class CachedKeyStore:
    """Finds keys, and remembers which were used.

    Args:
        store: asked in threads of its own.
        ttl: seconds for which an answer is good.
        grace: seconds for which a key works on while the database is away.
        retry: seconds between two questions to a database that is away.
        timeout: seconds after which a database that does not answer counts as away.
        known_bytes, unknown_bytes: how much is kept of keys, and of ids without a key. They are
            kept apart, so that made-up ids cannot displace keys.
        queue: how many unknown ids of one address may wait to be read; more are refused.
        threads: how many unknown ids the store is asked for at a time.
        refreshing: how many known keys it is asked for at a time, beside those.
        clock: seconds, monotonic.
        now: the time of day, for `used`.
        observe: told `hit`, `miss`, `stale`, `unavailable` or `refused` for every `find`.
    """

    def __init__(
        self,
        store: KeyStore,
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
        observe: Callable[[str], None] = _unobserved,
    ) -> None:
        self._store = store
        self._ttl, self._grace, self._retry, self._timeout = ttl, grace, retry, timeout
        self._known: ByteBoundedCache[str, _Entry] = ByteBoundedCache(known_bytes, _size_of)
        self._unknown: ByteBoundedCache[str, _Entry] = ByteBoundedCache(unknown_bytes, _size_of)
        self._reads: dict[str, _Read] = {}
        self._unknown_slots = FairSlots(threads, queue)
        self._known_slots = FairSlots(refreshing, sys.maxsize)  # a known key waits for its answer
        self._threads = anyio.CapacityLimiter(threads + refreshing)
        self._writing = anyio.CapacityLimiter(1)
        self._clock, self._now, self._observe = clock, now, observe
        self._asked_at = -float("inf")
        self._used: dict[str, datetime] = {}
        self.unavailable = False

    def knows(self, public_id: str) -> bool:
        """Return whether a key of this id was read before, however long ago."""
        return public_id in self._known

    async def find(self, public_id: str, address: str = "") -> ApiKey | None:
        """The key of an id; None where there is none.

        Args:
            address: that the id comes from, among whose others it waits its turn.

        Raises:
            KeysUnavailableError: the database is away, and the key was not read within `grace`.
            LookupsExhaustedError: too many unknown ids of the address wait to be read.
        """
        entry = self._known.get(public_id) or self._unknown.get(public_id)
        if entry is not None and self._age(entry) < self._ttl:
            self._observe("hit")
            return entry.key
        known = entry is not None and entry.key is not None
        if self.unavailable and known:
            self._read(public_id)  # nobody waits for it: a database that hangs would cost time
            return self._from_before(public_id)
        read = self._read(public_id, None if known else address)
        if read is None:
            return self._from_before(public_id)
        answer = await self._answer_of(read)
        if answer is None:
            return self._from_before(public_id)
        self._observe("miss")
        return answer.key

    def look(self) -> None:
        """Ask a database that is away whether it is back, for nobody; waits for no answer."""
        if self.unavailable:
            self._read("")

    def used(self, public_id: str) -> None:
        """Remember that a key was used now, until the next `flush`."""
        if len(self._used) < MOST_USES or public_id in self._used:
            self._used[public_id] = self._now()

    async def flush(self) -> None:
        """Tell the store when keys were last used; what it does not take is kept."""
        times, self._used = self._used, {}
        if not times:
            return
        try:
            await anyio.to_thread.run_sync(self._store.used, times, limiter=self._writing)
        except StorageError as error:
            self._used = {**times, **self._used}
            _log.warning("key_uses_not_written", error=type(error).__name__, keys=len(times))

    def _age(self, entry: _Entry) -> float:
        return self._clock() - entry.read_at

    def _from_before(self, public_id: str) -> ApiKey:
        """A key as it was read before the database went away."""
        entry = self._known.get(public_id)
        if entry is None or entry.key is None or self._age(entry) >= self._grace:
            self._observe("unavailable")
            raise KeysUnavailableError
        self._observe("stale")
        return entry.key

    async def _answer_of(self, read: _Read) -> _Entry | None:
        """What a read found; None where the store failed. The read goes on if nobody waits."""
        assert read.task is not None
        while not read.task.done():
            await asyncio.wait({read.task}, timeout=self._timeout / _CHECKS)
            # this read may still wait for its turn, which another one holds up
            if not read.task.done() and self._store_hangs():
                self._lost("timeout")
                return None
        return read.task.result()

    def _store_hangs(self) -> bool:
        return any(read.hangs(self._timeout) for read in self._reads.values())

    def _read(self, public_id: str, address: str | None = None) -> _Read | None:
        """The running read of an id; None where the store is not to be asked now.

        Args:
            address: whose turn it takes; None for a key that is known.

        Raises:
            LookupsExhaustedError: see `find`.
        """
        running = self._reads.get(public_id)
        if running is not None:
            return running
        if self.unavailable and self._clock() - self._asked_at < self._retry:
            return None
        slots = self._known_slots if address is None else self._unknown_slots
        try:
            turn = slots.claim(address or "")
        except QueueFullError:
            self._observe("refused")
            raise LookupsExhaustedError from None
        self._asked_at = self._clock()
        read = self._reads[public_id] = _Read(slots, turn, probes=self.unavailable)
        read.task = asyncio.get_running_loop().create_task(self._ask(public_id, read))
        read.task.add_done_callback(lambda _: self._reads.pop(public_id, None))
        return read

    async def _ask(self, public_id: str, read: _Read) -> _Entry | None:
        """Read an id when it is its turn, and keep the answer, which is as old as the question."""
        await read.turn
        try:
            if self.unavailable and not read.probes:  # it went away meanwhile
                return None
            asked_at = self._clock()
            key = await anyio.to_thread.run_sync(
                read.ask, self._store, public_id, limiter=self._threads
            )
        except StorageError as error:
            self._lost(type(error).__name__)
            return None
        finally:
            read.slots.release()
        return self._remember(public_id, _Entry(key, asked_at))

    def _remember(self, public_id: str, entry: _Entry) -> _Entry:
        self._known.discard(public_id)
        (self._unknown if entry.key is None else self._known).put(public_id, entry)
        if self.unavailable:
            self.unavailable = False
            _log.info("keys_available")
        return entry

    def _lost(self, error: str) -> None:
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
