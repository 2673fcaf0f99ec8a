"""The database of keys fails and recovers, under load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.artifacts import Store
from storage.keys import mint_key
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Request
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with running_postgresql() as server:
        yield PostgreSQL(server)


def newest(target: Target) -> Request:
    return target.draw.newest()


def test_an_outage_of_the_database_affects_only_keys_that_are_not_cached(
    trained: Store, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    with two_workers(tmp_path, trained, DATABASE_URL=postgresql.url) as target:
        key, other = target.new_key("known"), target.new_key("not-seen-yet")
        with target.load(key=key) as load:
            target.wait_for_all_workers(load)
            with postgresql.outage():
                load.until(lambda: target.is_degraded("database"))
                load.more(100)
                for unknown in (other, mint_key().text):
                    refused = target.post(newest(target), unknown)
                    assert refused.status_code == 503
                    assert refused.json()["code"] == "KEYS_UNAVAILABLE"
                    assert int(refused.headers["retry-after"]) >= 1
            back = load.until(lambda: target.is_healthy("database"))
            assert target.post(newest(target), other).status_code == 200
            assert target.post(newest(target), target.new_key("new")).status_code == 200
            load.more(50)
        print(f"well after {back:.2f} s; {load.sends}")
        assert len(load.sends.of(200)) == len(load.sends.all)


def test_a_server_that_starts_before_its_database_migrates_it_later(
    trained: Store, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    """API_KEY needs no database."""
    postgresql.empty()
    postgresql.stop()
    with two_workers(tmp_path, trained, DATABASE_URL=postgresql.url) as target:
        assert target.post(newest(target)).status_code == 200
        wait_until(lambda: target.is_degraded("database"))
        assert target.post(newest(target), mint_key().text).json()["code"] == "KEYS_UNAVAILABLE"
        with target.load() as load:
            postgresql.start()
            made = Request("/admin/keys", {"client": "first", "scopes": ["forecast"]})
            took = load.until(lambda: target.post(made).status_code == 201)
            load.until(lambda: target.is_healthy("database"))
        print(f"migrated after {took:.2f} s; {load.sends}")
        assert len(load.sends.of(200)) == len(load.sends.all)
        assert target.post(newest(target), target.new_key("second")).status_code == 200
