"""Log events as JSON, one object a line."""

from __future__ import annotations

import json
from typing import Any

import orjson


def serialize_event(event: Any, **options: Any) -> bytes:
    """Return an event as JSON, whatever its texts and numbers are."""
    try:
        return orjson.dumps(event, **options)
    except TypeError:  # text that is not UTF-8, such as a file name, or an integer above 64 bits
        return json.dumps(event, **options).encode()
