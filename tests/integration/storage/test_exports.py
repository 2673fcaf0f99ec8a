"""Records of exports: found by their callers, deleted by expiry, swept by the runner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from storage.audit import Actor, AuditLog
from storage.exports import ExportState, ExportStore, StoredExport
from tests.support.clock import Clock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = Actor("key:anna")
EXPORT = StoredExport(
    id="0123456789abcdef",
    caller="key:anna",
    state=ExportState.SUCCEEDED,
    request='{"format": "csv"}',
    bundle="a-bundle",
    snapshot="a-snapshot",
    queued_at=NOW,
    started_at=NOW,
    finished_at=NOW,
    expires_at=NOW + timedelta(days=7),
    rows=3,
    bytes=5_000_000_000,
    sha256="f" * 64,
)


@pytest.fixture
def wall() -> Clock[datetime]:
    return Clock(NOW)


@pytest.fixture
def store(engine: Engine, wall: Clock[datetime]) -> ExportStore:
    return ExportStore(engine, wall)


def test_an_export_is_stored_as_it_is(store: ExportStore) -> None:
    assert store.add(EXPORT)
    assert store.find(EXPORT.id) == EXPORT
    assert store.find("unknown") is None


def test_the_first_record_of_an_export_stays(store: ExportStore) -> None:
    store.add(EXPORT)
    assert not store.add(replace(EXPORT, state=ExportState.FAILED))
    assert store.find(EXPORT.id) == EXPORT


def test_every_export_has_a_secret_of_its_own_which_no_text_of_it_shows() -> None:
    other = replace(EXPORT, secret=StoredExport.__dataclass_fields__["secret"].default_factory())
    assert len(other.secret) == 64
    assert other.secret != EXPORT.secret
    assert EXPORT.secret not in repr(EXPORT)


def test_the_exports_of_a_caller_are_listed_newest_first(store: ExportStore) -> None:
    newer = replace(EXPORT, id="newer", queued_at=NOW + timedelta(hours=1))
    for each in (EXPORT, newer, replace(EXPORT, id="of ben", caller="key:ben")):
        store.add(each)
    assert store.of_caller("key:anna", 10) == [newer, EXPORT]
    assert store.of_caller("key:anna", 1) == [newer]


def test_an_export_expires_by_time_or_by_its_deletion(
    store: ExportStore, wall: Clock[datetime], engine: Engine
) -> None:
    deleted = replace(EXPORT, id="deleted")
    store.add(EXPORT)
    store.add(deleted)
    store.expire(deleted, by=ANNA)
    store.expire(deleted, by=ANNA)
    assert store.of_caller("key:anna", 10) == [EXPORT]
    assert [each.id for each in store.expired()] == ["deleted"]
    (entry,) = AuditLog(engine).latest(10)
    assert (entry.event.action, entry.event.subject) == ("export.delete", "deleted")
    wall.now += timedelta(days=7)
    assert store.of_caller("key:anna", 10) == []
    assert {each.id for each in store.expired()} == {"deleted", EXPORT.id}


def test_files_count_until_their_rows_are_removed(store: ExportStore) -> None:
    assert store.used_bytes() == 0
    store.add(EXPORT)
    store.add(replace(EXPORT, id="deleted"))
    store.expire(replace(EXPORT, id="deleted"), by=ANNA)
    assert store.used_bytes() == 10_000_000_000
    store.remove(["deleted"])
    assert store.used_bytes() == 5_000_000_000
    assert store.ids() == {EXPORT.id}


def test_the_exports_among_some_ids_are_found_those_too_that_have_expired(
    store: ExportStore,
) -> None:
    store.add(EXPORT)
    store.add(replace(EXPORT, id="deleted"))
    store.add(replace(EXPORT, id="other"))
    store.expire(replace(EXPORT, id="deleted"), by=ANNA)
    assert store.ids([EXPORT.id, "deleted", "unknown"]) == {EXPORT.id, "deleted"}
    assert store.ids([]) == set()
