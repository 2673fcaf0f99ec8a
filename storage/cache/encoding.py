"""Encoding of a response body in Redis: tag, authentication code, payload.

====== ===== ==================================================
offset bytes what
====== ===== ==================================================
0      1     ``r``: the payload is the body; ``z``: it is compressed by zlib
1      16    keyed BLAKE2b of purpose, key, tag and payload
17           payload
====== ===== ==================================================

Writers to Redis are not trusted. The code needs a secret that is not in Redis, so a value that is
forged, altered, truncated, or stored under another key is rejected. Nothing is decompressed
before its code was verified, and never beyond `LARGEST_BODY`. A replay of a value under its own
key is harmless: it equals what would be computed.
"""

from __future__ import annotations

import hmac
import zlib
from hashlib import blake2b

COMPRESSED_FROM = 1024
"""Size from which a body is compressed, in bytes."""

LARGEST_BODY = 32 * 2**20
"""Maximum of a stored body and of a decompressed value, in bytes."""

KEY_BYTES = 32
"""Size of the key that values are authenticated with."""

_RAW, _ZLIB = b"r", b"z"
_CODE = 16


def derive_key(secret: str) -> bytes:
    """Return the key derived from a secret for this purpose (HKDF with SHA-256, RFC 5869).

    The key does not reveal the secret, which may serve other purposes too.
    """
    extracted = hmac.digest(b"mlrf", secret.encode(), "sha256")
    return hmac.digest(extracted, b"answers in Redis\x01", "sha256")


def code_of(secret: bytes, purpose: bytes, name: str, *parts: bytes) -> bytes:
    """Return the authentication code of some bytes under a name.

    Args:
        purpose: up to 16 bytes that separate domains: a code is valid for one purpose only.
        parts: of fixed lengths, except the last.
    """
    encoded = name.encode()
    code = blake2b(key=secret, digest_size=_CODE, person=purpose)
    code.update(len(encoded).to_bytes(4))
    code.update(encoded)
    for part in parts:
        code.update(part)
    return code.digest()


def encode(secret: bytes, key: str, body: bytes) -> bytes:
    """Return the value to store under `key`."""
    if len(body) < COMPRESSED_FROM:
        return _add_code(secret, key, _RAW, body)
    return _add_code(secret, key, _ZLIB, zlib.compress(body, level=1))


def decode(secret: bytes, key: str, value: bytes) -> bytes | None:
    """Return the body of a value under `key`, or None if `encode` did not make it."""
    tag, code, payload = value[:1], value[1 : 1 + _CODE], value[1 + _CODE :]
    if not hmac.compare_digest(code, code_of(secret, b"answer", key, tag, payload)):
        return None
    return payload if tag == _RAW else _decompress_payload(payload)


def _decompress_payload(payload: bytes) -> bytes | None:
    """Return a decompressed payload; None if it is damaged or exceeds `LARGEST_BODY`."""
    decompressor = zlib.decompressobj()
    try:
        body = decompressor.decompress(payload, LARGEST_BODY)
    except zlib.error:
        return None
    return body if decompressor.eof and not decompressor.unused_data else None


def _add_code(secret: bytes, key: str, tag: bytes, payload: bytes) -> bytes:
    return tag + code_of(secret, b"answer", key, tag, payload) + payload
