"""A cache bounded by the bytes of its keys and values: eviction and refused entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.cache.bounded import ENTRY_BYTES, ByteBoundedCache


def cache_of(entries: int, *, length: int = 10) -> ByteBoundedCache[str, str]:
    """Return a cache that fits a number of entries whose keys and values have one length."""
    return ByteBoundedCache(entries * (ENTRY_BYTES + 2 * length), lambda k, v: len(k) + len(v))


def text(number: int, length: int = 10) -> str:
    return f"{number:0{length}d}"


def test_the_least_recently_used_entry_is_evicted() -> None:
    cache = cache_of(2)
    cache.put(text(1), text(1))
    cache.put(text(2), text(2))
    assert cache.get(text(1)) == text(1)
    cache.put(text(3), text(3))
    assert [text(number) in cache for number in (1, 2, 3)] == [True, False, True]


def test_a_long_key_counts_like_a_long_value() -> None:
    cache = cache_of(10)
    cache.put(text(1), text(1))
    cache.put(text(2, length=9 * ENTRY_BYTES), "")
    assert len(cache) == 1


def test_an_entry_larger_than_the_cache_is_not_stored_and_evicts_nothing() -> None:
    cache = cache_of(2)
    cache.put(text(1), text(1))
    cache.put(text(2), text(2, length=3 * ENTRY_BYTES))
    assert (len(cache), cache.get(text(2)), cache.get(text(1))) == (1, None, text(1))


def test_a_value_that_is_replaced_counts_once() -> None:
    cache = cache_of(2)
    for _ in range(5):
        cache.put(text(1), text(1))
    assert cache.nbytes == ENTRY_BYTES + 20
    cache.put(text(1), text(2, length=10 * ENTRY_BYTES))  # a value too large removes the old one
    assert (len(cache), cache.nbytes) == (0, 0)


def test_cleared_and_discarded_entries_free_their_bytes() -> None:
    cache = cache_of(3)
    for number in (1, 2):
        cache.put(text(number), text(number))
    cache.discard(text(1))
    cache.discard(text(9))
    assert (len(cache), cache.nbytes) == (1, ENTRY_BYTES + 20)
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=900)), max_size=40))
def test_the_bytes_are_never_above_the_bound(entries: list[tuple[str, str]]) -> None:
    cache: ByteBoundedCache[str, str] = ByteBoundedCache(2_000, lambda k, v: len(k) + len(v))
    expected: dict[str, str] = {}
    for key, value in entries:
        cache.put(key, value)
        expected[key] = value
        assert cache.nbytes <= 2_000
    stored = {key: value for key, value in expected.items() if key in cache}
    assert cache.nbytes == sum(len(k) + len(v) + ENTRY_BYTES for k, v in stored.items())
    assert all(cache.get(key) == value for key, value in stored.items())
