"""Lines of the access log, which are made and written in batches.

A line through structlog takes a third of a short request. Here a request only hands over its
fields; all lines of a tenth of a second are made together and written by few calls. Errors are
written at once. A process that is killed loses the lines of its last tenth of a second.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from select import PIPE_BUF
from time import time
from typing import Any, NamedTuple

from telemetry.json_lines import serialize_event

LOGGER = "middleware.access"
FLUSH_SECONDS = 0.1
MOST_LINES = 256
"""Lines that wait for a batch: more are written before their time, so memory is bounded."""


class _Line(NamedTuple):
    at: float  # Unix time
    level: int
    fields: dict[str, Any]


class RequestLog:
    """The lines that wait to be written, and their output.

    It belongs to one event loop: only its thread adds lines.

    Attributes:
        level: of `logging`, below which lines are not to be added.
    """

    def __init__(self) -> None:
        self.level = logging.INFO
        self._lines: list[_Line] = []
        self._write: Callable[[bytes], object] = _write_to_stderr
        self._serialize: Callable[[dict[str, Any]], bytes] = serialize_event

    def configure(
        self,
        write: Callable[[bytes], object],
        level: int,
        serialize: Callable[[dict[str, Any]], bytes] = serialize_event,
    ) -> None:
        """Set the level, the form of a line, and the output.

        The output takes whole lines without the last line end.
        """
        self.flush()
        self._write, self.level, self._serialize = write, level, serialize

    def add(self, level: int, fields: dict[str, Any]) -> None:
        """Add the line of a request that has just ended.

        Args:
            level: of `logging`.
            fields: of the line; the log adds event, level, logger and timestamp to it.
        """
        if not self._lines:
            _call_later(self.flush)
        self._lines.append(_Line(time(), level, fields))
        if level >= logging.ERROR or len(self._lines) >= MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait."""
        lines, self._lines = self._lines, []
        # Workers share one pipe, where only writes of up to PIPE_BUF bytes are never mixed with
        # those of another process.
        batch: list[bytes] = []
        size = 0
        for rendered in map(self._render, lines):
            if size + len(rendered) + 1 > PIPE_BUF and batch:
                self._write(b"\n".join(batch))
                batch, size = [], 0
            batch.append(rendered)
            size += len(rendered) + 1
        if batch:
            self._write(b"\n".join(batch))

    def _render(self, line: _Line) -> bytes:
        at = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="microseconds")
        line.fields.update(
            event="request",
            level=logging.getLevelName(line.level).lower(),
            logger=LOGGER,
            timestamp=at.replace("+00:00", "Z"),
        )
        return self._serialize(line.fields)


def _call_later(function: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(FLUSH_SECONDS, function)


def _write_to_stderr(lines: bytes) -> None:
    sys.stderr.buffer.write(lines + b"\n")
    sys.stderr.buffer.flush()


request_log = RequestLog()
"""The access log of this process."""
