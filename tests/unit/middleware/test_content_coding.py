"""Compressed bodies: decoded up to the limit; other codings are refused by name."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest

from errors import Code, Problem
from middleware.content_coding import ACCEPTED, decoder_for

LIMIT = 1000
BOMB = gzip.compress(bytes(50_000_000))


def decode_in_parts(body: bytes, coding: bytes = b"gzip", part: int = 7) -> bytes:
    decoder = decoder_for([coding], LIMIT)
    assert decoder is not None
    out = b"".join(decoder.feed(body[at : at + part]) for at in range(0, len(body), part))
    decoder.finish()
    return out


@pytest.mark.parametrize(
    ("coding", "encode"),
    [(b"gzip", gzip.compress), (b"X-Gzip", gzip.compress), (b" deflate", zlib.compress)],
    ids=["gzip", "x-gzip", "deflate"],
)
@pytest.mark.parametrize("body", [b"", b"a", b"abc" * 300], ids=["empty", "a byte", "long"])
@pytest.mark.parametrize("part", [1, 1000])
def test_a_body_is_decoded(
    coding: bytes, encode: Callable[[bytes], bytes], body: bytes, part: int
) -> None:
    assert decode_in_parts(encode(body), coding, part) == body


def test_a_file_of_several_members_is_decoded_completely() -> None:
    """RFC 1952 section 2.2."""
    assert decode_in_parts(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"


def test_no_more_is_decoded_than_one_byte_over_the_limit() -> None:
    decoder = decoder_for([b"gzip"], LIMIT)
    assert decoder is not None
    assert sum(len(decoder.feed(BOMB)) for _ in range(3)) == decoder.decoded == LIMIT + 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not gzip", id="something else"),
        pytest.param(gzip.compress(b"abc")[:-1], id="cut off"),
        pytest.param(gzip.compress(b"abc") + b"more", id="with something after it"),
        pytest.param(gzip.compress(b"abc")[:-8] + bytes(8), id="with a wrong checksum"),
    ],
)
def test_a_body_that_does_not_match_its_coding_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        decode_in_parts(body)
    assert refused.value.code is Code.PARSE_ERROR


@pytest.mark.parametrize("values", [[], [b""], [b"identity"], [b"identity, identity"]])
def test_a_body_without_a_coding_needs_no_decoder(values: list[bytes]) -> None:
    assert decoder_for(values, LIMIT) is None


@pytest.mark.parametrize(
    "values",
    [[b"br"], [b"zstd"], [b"gzip, gzip"], [b"gzip", b"gzip"], [b"gzip, br"], [b"x" * 5000]],
    ids=lambda values: b", ".join(values)[:20].decode(),
)
def test_another_coding_is_refused_by_name(values: list[bytes]) -> None:
    with pytest.raises(Problem) as refused:
        decoder_for(values, LIMIT)
    assert refused.value.code is Code.UNSUPPORTED_MEDIA_TYPE
    assert refused.value.headers == {"Accept-Encoding": ACCEPTED}
    assert values[0][:90].decode() in refused.value.detail
    assert len(refused.value.detail) < 400
