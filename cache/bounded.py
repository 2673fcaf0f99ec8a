"""A least-recently-used cache that is bounded by bytes, its keys included.

A caller chooses keys as well as values: how long a query is, how many addresses they come from.
So a bound on the number of entries bounds nothing, and neither does one on values alone, which is
what `cachetools` can measure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES = 300
"""What the containers take for an entry: slots of the ordered mapping, its link, the pair."""


class ByteBoundedCache(Generic[K, V]):
    """Keep the entries that were used last, in at most `max_bytes`.

    Not for several threads at a time.

    Invariants:
        `nbytes` is the sum of the sizes of the entries and never above `max_bytes`.
        An entry that is larger than the whole cache is not kept.

    Args:
        max_bytes: of all entries; 0 keeps none.
        size_of: bytes of a key and its value. `ENTRY_BYTES` is added to it.
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
        """Return the value of a key, which is then the last that gives way."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V) -> None:
        """Keep a value; the least recently used entries give way to it."""
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
        """Forget a key, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.nbytes -= entry[1]

    def clear(self) -> None:
        self._entries.clear()
        self.nbytes = 0
