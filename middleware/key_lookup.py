"""A short in-process cache over the database of keys.

*Invariants*

- A key that is answered was read less than `ttl` seconds ago, so a revocation takes effect on
  every worker within that time. The one exception: while the database is away, a key that was
  read before keeps working for `grace` seconds from its last read.
- A key that was read less than `ttl` seconds ago costs no await.
- An id is read by one request at a time; the others wait for its answer.
- While the database is away it is asked once in `retry` seconds, however many requests come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

import anyio
import anyio.to_thread
import structlog
from cachetools import LRUCache

from storage.errors import StorageError
from storage.keys import ApiKey

_log = structlog.get_logger(__name__)


class KeysUnavailableError(Exception):
    """The database is away, and what was asked for is not known without it."""


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


def _unobserved(outcome: str) -> None: ...


class KeyLookup:
    """Finds keys, and remembers which were used.

    Args:
        store: asked in threads of its own.
        ttl: seconds for which an answer is good.
        grace: seconds for which a key works on while the database is away.
        retry: seconds between two questions to a database that is away.
        timeout: seconds after which a database that does not answer counts as away.
        known, unknown: how many keys, and how many ids without a key, are kept. They are kept
            apart, so that made-up ids cannot displace keys.
        reading: how many ids that are not known may be read at a time; more are refused, so that
            made-up ids cannot queue up before the database.
        threads: how many questions the store gets at a time.
        clock: seconds, monotonic.
        now: the time of day, for `used`.
        observe: told `hit`, `miss`, `stale` or `unavailable` for every call of `find`.
    """

    def __init__(
        self,
        store: KeyStore,
        *,
        ttl: float = 2.0,
        grace: float = 300.0,
        retry: float = 1.0,
        timeout: float = 2.0,
        known: int = 10_000,
        unknown: int = 1_000,
        reading: int = 64,
        threads: int = 4,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observe: Callable[[str], None] = _unobserved,
    ) -> None:
        self._store = store
        self._ttl, self._grace, self._retry, self._timeout = ttl, grace, retry, timeout
        self._known: LRUCache[str, _Entry] = LRUCache(known)
        self._unknown: LRUCache[str, _Entry] = LRUCache(unknown)
        self._reads: dict[str, asyncio.Task[_Entry | None]] = {}
        self._reading = reading
        self._threads = anyio.CapacityLimiter(threads)
        self._clock, self._now, self._observe = clock, now, observe
        self._asked_at = -float("inf")
        self._used: dict[str, datetime] = {}
        self.away = False

    async def find(self, public_id: str) -> ApiKey | None:
        """The key of an id; None where there is none.

        Raises:
            KeysUnavailableError: the database is away, and the key was not read within `grace`.
        """
        entry = self._entry_of(public_id)
        if entry is not None and self._age(entry) < self._ttl:
            self._observe("hit")
            return entry.key
        if self.away and entry is not None and entry.key is not None:
            self._read(public_id)  # nobody waits for it: a database that hangs would cost time
            return self._from_before(public_id)
        read = self._read(public_id)
        if read is None:
            return self._from_before(public_id)
        answer = await self._answer_of(read)
        if answer is None:
            return self._from_before(public_id)
        self._observe("miss")
        return answer.key

    def look(self) -> None:
        """Ask a database that is away whether it is back, for nobody; waits for no answer."""
        if self.away:
            self._read("")

    def used(self, public_id: str) -> None:
        """Remember that a key was used now, until the next `flush`."""
        self._used[public_id] = self._now()

    async def flush(self) -> None:
        """Tell the store when keys were last used; what it does not take is kept."""
        times, self._used = self._used, {}
        if not times:
            return
        try:
            await anyio.to_thread.run_sync(self._store.used, times, limiter=self._threads)
        except StorageError as error:
            self._used = {**times, **self._used}
            _log.warning("key_uses_not_written", error=type(error).__name__, keys=len(times))

    def _entry_of(self, public_id: str) -> _Entry | None:
        return self._known.get(public_id) or self._unknown.get(public_id)

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

    async def _answer_of(self, read: asyncio.Task[_Entry | None]) -> _Entry | None:
        """What a read found; None where the store failed. The read goes on if nobody waits."""
        await asyncio.wait({read}, timeout=self._timeout)
        if read.done():
            return read.result()
        self._lost("timeout")
        return None

    def _read(self, public_id: str) -> asyncio.Task[_Entry | None] | None:
        """The running read of an id; None where the store is not to be asked now."""
        running = self._reads.get(public_id)
        if running is not None:
            return running
        due = not self.away or self._clock() - self._asked_at >= self._retry
        # a key that is known is always read: a busy database is no reason to believe an old answer
        room = public_id in self._known or len(self._reads) < self._reading
        if not due or not room:
            return None
        self._asked_at = self._clock()
        task = asyncio.get_running_loop().create_task(self._ask(public_id, self._asked_at))
        self._reads[public_id] = task
        task.add_done_callback(lambda _: self._reads.pop(public_id, None))
        return task

    async def _ask(self, public_id: str, asked_at: float) -> _Entry | None:
        """Read an id and keep the answer, which is as old as the question."""
        try:
            key = await anyio.to_thread.run_sync(self._store.find, public_id, limiter=self._threads)
        except StorageError as error:
            self._lost(type(error).__name__)
            return None
        self._known.pop(public_id, None)
        entries = self._unknown if key is None else self._known
        entry = entries[public_id] = _Entry(key, asked_at)
        if self.away:
            self.away = False
            _log.info("keys_available")
        return entry

    def _lost(self, error: str) -> None:
        if not self.away:
            self.away = True
            _log.warning("keys_unavailable", error=error, grace_seconds=self._grace)
