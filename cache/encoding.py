"""How an answer is written into Redis: tag, authentication code, payload.

====== ===== ==================================================
offset bytes what
====== ===== ==================================================
0      1     ``r``: the payload is the body; ``z``: as zlib has it
1      16    keyed BLAKE2b of purpose, key, tag and payload
17           payload
====== ===== ==================================================

Who can write into Redis is not trusted. The code needs a secret that is not there, so a value
that is forged, altered, cut off, or stored under the name of another is no answer; and nothing
is decompressed before its code was verified, nor ever beyond `LARGEST_BODY`. A value that was
copied and put back under its own name is what would have been computed, and does no harm.
"""

from __future__ import annotations

import hmac
import zlib
from hashlib import blake2b

COMPRESSED_FROM = 1024
"""Bytes from which a body is compressed."""

LARGEST_BODY = 32 * 2**20
"""Bytes of a body that is stored, and the most that a value is decompressed to."""

KEY_BYTES = 32
"""Of the secret that values are authenticated with."""

_RAW, _ZLIB = b"r", b"z"
_CODE = 16


def derive_key(secret: str) -> bytes:
    """Return the key of this purpose that a secret stands for (HKDF with SHA-256, RFC 5869).

    It tells nothing of the secret, which may serve another purpose too, to who does not guess it.
    """
    extracted = hmac.digest(b"mlrf", secret.encode(), "sha256")
    return hmac.digest(extracted, b"answers in Redis\x01", "sha256")


def code_of(secret: bytes, purpose: bytes, name: str, *parts: bytes) -> bytes:
    """Return the authentication code of some bytes under a name.

    Args:
        purpose: up to 16 bytes, so that what was made for one is nothing for another.
        parts: of fixed lengths but for the last.
    """
    encoded = name.encode()
    code = blake2b(key=secret, digest_size=_CODE, person=purpose)
    code.update(len(encoded).to_bytes(4))
    code.update(encoded)
    for part in parts:
        code.update(part)
    return code.digest()


def encode(secret: bytes, key: str, body: bytes) -> bytes:
    """The value to store under `key`."""
    if len(body) < COMPRESSED_FROM:
        return _sealed(secret, key, _RAW, body)
    return _sealed(secret, key, _ZLIB, zlib.compress(body, level=1))


def decode(secret: bytes, key: str, value: bytes) -> bytes | None:
    """The body that was stored under `key`, or None if the value is not what `encode` made."""
    tag, code, payload = value[:1], value[1 : 1 + _CODE], value[1 + _CODE :]
    if not hmac.compare_digest(code, code_of(secret, b"answer", key, tag, payload)):
        return None
    return payload if tag == _RAW else _decompressed(payload)


def _decompressed(payload: bytes) -> bytes | None:
    """What zlib makes of a payload; None if that is nothing, or more than `LARGEST_BODY`."""
    decompressor = zlib.decompressobj()
    try:
        body = decompressor.decompress(payload, LARGEST_BODY)
    except zlib.error:
        return None
    return body if decompressor.eof and not decompressor.unused_data else None


def _sealed(secret: bytes, key: str, tag: bytes, payload: bytes) -> bytes:
    return tag + code_of(secret, b"answer", key, tag, payload) + payload
