"""Cache keys: version of model and data, call, and digest of the request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NewType

CacheKey = NewType("CacheKey", str)


def key_of(version: str, call: str, request: Mapping[str, Any] | bytes) -> CacheKey:
    """Return the key of a response: ``<version>:<call>:<40 hexadecimal digits>``.

    Two requests get one key only if they are the same JSON document, apart from the order of
    object members. They should be canonical: validated, with defaults filled in.

    Args:
        version: of the release, ``<bundle>.<snapshot>``.
        call: the name of the call.
        request: the request as a document, or in a canonical form of the caller.

    Raises:
        TypeError: the request holds a value that JSON has not, such as a date; pass its text.
    """
    payload = request if isinstance(request, bytes) else _canonical_json(request)
    return CacheKey(f"{version}:{call}:{blake2b(payload, digest_size=20).hexdigest()}")


def _canonical_json(request: Mapping[str, Any]) -> bytes:
    # orjson would write NaN and infinities as null, so that different requests got one key
    return json.dumps(dict(request), sort_keys=True, separators=(",", ":")).encode()
