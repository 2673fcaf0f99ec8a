"""Log events as text for a person at a terminal."""

from __future__ import annotations

from functools import cache
from typing import Any

import structlog


def render_for_console(event: dict[str, Any], **options: Any) -> bytes:
    """Return an event as a line of text, and its exception as the lines below it."""
    rendered: str = _renderer()(None, "", event)
    return rendered.encode(errors="backslashreplace")


@cache
def _renderer() -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(pad_event_to=28)
