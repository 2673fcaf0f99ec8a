"""Buffer for audit events of refused requests, written off the request path.

*Invariants*

- `record` never waits, and a flood of refusals writes little: refusals of one address for one
  reason become one event with a count, and at most `size` events are pending.
- Events that are dropped from a full buffer are counted, and the count is written.
- An event holds a public id at most, never a key or token: paths are written, queries are not.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import anyio
import anyio.to_thread
import structlog
from starlette.types import Scope

from middleware.context import caller_of, context_of
from storage.audit import AuditEvent
from storage.errors import StorageError

Record = Callable[[AuditEvent], None]
"""Callable that takes an event without waiting, such as `AuditBuffer.record`."""

WINDOW = 10.0
SIZE = 256
MAX_PATH = 200
MAX_METHOD = 20

_log = structlog.get_logger(__name__)


def refusal_event(scope: Scope, reason: str, *, at: datetime, subject: str = "") -> AuditEvent:
    """Return the audit event of a refused request.

    Args:
        reason: from a small set, such as `wrong_secret`.
        subject: the public id of the presented key, if there was one.
    """
    caller = caller_of(scope)
    return AuditEvent(
        at=at,
        actor=caller.subject,
        action=f"refused.{reason}",
        subject=subject,
        address=caller.address,
        request_id=context_of(scope).request_id,
        detail=f"{scope['method'][:MAX_METHOD]} {scope['path'][:MAX_PATH]}",
    )


@dataclass(slots=True)
class _PendingEvent:
    event: AuditEvent
    since: float
    count: int = 1

    def event_with_count(self) -> AuditEvent:
        if self.count == 1:
            return self.event
        detail = f"{self.event.detail} and others like it, {self.count} in all"
        return replace(self.event, detail=detail)


class AuditBuffer:
    """Collector of events. Call `flush` every few seconds, and with `everything` at shutdown.

    Args:
        write: writes all events or none; blocks, and raises StorageError on failure.
        window: seconds in which events of one address and action are merged.
        size: maximum of pending events; beyond it the oldest is dropped.
        clock: seconds, monotonic.
        now: the time of day, aware.
    """

    def __init__(
        self,
        write: Callable[[Sequence[AuditEvent]], object],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        window: float = WINDOW,
        size: int = SIZE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._now = now
        self._window = window
        self._size = size
        self._clock = clock
        self._waiting: OrderedDict[tuple[str | None, str], _PendingEvent] = OrderedDict()
        self._thread = anyio.CapacityLimiter(1)
        self._unwritten = 0
        self.dropped = 0

    def record(self, event: AuditEvent) -> None:
        """Add an event to the buffer, merged with a pending one of the same address and action."""
        self._add_pending(_PendingEvent(event, self._clock()))

    async def flush(self, *, everything: bool = False) -> None:
        """Write the events whose window is over, or all; on failure they stay pending."""
        due = self._take_due(everything)
        unwritten, self._unwritten = self._unwritten, 0
        events = [waiting.event_with_count() for waiting in due]
        if unwritten:
            events.append(self._loss_event(unwritten))
        if not events:
            return
        try:
            await anyio.to_thread.run_sync(self._write, events, limiter=self._thread)
        except StorageError as error:
            self._unwritten += unwritten
            self._put_back(due)
            _log.warning("audit_not_written", error=type(error).__name__, events=len(events))

    def _add_pending(self, waiting: _PendingEvent) -> None:
        key = (waiting.event.address, waiting.event.action)
        present = self._waiting.get(key)
        if present is not None:
            present.count += waiting.count
            return
        if len(self._waiting) >= self._size:
            _, oldest = self._waiting.popitem(last=False)
            self.dropped += oldest.count
            self._unwritten += oldest.count
        self._waiting[key] = waiting

    def _take_due(self, everything: bool) -> list[_PendingEvent]:
        """Remove and return the events to write now, oldest first."""
        until = self._clock() - self._window
        due = []
        while self._waiting:
            key, waiting = next(iter(self._waiting.items()))
            if not everything and waiting.since > until:
                break
            due.append(self._waiting.pop(key))
        return due

    def _put_back(self, due: Sequence[_PendingEvent]) -> None:
        """Put unwritten events back in front of the newer ones: the oldest are dropped first."""
        newer, self._waiting = self._waiting, OrderedDict()
        for waiting in (*due, *newer.values()):
            self._add_pending(waiting)

    def _loss_event(self, count: int) -> AuditEvent:
        detail = f"{count} refusals were not recorded one by one: too many waited to be written"
        return AuditEvent(at=self._now(), actor="audit", action="refused.dropped", detail=detail)
