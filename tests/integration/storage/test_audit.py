"""The audit log: complete, in order, and without secrets for any input."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from storage.audit import AuditEvent, AuditLog
from storage.keys import mint_key

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def log(engine: Engine) -> AuditLog:
    return AuditLog(engine)


def event(number: int = 0) -> AuditEvent:
    return AuditEvent(
        at=NOON + timedelta(seconds=number), actor=f"a{number}", action="auth.refused"
    )


def test_an_event_round_trips(log: AuditLog) -> None:
    full = AuditEvent(
        at=NOON,
        actor="ann",
        action="auth.refused",
        subject="QrZBNkeQBVcK",
        address="2001:db8::1",
        request_id="r-1",
        detail="expired in München",
    )
    log.record([full, event()])
    assert [entry.event for entry in log.latest(10)] == [event(), full]


def test_the_newest_come_first_and_older_ones_page_by_page(log: AuditLog) -> None:
    log.record([event(number) for number in range(5)])
    log.record([])
    first = log.latest(2)
    second = log.latest(2, before=first[-1].id)
    third = log.latest(2, before=second[-1].id)
    names = [[entry.event.actor for entry in page] for page in (first, second, third)]
    assert names == [["a4", "a3"], ["a2", "a1"], ["a0"]]
    assert log.latest(2, before=third[-1].id) == ()


def test_long_texts_are_truncated(log: AuditLog) -> None:
    long = "ü-" * 5000
    log.record(
        [
            AuditEvent(
                at=NOON,
                actor=long,
                action=long,
                subject=long,
                address=long,
                request_id=long,
                detail=long,
            )
        ]
    )
    (entry,) = log.latest(1)
    stored = entry.event
    texts = (
        stored.actor,
        stored.action,
        stored.subject,
        stored.address,
        stored.request_id,
        stored.detail,
    )
    assert [len(text or "") for text in texts] == [200, 50, 200, 100, 128, 1000]
    assert all(long.startswith(text or "") for text in texts)


def test_a_key_that_is_passed_by_mistake_is_masked(log: AuditLog) -> None:
    key = mint_key()
    secret = key.secret
    log.record([AuditEvent(at=NOON, actor=key.text, action="x", subject=secret, detail=key.text)])
    stored = repr(log.latest(1))
    assert secret not in stored
    assert key.public_id in stored


def test_control_characters_are_replaced(log: AuditLog) -> None:
    """They can come from a header of a caller."""
    log.record([AuditEvent(at=NOON, actor="a\x00b", action="x", detail="\x1b[31m\ud800\n{}")])
    (entry,) = log.latest(1)
    assert entry.event.actor == "a\ufffdb"
    assert entry.event.detail == "\ufffd[31m\ufffd\ufffd{}"


def test_an_event_without_a_time_zone_is_a_fault_of_the_program(log: AuditLog) -> None:
    naive = AuditEvent(at=NOON.replace(tzinfo=None), actor="a", action="x")
    with pytest.raises(Exception, match="time zone"):
        log.record([naive])
    assert log.latest(1) == ()
