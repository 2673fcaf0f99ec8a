"""Cache of the encoded results of single items of batches, in this process.

Batches hardly ever repeat as a whole, but their items do: the same series are asked for again, in
another order or beside others. A batch is put together from the results that are here, and only the
others are forecast.
"""

from __future__ import annotations

import sys

from api.forecasts.items import Item, ItemKind
from storage.cache.bounded import ByteBoundedCache

MAX_BYTES = 16 * 2**20
"""Of results in the cache; the least recently used are evicted."""

_Key = tuple[str, int, ItemKind]


class ItemAnswers:
    """Encoded results by the release, the node and all else that an item's result depends on."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._bodies: ByteBoundedCache[_Key, bytes] = ByteBoundedCache(max_bytes, _size_of)

    def find(self, version: str, item: Item) -> bytes | None:
        """Return the JSON of an item's result, if it is here.

        Args:
            version: of the release that answers.
        """
        return None if item.kind.adjusted else self._bodies.get((version, item.row, item.kind))

    def put(self, version: str, item: Item, body: bytes) -> None:
        """Store a result; not one with overrides, which depends on those that stand."""
        if not item.kind.adjusted:
            self._bodies.put((version, item.row, item.kind), body)


def _size_of(key: _Key, body: bytes) -> int:
    version, _, kind = key
    return sys.getsizeof(version) + sys.getsizeof(kind) + sys.getsizeof(body)
