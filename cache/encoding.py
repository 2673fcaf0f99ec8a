"""How an answer is written into Redis: tag, digest, payload.

====== ===== ==================================================
offset bytes what
====== ===== ==================================================
0      1     ``r``: the payload is the body; ``z``: as zlib has it
1      8     BLAKE2b of key, tag and payload
9            payload
====== ===== ==================================================

The digest finds values that are cut off, altered, or stored under the name of another. It is no
protection from somebody who writes into Redis on purpose.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b

COMPRESSED_FROM = 1024
"""Bytes from which a body is compressed."""

_RAW, _ZLIB = b"r", b"z"
_DIGEST = 8


def encode(key: str, body: bytes) -> bytes:
    """The value to store under `key`."""
    if len(body) < COMPRESSED_FROM:
        return _sealed(key, _RAW, body)
    return _sealed(key, _ZLIB, zlib.compress(body, level=1))


def decode(key: str, value: bytes) -> bytes | None:
    """The body that was stored under `key`, or None if the value is not what `encode` made."""
    tag, payload = value[:1], value[1 + _DIGEST :]
    if tag not in (_RAW, _ZLIB) or value != _sealed(key, tag, payload):
        return None
    try:
        return payload if tag == _RAW else zlib.decompress(payload)
    except zlib.error:
        return None


def _sealed(key: str, tag: bytes, payload: bytes) -> bytes:
    digest = blake2b(key.encode(), digest_size=_DIGEST)
    digest.update(tag)
    digest.update(payload)
    return tag + digest.digest() + payload
