"""The database is away while predictions are recorded: nothing fails, and what is lost is counted.

`OUTAGE_SECONDS` in the environment makes the outage longer than the tests need.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import psycopg
import pytest

from storage.artifacts import Store
from tests.failure.conftest import Target, two_workers
from tests.failure.load import Mix, Request
from tests.support.postgresql import PostgreSQL, running_postgresql
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

SECONDS = float(os.environ.get("OUTAGE_SECONDS", "5"))
MOST_GROWTH = 60 * 2**20
"""Bytes by which a worker may grow meanwhile: the bound of its buffer several times."""

RECORDED, DROPPED = "mlrf_feedback_recorded_total", "mlrf_feedback_dropped_total"


def count_stored(postgresql: PostgreSQL) -> int:
    with psycopg.connect(postgresql.url) as connection:
        row = connection.execute("select count(*) from prediction_feedback").fetchone()
    assert row is not None
    return int(row[0])


def memory_of(target: Target) -> int:
    return max(int(worker.memory_info().rss) for worker in target.workers())


def test_recording_survives_an_outage_of_the_database(trained: Store, tmp_path: Path) -> None:
    with (
        running_postgresql() as server,
        two_workers(
            tmp_path, trained, DATABASE_URL=(postgresql := PostgreSQL(server)).url, FEEDBACK="1"
        ) as target,
    ):
        features = target.get("/meta").json()["features"]
        series = Mix(target.get("/meta").json())

        def draw() -> Request:
            document = {"features": dict.fromkeys(features[:1]), **series.newest().document}
            document.pop("horizon")  # type: ignore[union-attr]
            return Request("/predict", document)

        with target.load(draw) as load:
            target.wait_for_all_workers(load)
            load.until(lambda: target.metric(RECORDED) > 0)
            before = memory_of(target)
            with postgresql.outage():
                began = time.monotonic()
                load.until(lambda: target.metric(DROPPED, reason="full") > 0, 120)
                load.until(lambda: time.monotonic() - began > SECONDS, SECONDS + 60)
                lost = target.metric(DROPPED)
                growth = memory_of(target) - before
            recorded = target.metric(RECORDED)
            load.until(lambda: target.metric(RECORDED) > recorded + 250, 60)
        print(f"{load.sends}; lost {lost:.0f}; a worker grew by {growth / 2**20:.1f} MB")
        assert len(load.sends.of(200)) == len(load.sends.all)
        assert growth < MOST_GROWTH
        wait_until(lambda: target.metric(RECORDED) == count_stored(postgresql))
