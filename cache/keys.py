"""Names of answers: which model and data, which call, and what was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NewType

CacheKey = NewType("CacheKey", str)


def key_of(version: str, call: str, request: Mapping[str, Any] | bytes) -> CacheKey:
    """The name of an answer: ``<version>:<call>:<40 hexadecimal digits>``.

    Two requests get one name only if they are the same JSON document but for the order of the
    members of its objects. They should be canonical: checked, and defaults filled in.

    Args:
        version: of what answers, ``<bundle>.<snapshot>``.
        call: the name of the call.
        request: what was asked, as a document or in a canonical form of the caller's.

    Raises:
        TypeError: the request holds what JSON cannot, such as a date; give its text.
    """
    asked = request if isinstance(request, bytes) else _canonical(request)
    return CacheKey(f"{version}:{call}:{blake2b(asked, digest_size=20).hexdigest()}")


def _canonical(request: Mapping[str, Any]) -> bytes:
    # orjson would write NaN and infinities as null, and give different requests one name
    return json.dumps(dict(request), sort_keys=True, separators=(",", ":")).encode()
