"""The lines of a log, as objects."""

from __future__ import annotations

import json
from typing import Any


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Return the objects of a log; fail at a line that is none."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert {"event", "level", "logger", "timestamp"} <= line.keys(), line
    return lines
