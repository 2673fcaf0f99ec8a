"""A value read from Redis is the one stored under that key, or a miss."""

from __future__ import annotations

import zlib

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from storage.cache import encoding
from storage.cache.encoding import COMPRESSED_FROM, KEY_BYTES, decode, derive_key, encode

SECRET = bytes(range(KEY_BYTES))
KEY = "v1:whatif:00"
bodies = st.binary(max_size=64) | st.binary(min_size=COMPRESSED_FROM, max_size=4 * COMPRESSED_FROM)


@given(bodies)
def test_a_body_comes_back_byte_for_byte(body: bytes) -> None:
    assert decode(SECRET, KEY, encode(SECRET, KEY, body)) == body


@given(bodies, st.data())
def test_an_altered_value_is_a_miss(body: bytes, data: st.DataObject) -> None:
    value = bytearray(encode(SECRET, KEY, body))
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] ^= data.draw(st.integers(1, 255))
    assert decode(SECRET, KEY, bytes(value)) is None


@given(bodies, st.data())
def test_a_truncated_value_is_a_miss(body: bytes, data: st.DataObject) -> None:
    value = encode(SECRET, KEY, body)
    assert decode(SECRET, KEY, value[: data.draw(st.integers(0, len(value) - 1))]) is None


@given(st.binary(max_size=64))
def test_a_foreign_value_is_a_miss(value: bytes) -> None:
    assert decode(SECRET, KEY, value) is None


def test_a_plain_body_is_not_mistaken_for_a_compressed_one() -> None:
    compressed = encode(SECRET, KEY, bytes(COMPRESSED_FROM))
    assert decode(SECRET, KEY, b"r" + compressed[1:]) is None


def test_a_value_of_another_key_is_a_miss() -> None:
    assert decode(SECRET, KEY, encode(SECRET, "v2:whatif:00", b"{}")) is None


@pytest.mark.parametrize(
    ("size", "smaller"),
    [
        pytest.param(COMPRESSED_FROM - 1, False, id="small"),
        pytest.param(COMPRESSED_FROM, True, id="large"),
    ],
)
def test_large_bodies_are_compressed(size: int, smaller: bool) -> None:
    assert (len(encode(SECRET, KEY, b"0" * size)) < size) is smaller


@pytest.mark.parametrize("size", [10, COMPRESSED_FROM], ids=["raw", "compressed"])
def test_a_value_signed_with_another_secret_is_a_miss(size: int) -> None:
    assert decode(SECRET, KEY, encode(bytes(KEY_BYTES), KEY, bytes(size))) is None


def test_no_value_decompresses_beyond_the_largest_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "LARGEST_BODY", 5_000)
    assert decode(SECRET, KEY, encode(SECRET, KEY, bytes(5_000))) == bytes(5_000)
    assert decode(SECRET, KEY, encode(SECRET, KEY, bytes(5_001))) is None


def test_a_forged_value_is_not_even_decompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = encode(bytes(KEY_BYTES), KEY, bytes(100_000))

    def fail_if_called() -> None:
        raise AssertionError("it was decompressed")

    monkeypatch.setattr(zlib, "decompressobj", fail_if_called)
    assert decode(SECRET, KEY, bomb) is None


def test_a_key_is_derived_as_rfc_5869_says() -> None:
    """The expected key comes from another implementation."""
    hkdf = HKDF(SHA256(), length=KEY_BYTES, salt=b"mlrf", info=b"answers in Redis")
    assert derive_key("a secret") == hkdf.derive(b"a secret")
    assert derive_key("a secret") != derive_key("another")
