"""The audit buffer: few writes, counted losses, and no waiting requests."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import anyio
import pytest

from middleware.auth.audit_buffer import AuditBuffer
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


class AuditBench:
    """A buffer with its clock and the events it has written."""

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
            # thread limiters belong to an event loop, and each run has its own loop
            self.buffer._thread = anyio.CapacityLimiter(1)
            await self.buffer.flush(everything=everything)

        anyio.run(run)
        return list(self.written)


@pytest.fixture
def bench() -> AuditBench:
    return AuditBench()


def test_an_event_is_written_when_its_window_is_over(bench: AuditBench) -> None:
    bench.record(event())
    bench.time += 9.9
    assert bench.flush() == []
    bench.time += 0.1
    assert bench.flush() == [event()]
    assert bench.flush() == []


def test_waiting_events_are_written_at_shutdown(bench: AuditBench) -> None:
    bench.record(event())
    assert bench.flush(everything=True) == [event()]


def test_refusals_of_one_address_for_one_reason_are_one_event(bench: AuditBench) -> None:
    bench.record(event(subject="first"), *(event(subject=f"{n}") for n in range(99)))
    detail = "GET / and others like it, 100 in all"
    assert bench.flush(everything=True) == [replace(event(subject="first"), detail=detail)]


def test_other_addresses_and_reasons_are_other_events(bench: AuditBench) -> None:
    events = [event(), event(address="192.0.2.2"), event(reason="expired")]
    bench.record(*events)
    assert bench.flush(everything=True) == events


def test_a_new_window_opens_after_the_last_one_was_written(bench: AuditBench) -> None:
    bench.record(event())
    bench.time += 10
    assert bench.flush() == [event()]
    bench.record(event())
    assert bench.flush() == []
    bench.time += 10
    assert bench.flush() == [event()]


def test_only_due_events_are_written(bench: AuditBench) -> None:
    bench.record(event())
    bench.time += 6
    bench.record(event(address="192.0.2.2"))
    bench.time += 6
    assert bench.flush() == [event()]
    bench.time += 6
    assert bench.flush() == [event(address="192.0.2.2")]


def test_the_oldest_are_dropped_and_counted(bench: AuditBench) -> None:
    """A flood from many addresses fills neither memory nor database."""
    bench.record(event(address="0"), event(address="0"))
    bench.record(*(event(address=f"{number}") for number in range(1, 6)))
    written = bench.flush(everything=True)
    assert [one.address for one in written] == ["2", "3", "4", "5", None]
    assert written[-1].action == "refused.dropped"
    assert written[-1].detail.startswith("3 refusals were not recorded")
    assert bench.buffer.dropped == 3
    assert bench.flush(everything=True) == []


def test_events_that_cannot_be_written_stay_in_the_buffer(bench: AuditBench) -> None:
    bench.fails = True
    bench.record(event(), event())
    assert bench.flush(everything=True) == []
    bench.record(event(), event(address="192.0.2.2"))
    bench.fails = False
    first, second = bench.flush(everything=True)
    assert first.detail.endswith("3 in all")
    assert second == event(address="192.0.2.2")


def test_retained_events_keep_the_bound_and_the_count_of_losses(bench: AuditBench) -> None:
    bench.fails = True
    bench.record(*(event(address=f"{number}") for number in range(5)))
    bench.flush(everything=True)
    bench.record(event(address="9"))
    bench.flush(everything=True)
    bench.fails = False
    written = bench.flush(everything=True)
    assert [one.address for one in written] == ["2", "3", "4", "9", None]
    assert written[-1].detail.startswith("2 refusals")


def test_writing_does_not_block_the_event_loop(bench: AuditBench) -> None:
    bench.record(event())
    bench.flush(everything=True)
    assert bench.threads != []
    assert threading.main_thread() not in bench.threads


def test_a_failure_is_logged_without_its_message(bench: AuditBench, log_lines) -> None:  # type: ignore[no-untyped-def]
    bench.fails = True
    bench.record(event())
    bench.flush(everything=True)
    (line,) = log_lines()
    assert (line["event"], line["error"], line["events"]) == (
        "audit_not_written",
        "StorageError",
        1,
    )
