"""Least-recently-used cache that is bounded by bytes, its keys included.

Callers control the keys too: the length of a query, the number of addresses. So a limit on the
number of entries does not bound memory, nor does one on the size of values, the only one that
`cachetools` offers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES = 300
"""Overhead of an entry in the containers: slots of the ordered mapping, its link, the tuple."""


class ByteBoundedCache(Generic[K, V]):
    """LRU cache of at most `max_bytes`; not thread-safe.

    Invariants:
        `nbytes` is the sum of the sizes of the entries and never above `max_bytes`.
        An entry that is larger than the whole cache is not stored.

    Args:
        max_bytes: limit of all entries; 0 stores none.
        size_of: returns the bytes of a key and its value. `ENTRY_BYTES` is added to it.
    """

    def __init__(self, max_bytes: int, size_of: Callable[[K, V], int]) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self._size_of = size_of
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """Return the value of a key, or None; mark it as most recently used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V) -> None:
        """Store a value, and evict the least recently used entries to make space."""
        self.discard(key)
        size = self._size_of(key, value) + ENTRY_BYTES
        if size > self.max_bytes:
            return
        self._entries[key] = (value, size)
        self.nbytes += size
        while self.nbytes > self.max_bytes:
            _, (_, freed) = self._entries.popitem(last=False)
            self.nbytes -= freed

    def discard(self, key: K) -> None:
        """Remove a key, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.nbytes -= entry[1]

    def clear(self) -> None:
        self._entries.clear()
        self.nbytes = 0
