"""The buffer of the audit log: little is written, nothing is lost unnoticed, nobody waits."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import anyio
import pytest

from middleware.audit_buffer import AuditBuffer
from storage.audit import AuditEvent
from storage.errors import StorageError

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def event(
    address: str = "192.0.2.1", reason: str = "wrong_secret", subject: str = "a"
) -> AuditEvent:
    return AuditEvent(
        at=NOW,
        actor=f"ip:{address}",
        action=f"refused.{reason}",
        subject=subject,
        address=address,
        request_id="r",
        detail="GET /",
    )


class Desk:
    """A buffer, the clock that it goes by, and what it has written."""

    def __init__(self, size: int = 4) -> None:
        self.time = 100.0
        self.written: list[AuditEvent] = []
        self.threads: list[threading.Thread] = []
        self.fails = False
        self.buffer = AuditBuffer(self._write, now=lambda: NOW, size=size, clock=lambda: self.time)

    def _write(self, events: Sequence[AuditEvent]) -> None:
        self.threads.append(threading.current_thread())
        if self.fails:
            raise StorageError("the database is away")
        self.written.extend(events)

    def record(self, *events: AuditEvent) -> None:
        for one in events:
            self.buffer.record(one)

    def flush(self, *, everything: bool = False) -> list[AuditEvent]:
        self.written.clear()

        async def run() -> None:
            # limits of threads belong to an event loop, and each run has its own
            self.buffer._thread = anyio.CapacityLimiter(1)
            await self.buffer.flush(everything=everything)

        anyio.run(run)
        return list(self.written)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_event_is_written_when_its_window_is_over(desk: Desk) -> None:
    desk.record(event())
    desk.time += 9.9
    assert desk.flush() == []
    desk.time += 0.1
    assert desk.flush() == [event()]
    assert desk.flush() == []


def test_what_waits_is_written_at_the_end(desk: Desk) -> None:
    desk.record(event())
    assert desk.flush(everything=True) == [event()]


def test_refusals_of_one_address_for_one_reason_are_one_event(desk: Desk) -> None:
    desk.record(event(subject="first"), *(event(subject=f"{n}") for n in range(99)))
    detail = "GET / and others like it, 100 in all"
    assert desk.flush(everything=True) == [replace(event(subject="first"), detail=detail)]


def test_other_addresses_and_reasons_are_other_events(desk: Desk) -> None:
    events = [event(), event(address="192.0.2.2"), event(reason="expired")]
    desk.record(*events)
    assert desk.flush(everything=True) == events


def test_a_new_window_opens_after_the_last_one_was_written(desk: Desk) -> None:
    desk.record(event())
    desk.time += 10
    assert desk.flush() == [event()]
    desk.record(event())
    assert desk.flush() == []
    desk.time += 10
    assert desk.flush() == [event()]


def test_only_what_is_due_is_written(desk: Desk) -> None:
    desk.record(event())
    desk.time += 6
    desk.record(event(address="192.0.2.2"))
    desk.time += 6
    assert desk.flush() == [event()]
    desk.time += 6
    assert desk.flush() == [event(address="192.0.2.2")]


def test_the_oldest_are_dropped_and_counted(desk: Desk) -> None:
    """A flood from many addresses neither fills the memory nor the database."""
    desk.record(event(address="0"), event(address="0"))
    desk.record(*(event(address=f"{number}") for number in range(1, 6)))
    written = desk.flush(everything=True)
    assert [one.address for one in written] == ["2", "3", "4", "5", None]
    assert written[-1].action == "refused.dropped"
    assert written[-1].detail.startswith("3 refusals were not recorded")
    assert desk.buffer.dropped == 3
    assert desk.flush(everything=True) == []


def test_what_cannot_be_written_waits_on(desk: Desk) -> None:
    desk.fails = True
    desk.record(event(), event())
    assert desk.flush(everything=True) == []
    desk.record(event(), event(address="192.0.2.2"))
    desk.fails = False
    first, second = desk.flush(everything=True)
    assert first.detail.endswith("3 in all")
    assert second == event(address="192.0.2.2")


def test_what_waits_on_keeps_its_bound_and_its_losses(desk: Desk) -> None:
    desk.fails = True
    desk.record(*(event(address=f"{number}") for number in range(5)))
    desk.flush(everything=True)
    desk.record(event(address="9"))
    desk.flush(everything=True)
    desk.fails = False
    written = desk.flush(everything=True)
    assert [one.address for one in written] == ["2", "3", "4", "9", None]
    assert written[-1].detail.startswith("2 refusals")


def test_writing_does_not_hold_up_the_event_loop(desk: Desk) -> None:
    desk.record(event())
    desk.flush(everything=True)
    assert desk.threads != []
    assert threading.main_thread() not in desk.threads


def test_a_failure_is_logged_without_its_message(desk: Desk, log_lines) -> None:  # type: ignore[no-untyped-def]
    desk.fails = True
    desk.record(event())
    desk.flush(everything=True)
    (line,) = log_lines()
    assert (line["event"], line["error"], line["events"]) == (
        "audit_not_written",
        "StorageError",
        1,
    )
