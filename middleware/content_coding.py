"""Decoding of compressed request bodies (RFC 9110 section 8.4).

A few bytes can decode to gigabytes, so a decoder stops one byte above its limit and leaves the
rest undecoded.
"""

from __future__ import annotations

import zlib

from errors import Code, Problem

ACCEPTED = "gzip, deflate"

_WINDOW_OF = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
"""The `wbits` of zlib for each coding.

15 is the largest window, 2 ** 15 bytes, in the zlib format, which is what `deflate` means (RFC 9110
section 8.4.1.2). 31 is 15 + 16, where 16 selects the gzip format.
"""


class Decoder:
    """Streaming decoder of one body.

    Attributes:
        decoded: number of bytes decoded so far.
    """

    def __init__(self, coding: bytes, max_bytes: int) -> None:
        self._window = _WINDOW_OF[coding]
        self._max_bytes = max_bytes
        self._stream = zlib.decompressobj(self._window)
        self._has_input = False
        self.decoded = 0

    def feed(self, data: bytes) -> bytes:
        """Return the decoded form of some more bytes; at most one byte over the limit in all.

        Raises:
            Problem: PARSE_ERROR: the bytes do not match the coding.
        """
        parts = []
        while data and self.decoded <= self._max_bytes:
            if self._stream.eof:  # a gzip body may have several members (RFC 1952)
                self._stream = zlib.decompressobj(self._window)
            try:
                part = self._stream.decompress(data, self._max_bytes + 1 - self.decoded)
            except zlib.error:
                raise _undecodable() from None
            self._has_input = True
            self.decoded += len(part)
            parts.append(part)
            data = self._stream.unconsumed_tail or self._stream.unused_data
        return b"".join(parts)

    def finish(self) -> None:
        """Raise Problem PARSE_ERROR if the body ended before its coding did."""
        if self._has_input and not self._stream.eof and self.decoded <= self._max_bytes:
            raise _undecodable()


def decoder_for(values: list[bytes], max_bytes: int) -> Decoder | None:
    """Return the decoder of a body by its Content-Encoding; None for an unencoded body.

    Args:
        values: of all Content-Encoding headers of the request; each may list several codings.
        max_bytes: limit of the decoded body; the decoder yields at most one byte more.

    Raises:
        Problem: UNSUPPORTED_MEDIA_TYPE: there are several codings, or an unknown one. Its header
            Accept-Encoding lists the supported ones (RFC 9110 section 12.5.3).
    """
    codings = [part.strip().lower() for part in b",".join(values).split(b",")]
    codings = [coding for coding in codings if coding not in (b"", b"identity")]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in _WINDOW_OF:
        declared = b", ".join(codings).decode("latin-1")[:100]
        raise Problem(
            Code.UNSUPPORTED_MEDIA_TYPE,
            f"The body's Content-Encoding is {declared!r}. Only a single gzip or deflate coding is "
            "supported. Send the body with one of them, or uncompressed.",
            headers={"Accept-Encoding": ACCEPTED},
        )
    return Decoder(codings[0], max_bytes)


def _undecodable() -> Problem:
    return Problem(
        Code.PARSE_ERROR, "The body is not what its Content-Encoding says, or was cut off."
    )
