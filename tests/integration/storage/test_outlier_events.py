"""Outliers in the database: adopted once, continued, listed, and acknowledged by a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.audit import Actor, AuditLog
from storage.database import writing
from storage.errors import UnknownOutlierError
from storage.outlier_events import (
    NewOutlierEvent,
    OutlierEventStore,
    OutlierFilter,
    StoredOutlierEvent,
    adopt_events,
)
from tests.support.clock import Clock

FIRST, DAY = date(2024, 6, 27), timedelta(1)
AT = datetime(2026, 3, 1, 3, tzinfo=UTC)
ANN, BOB = Actor("key:ann"), Actor("key:bob")
EVENT = NewOutlierEvent(
    kind="closed-site",
    severity="warning",
    node="store:10",
    series_column="sales",
    first=FIRST,
    last=FIRST,
    value=0.0,
    expected=812.5,
    message="store:10 sold nothing",
    replaced=False,
)


@pytest.fixture
def store(engine: Engine, clock: Clock[datetime]) -> OutlierEventStore:
    return OutlierEventStore(engine, clock)


def adopt(engine: Engine, *events: NewOutlierEvent, at: datetime = AT) -> list[StoredOutlierEvent]:
    with writing(engine) as connection:
        return list(adopt_events(connection, f"snapshot of {at:%d}", events, at=at))


def test_an_event_is_new_once(engine: Engine, store: OutlierEventStore) -> None:
    (new,) = adopt(engine, EVENT)
    assert adopt(engine, EVENT, at=AT + DAY) == []
    assert store.list(OutlierFilter(), 10) == (new,)
    assert (new.snapshot, new.recorded_at, new.updated_at) == ("snapshot of 01", AT, AT)
    assert {name: getattr(new, name) for name in EVENT.__dataclass_fields__} == {
        name: getattr(EVENT, name) for name in EVENT.__dataclass_fields__
    }


def test_an_event_that_goes_on_stays_one(engine: Engine, store: OutlierEventStore) -> None:
    (new,) = adopt(engine, EVENT)
    store.acknowledge(new.id, real=True, note="", client="ann", by=ANN)
    longer = replace(EVENT, last=FIRST + 5 * DAY, expected=4875.0, replaced=True)
    assert adopt(engine, longer, at=AT + DAY) == []
    (event,) = store.list(OutlierFilter(), 10)
    assert (event.id, event.last, event.expected) == (new.id, FIRST + 5 * DAY, 4875.0)
    assert (event.replaced, event.snapshot, event.updated_at) == (True, "snapshot of 02", AT + DAY)
    assert event.recorded_at == AT
    assert event.acknowledged_by == "ann"


def test_nothing_is_recorded_of_a_snapshot_without_outliers(engine: Engine) -> None:
    assert adopt(engine) == []


def test_a_failure_of_the_caller_records_nothing(engine: Engine, store: OutlierEventStore) -> None:
    def adopt_and_fail() -> None:
        with writing(engine) as connection:
            adopt_events(connection, "s", [EVENT], at=AT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        adopt_and_fail()
    assert store.list(OutlierFilter(), 10) == ()


OTHERS = (
    EVENT,
    replace(EVENT, kind="spike", node="store:1/family:DAIRY", first=FIRST + DAY, last=FIRST + DAY),
    replace(EVENT, kind="decimal-shift", severity="critical", first=FIRST - 9 * DAY, last=FIRST),
)


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        pytest.param({}, ["decimal-shift", "spike", "closed-site"], id="all, the newest first"),
        pytest.param({"kind": "spike"}, ["spike"], id="of a kind"),
        pytest.param({"node": "store:10"}, ["decimal-shift", "closed-site"], id="of a node"),
        pytest.param({"severity": "critical"}, ["decimal-shift"], id="of a severity"),
        pytest.param({"first": FIRST + DAY}, ["spike"], id="from a day on"),
        pytest.param({"last": FIRST - DAY}, ["decimal-shift"], id="up to a day"),
        pytest.param({"acknowledged": True}, ["closed-site"], id="acknowledged"),
        pytest.param({"acknowledged": False}, ["decimal-shift", "spike"], id="open"),
    ],
)
def test_events_are_listed_by_a_filter(
    engine: Engine, store: OutlierEventStore, wanted: dict[str, Any], kinds: list[str]
) -> None:
    first, *_ = adopt(engine, *OTHERS)
    store.acknowledge(first.id, real=False, note="", client="ann", by=ANN)
    assert [each.kind for each in store.list(OutlierFilter(**wanted), 10)] == kinds


def test_pages_do_not_overlap(engine: Engine, store: OutlierEventStore) -> None:
    adopt(engine, *OTHERS)
    page = store.list(OutlierFilter(), 2)
    rest = store.list(OutlierFilter(), 2, before=page[-1].id)
    assert [each.kind for each in (*page, *rest)] == ["decimal-shift", "spike", "closed-site"]


def test_an_acknowledgement_is_audited_and_stays(
    engine: Engine, store: OutlierEventStore, clock: Clock[datetime]
) -> None:
    (new,) = adopt(engine, EVENT)
    done = store.acknowledge(new.id, real=True, note="the fair", client="ann", by=ANN)
    assert (done.acknowledged_at, done.acknowledged_by) == (clock(), "ann")
    assert (done.real, done.note) == (True, "the fair")
    assert store.acknowledge(new.id, real=False, note="", client="bob", by=BOB) == done
    (entry,) = AuditLog(engine).latest(10)
    assert (entry.event.actor, entry.event.action) == ("key:ann", "outlier.acknowledge")
    assert entry.event.subject == str(new.id)
    assert entry.event.detail == "closed-site of store:10, 2024-06-27 to 2024-06-27: real"


def test_an_unknown_outlier_cannot_be_acknowledged(store: OutlierEventStore) -> None:
    with pytest.raises(UnknownOutlierError, match="no outlier 7"):
        store.acknowledge(7, real=True, note="", client="ann", by=ANN)
