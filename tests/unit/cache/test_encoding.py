"""What comes out of Redis is what was stored under that key, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.encoding import COMPRESSED_FROM, decode, encode

KEY = "v1:whatif:00"
bodies = st.binary(max_size=64) | st.binary(min_size=COMPRESSED_FROM, max_size=4 * COMPRESSED_FROM)


@given(bodies)
def test_a_body_comes_back_byte_for_byte(body: bytes) -> None:
    assert decode(KEY, encode(KEY, body)) == body


@given(bodies, st.data())
def test_an_altered_value_is_no_answer(body: bytes, data: st.DataObject) -> None:
    value = bytearray(encode(KEY, body))
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] ^= data.draw(st.integers(1, 255))
    assert decode(KEY, bytes(value)) is None


@given(bodies, st.data())
def test_a_value_that_is_cut_off_is_no_answer(body: bytes, data: st.DataObject) -> None:
    value = encode(KEY, body)
    assert decode(KEY, value[: data.draw(st.integers(0, len(value) - 1))]) is None


@given(st.binary(max_size=64))
def test_a_foreign_value_is_no_answer(value: bytes) -> None:
    assert decode(KEY, value) is None


def test_a_body_is_not_taken_for_a_compressed_one() -> None:
    compressed = encode(KEY, bytes(COMPRESSED_FROM))
    assert decode(KEY, b"r" + compressed[1:]) is None


def test_a_value_of_another_key_is_no_answer() -> None:
    assert decode(KEY, encode("v2:whatif:00", b"{}")) is None


@pytest.mark.parametrize(
    ("size", "smaller"),
    [
        pytest.param(COMPRESSED_FROM - 1, False, id="small"),
        pytest.param(COMPRESSED_FROM, True, id="large"),
    ],
)
def test_large_bodies_are_compressed(size: int, smaller: bool) -> None:
    assert (len(encode(KEY, b"0" * size)) < size) is smaller
